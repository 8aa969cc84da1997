"""One pristine notebook under nbval, in a process of its own; what became of each cell, as lines of JSON.

Idea      `python -m classroom.grading.inner notebook.ipynb cells.jsonl` is started by run.py, which
          may end it at any moment. nbval runs the cells and compares what the tagged ones show.
          Of that, the grade leaves out pictures, HTML, stderr, figures, and lines that an answer
          printed: right answers differ in those.
Not here  Starting and ending it (run.py), the verdict on the answers (verdicts.py).
Source    nbval's documentation, "Lax mode", "Sanitize"; getrlimit(2), RLIMIT_AS.
"""

import argparse
import functools
import json
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

# Counts of runs and seconds differ from one right answer to another.
FIGURES = "regex: \\d+(\\.\\d+)?\nreplace: N\n"


def can_limit_memory() -> bool:
    """Does this system keep a process to RLIMIT_AS? Windows has none, macOS has one and ignores it."""
    return sys.platform.startswith("linux")


def limit_memory(megabytes: int) -> None:
    """Hold this process, and every one that it starts, to so much address space each."""
    if can_limit_memory():
        import resource

        limit = megabytes * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


KERNEL = "kernel.pid"  # the file beside the notebook in which the kernel's process id is noted


class KernelDied(Exception):
    """The kernel's process ended while a cell was running."""


class Recorder:
    """A pytest plugin that writes a line a cell, and makes nbval milder and quicker where it should be."""

    def __init__(self, record: Path) -> None:
        self._record = record

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            item.compare_outputs = functools.partial(_compare, item, item.compare_outputs)

    def pytest_runtest_call(self, item: Any) -> None:
        kernel = item.parent.kernel
        kernel.await_reply = functools.partial(_await_reply, kernel)
        item.path.with_name(KERNEL).write_text(str(kernel.km.provisioner.pid), encoding="utf-8")

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "setup" and report.failed:
            self._write(
                {"cell": "", "outcome": "no kernel", "error": str(report.longrepr)[-2000:], "type": ""}
            )

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        if call.when != "call":
            return
        line = {"cell": item.cell.id, "outcome": "passed", "error": "", "type": ""}
        error = call.excinfo.value if call.excinfo else None
        if item.parent.timed_out:
            line["outcome"] = "timed out"
        elif isinstance(error, KernelDied):
            line["outcome"] = "died"
        elif error is not None and str(error) == "Cell outputs differ":
            line |= {"outcome": "differs", "error": str(error.inner_traceback)}
        elif error is not None:
            raised = [out for out in item.test_outputs or [] if out.output_type == "error"]
            line["outcome"] = "raised"
            line |= {"error": str(error)}
            if raised:
                line |= {"type": raised[-1]["ename"], "error": raised[-1]["evalue"]}
        self._write(line)

    def _write(self, line: dict[str, str]) -> None:
        with self._record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def _compare(item: Any, compare: Any, seen: list[Any], stored: list[Any]) -> bool:
    """nbval's comparison, of text alone. Lines on stdout that the stored output lacks are an answer's own."""
    stored = _text_alone(stored)
    lines = {item.sanitize(line) for out in stored for line in out.get("text", "").splitlines()}
    seen = _text_alone(seen)
    for out in seen:
        if "text" in out:
            said = out["text"].splitlines(keepends=True)
            out["text"] = "".join(line for line in said if item.sanitize(line.rstrip("\n")) in lines)
    seen = [out for out in seen if out.get("text", "kept")]
    return bool(compare(seen, stored))


def _text_alone(outputs: list[Any]) -> list[Any]:
    from nbformat import from_dict

    kept: list[Any] = []
    for out in outputs:
        if out.output_type == "stream" and out.name == "stdout":
            kept.append(from_dict(dict(out)))
        elif out.output_type in ("display_data", "execute_result"):
            plain = {"text/plain": out.data["text/plain"]} if "text/plain" in out.data else {}
            kept.append(from_dict({"output_type": out.output_type, "data": plain}))
    return kept


def _await_reply(kernel: Any, msg_id: str, timeout: float) -> None:
    """As nbval's, which waits its whole timeout for a kernel that has died; this one looks each second."""
    until = time.monotonic() + timeout
    while (left := until - time.monotonic()) > 0:
        try:
            message = kernel.get_message(stream="shell", timeout=min(1.0, left))
        except Empty:
            if not kernel.is_alive():
                raise KernelDied from None
            continue
        if message["parent_header"].get("msg_id") == msg_id:
            return
    raise Empty


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="One notebook under nbval; called by the grade.")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("record", type=Path)
    parser.add_argument("--cell-timeout", type=float, required=True)
    parser.add_argument("--memory", type=int, required=True, help="MB for each process")
    options = parser.parse_args(argv)
    limit_memory(options.memory)
    folder = options.notebook.parent
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "sanitize.cfg").write_text(FIGURES, encoding="utf-8")

    import pytest

    arguments = [
        str(options.notebook),
        *("-p", "nbval.plugin", "--nbval-lax", "--nbval-current-env", "-x", "-q", "--color=no"),
        f"--nbval-cell-timeout={options.cell_timeout:g}",
        f"--nbval-sanitize-with={folder / 'sanitize.cfg'}",
        *("-c", str(folder / "pytest.ini"), f"--rootdir={folder}", "-p", "no:cacheprovider"),
    ]
    return int(pytest.main(arguments, plugins=[Recorder(options.record)]))


if __name__ == "__main__":
    sys.exit(main())
