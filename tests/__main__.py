"""All that a change must pass, and how long each part took: what `make test` runs.

    python -m tests [options for pytest]

Idea      Every part runs even if one before it failed, so that one run tells everything. The exit
          status is 0 if all passed, else 1; a part that ran no test has not passed. The tests come
          last, so that the last count of "passed" and "failed" is theirs.
          Notebooks and tests run on every core: a notebook, or a file of tests, is the work of one
          process (conftest.py says which). The types, which take one core, are looked at beside them.
Not here  Which tests there are, and which are left out: pyproject.toml.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILED = ROOT / ".pytest_cache" / "compiled"

# A process for each core, as far as memory for browsers and kernels goes. One that dies, as it does when a
# test hangs (faulthandler_timeout), ends the part: another one would begin with the test that hung.
ALL_CORES = [
    *("--numprocesses=logical", "--maxprocesses=8", "--max-worker-restart=0"),
    *("--dist=loadfile", "--no-loadscope-reorder"),  # else the file with the most tests is the first
]
# Some tests wait for brokers, browsers and kernels that they start: one process more has what to do then.
ONE_MORE = f"--numprocesses={(os.cpu_count() or 1) + 1}"
NBVAL = [
    *("pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"),
    "--nbval-sanitize-with=tests/nbval_sanitize.cfg",
]
BESIDE = "types"


def parts(options: list[str]) -> dict[str, list[str]]:
    """The name of each part and its command, a Python module with arguments."""
    notebooks = [folder for folder in ("lessons", "solutions") if any((ROOT / folder).glob("*.ipynb"))]
    commands = {
        "style": ["ruff", "check", "."],
        "layout": ["ruff", "format", "--check", "."],
        "notebooks": [*NBVAL, *ALL_CORES, *notebooks],
        BESIDE: ["mypy"],
        "tests": ["pytest", "tests", *ALL_CORES, ONE_MORE, *options],
    }
    if not notebooks:
        print("tests: no notebook in lessons/ or solutions/ yet, so none is run")
        del commands["notebooks"]
    return commands


def python(command: list[str]) -> list[str]:
    return [sys.executable, "-m", *command]


def environment(own: dict[str, str]) -> dict[str, str]:
    """The environment of each part. Where Python must not write what it compiled beside the sources, it
    does so elsewhere: or each kernel, server and grade that a test starts would compile its imports anew.
    """
    if not own.get("PYTHONDONTWRITEBYTECODE"):
        return own
    apart = {"PYTHONPYCACHEPREFIX": str(COMPILED), **own}
    return {name: value for name, value in apart.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main(options: list[str]) -> int:
    began, report, failed = time.monotonic(), [], []
    commands = parts(options)
    here = {"cwd": ROOT, "env": environment(dict(os.environ))}
    told = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}  # when its turn comes
    with subprocess.Popen(python(commands[BESIDE]), **here, **told) as beside:
        for name, command in commands.items():
            print(f"== {name}: {' '.join(command)}", flush=True)
            since = time.monotonic()
            if name == BESIDE:
                print(beside.communicate()[0].decode(errors="replace"), end="", flush=True)
                status = beside.returncode
            else:
                status = subprocess.call(python(command), **here)
            more = " more" if name == BESIDE else ""
            report.append(f"{name} {time.monotonic() - since:.1f} s{more}" + (" FAILED" if status else ""))
            if status:
                failed.append(name)
    print(f"== {time.monotonic() - began:.0f} s: {', '.join(report)}")
    print(f"== failed: {', '.join(failed)}" if failed else "== all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
