"""All that a change must pass, and how long each part took: what `make test` runs.

    python -m tests [options for pytest]

Every part runs even if one before it failed, so that one run tells everything. The exit
status is 0 if all passed, else 1; a part that ran no test has not passed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# One cell at a time and one notebook after another: xdist would split a notebook between kernels.
NBVAL = [
    *("pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"),
    "--nbval-sanitize-with=tests/nbval_sanitize.cfg",
]


def parts(options: list[str]) -> dict[str, list[str]]:
    """The name of each part and its command, a Python module with arguments."""
    notebooks = [folder for folder in ("lessons", "solutions") if any((ROOT / folder).glob("*.ipynb"))]
    commands = {
        "style": ["ruff", "check", "."],
        "layout": ["ruff", "format", "--check", "."],
        "types": ["mypy"],
        "tests": ["pytest", "tests", *options],
        "notebooks": [*NBVAL, *notebooks],
    }
    if not notebooks:
        print("tests: no notebook in lessons/ or solutions/ yet, so none is run")
        del commands["notebooks"]
    return commands


def main(options: list[str]) -> int:
    report, failed = [], []
    for name, command in parts(options).items():
        print(f"== {name}: {' '.join(command)}", flush=True)
        began = time.monotonic()
        status = subprocess.call([sys.executable, "-m", *command], cwd=ROOT)
        report.append(f"{name} {time.monotonic() - began:.1f} s" + (" FAILED" if status else ""))
        if status:
            failed.append(name)
    total = sum(float(part.split()[1]) for part in report)
    print(f"== {total:.0f} s: {', '.join(report)}")
    print(f"== failed: {', '.join(failed)}" if failed else "== all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
