"""grade and check: one path. `check NN` is `grade` on the desk's copy of exercise NN."""

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from classroom.grading import report
from classroom.grading.course import Course, CourseError
from classroom.grading.grade import Limits, found_in, grade
from classroom.grading.inner import can_limit_memory
from classroom.grading.report import Row
from classroom.grading.splice import pristines


def run(paths: Iterable[Path], course: Course, *, out: Path | None, timeout: float) -> int:
    """Grade, and say so: rows on stdout, progress on stderr. 0 all passed, 1 some did not, 2 it could not."""
    rows, trouble = graded(paths, course, out=out, timeout=timeout)
    if len(rows) > 1:
        print(report.summary(rows))
    return 2 if trouble else 0 if all(row.status == "passed" for row in rows) else 1


def graded(
    paths: Iterable[Path], course: Course, *, out: Path | None, timeout: float
) -> tuple[list[Row], bool]:
    """The rows, printed as they come; and whether something was wrong here, not in the submissions."""
    for module in ("pytest", "nbval", "ipykernel"):
        if find_spec(module) is None:
            raise CourseError(f"the grade needs {module}, which is not installed: make setup")
    known = pristines(course.solutions)
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CourseError(f"--out {out} cannot be made: {error.strerror}") from error
    if not can_limit_memory():
        print("this system limits no process's memory: the grade runs without that limit", file=sys.stderr)
    files = found_in(paths)
    width = min(60, max((len(report.printable(str(path))) for path in files), default=0))
    rows: list[Row] = []
    trouble = False

    def before(number: int, path: Path) -> None:
        if len(files) > 1:
            print(f"[{number}/{len(files)}] {report.printable(str(path))}", file=sys.stderr, flush=True)

    def after(so_far: list[Row]) -> None:
        nonlocal trouble
        rows[:] = so_far
        print(report.line(so_far[-1], width=width), flush=True)
        if out is None:
            return
        try:
            report.write(so_far, out)
            trouble = False
        except OSError as error:  # a full disk; a table that is open in a spreadsheet
            trouble = True
            print(f"{error.filename or out}: not written: {error.strerror}", file=sys.stderr)

    try:
        grade(files, known, limits=Limits(timeout=timeout), before=before, after=after)
    except KeyboardInterrupt:
        trouble = True
        kept = f", kept in {out}" if out else ""
        print(f"interrupted: {len(rows)} of {len(files)} graded{kept}", file=sys.stderr)
    return rows, trouble


def check(path: Path, course: Course, *, timeout: float) -> int:
    """Grade the desk's copy of an exercise, and say what to do next."""
    rows, trouble = graded([path], course, out=None, timeout=timeout)
    if trouble or not rows:
        return 2
    (row,) = rows
    if row.status == "passed":
        return 0
    if row.status == "unfinished":
        print("\nNothing is wrong yet. Fill in what it names, run the notebook, save it, and check again.")
    elif row.promise:
        print("\nThe check cell in the notebook, run again, shows the whole story.")
    print(f"A hint: python -m classroom hint {row.exercise or 'NN'}")
    return 1
