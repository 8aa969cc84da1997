"""A pristine notebook with somebody's answers, run in a fresh process with limits.

Idea      The process of inner.py, and the kernel that it starts, get an environment of their own
          and a temporary folder, so much memory and so much time. When the time is over, or the
          grade is interrupted, both are ended with all that they started: the kernel sits in a
          process group of its own, so ending the first group alone would leave it running.
Not here  What runs in there (inner.py), what the result means (grade.py).
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from classroom.grading import verdicts
from classroom.grading.course import CourseError
from classroom.grading.inner import KERNEL
from classroom.grading.notebook import text

MEMORY = 4_000  # MB of address space a process; a kernel with matplotlib and FastAPI maps about 1,500


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of a cell: passed, raised, differs, timed out, died. type and error: of what it raised."""

    cell: str
    outcome: str
    error: str
    type: str


@dataclass(frozen=True)
class Outcome:
    """What one run left behind. forged: why its verdicts cannot be believed, or ""."""

    cells: list[Cell]
    verdicts: list[verdicts.Verdict]
    timed_out: bool
    forged: str = ""
    log: str = field(default="", repr=False)


def run(notebook: NotebookNode, *, name: str, timeout: float, memory: int = MEMORY) -> Outcome:
    """Run a notebook under nbval. timeout: seconds for all of it; a single cell gets three quarters.

    Raises CourseError if no kernel could be started, which is nobody's answer's fault.
    """
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary).resolve()
        desk = folder / "run"
        desk.mkdir()
        (desk / name).write_text(text(notebook), encoding="utf-8", newline="\n")
        record, told, log = folder / "cells.jsonl", folder / "verdicts.jsonl", folder / "log.txt"
        secret = secrets.token_hex(32)
        command = [
            *(sys.executable, "-m", "classroom.grading.inner", str(desk / name), str(record)),
            *(f"--cell-timeout={timeout * 0.75:g}", f"--memory={memory}"),
        ]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=desk, env=_environment(folder, told, secret),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                process.wait(timeout)
                timed_out = False
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                _end(process, desk / KERNEL)
        cells = _cells(record)
        if any(cell.outcome == "no kernel" for cell in cells) or not (cells or timed_out):
            raise CourseError(f"no notebook can be run here (see python -m classroom doctor):\n{_tail(log)}")
        try:
            said, forged = verdicts.read(told, secret), ""
        except verdicts.Forged as error:
            said, forged = [], str(error)
        timed_out = timed_out or any(cell.outcome == "timed out" for cell in cells)
        return Outcome(cells, said, timed_out, forged, _tail(log))


def _environment(folder: Path, told: Path, secret: str) -> dict[str, str]:
    """This process's environment, less what would change the run, plus what the run needs."""
    drop = {"PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_CURRENT_TEST", "PYTHONSTARTUP", "PYTHONINSPECT"}
    environment = {key: value for key, value in os.environ.items() if key not in drop}
    root = str(Path(__file__).resolve().parents[2])
    path = environment.get("PYTHONPATH")
    return environment | {
        verdicts.FILE: str(told),
        verdicts.SECRET: secret,
        "PYTHONPATH": root + (os.pathsep + path if path else ""),
        "PYTHONUTF8": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "OPENBLAS_NUM_THREADS": "1",  # each thread maps memory of its own
        "TMPDIR": str(folder),
        "TEMP": str(folder),
        "TMP": str(folder),
    }


def _end(process: "subprocess.Popen[bytes]", kernel: Path) -> None:
    """End the process, if it did not end by itself, and its kernel, each with what it started.

    kernel: the file in which inner.py notes its kernel's process id.
    """
    if process.poll() is not None and process.returncode >= 0:
        return  # nbval has ended the kernel, and its id may be another's by now
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        groups = [process.pid, int(kernel.read_text())] if kernel.exists() else [process.pid]
        for group in groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass
    process.wait()


def _cells(record: Path) -> list[Cell]:
    if not record.exists():
        return []
    lines = record.read_text(encoding="utf-8").splitlines()
    cells = []
    for line in lines:
        try:
            cells.append(Cell(**json.loads(line)))
        except (ValueError, TypeError):  # ended in the middle of a line
            break
    return cells


def _tail(log: Path, length: int = 4_000) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - length))
        return file.read().decode("utf-8", errors="replace")
