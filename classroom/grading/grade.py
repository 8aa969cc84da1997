"""A folder of submissions, a row each: passed, failed, unfinished, timed_out, invalid or refused.

Idea      Whatever is handed in becomes a row, never a stopped run: each step says in its own way
          that it cannot go on, and `grade_file` turns that into a status and a reason.
Not here  The steps: splice.py, screen.py, run.py. How rows are shown and written: report.py.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from classroom.grading.report import Row
from classroom.grading.run import MEMORY, Outcome, run
from classroom.grading.screen import screen
from classroom.grading.splice import Invalid, Pristine, lift, load, recognise, splice

YOUR_TURN = "your turn"


@dataclass(frozen=True, slots=True)
class Limits:
    """timeout: seconds for one file. size: MB of one file. memory: MB for each process of a run."""

    timeout: float = 60.0
    size: float = 5.0
    memory: int = MEMORY


def found_in(paths: Iterable[Path]) -> list[Path]:
    """The files to grade: each path itself, and for a folder every notebook below it, sorted.

    Hidden folders (.ipynb_checkpoints) are left out; a file named twice is graded once. A path
    that is missing, and a folder without notebooks, stay in the list: they get their row.
    """
    found: dict[str, Path] = {}
    for given in paths:
        below = [given]
        if given.is_dir():
            below = sorted(
                Path(folder, name)
                for folder, folders, names in os.walk(given)
                for name in names
                if name.lower().endswith(".ipynb")
                and not any(part.startswith(".") for part in Path(folder).relative_to(given).parts)
            )
        for path in below or [given]:
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def grade_file(path: Path, known: Mapping[str, Pristine], limits: Limits = Limits()) -> Row:
    """The row of one submission. Raises CourseError where nothing can be graded here."""
    began = time.monotonic()
    number = ""

    def row(status: str, message: str = "", promise: str = "") -> Row:
        return Row(str(path), number, status, promise, round(time.monotonic() - began, 1), message)

    if path.is_dir():
        return row("invalid", "no notebook is in this folder")
    try:
        submission = load(path, limit=limits.size)
        pristine = recognise(submission, known)
        number = pristine.number
        answers = lift(submission, pristine)
        objection = screen(answers)
    except Invalid as error:
        return row("invalid", str(error))
    except SyntaxError as error:
        return row("failed", f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno or 1})")
    if objection:
        return row("refused", str(objection))
    outcome = run(splice(pristine, answers), name=pristine.name, timeout=limits.timeout, memory=limits.memory)
    stages = "" if outcome.forged else " ".join(said.stages for said in outcome.verdicts if said.stages)
    return replace(row(*judged(outcome, pristine.checks, timeout=limits.timeout)), stages=stages)


def judged(outcome: Outcome, checks: tuple[str, ...], *, timeout: float) -> tuple[str, str, str]:
    """Status, message and promise of a run. checks: the verdicts to expect, in order."""
    said = outcome.verdicts
    if outcome.forged or tuple(verdict.exercise for verdict in said) != checks[: len(said)]:
        return "failed", outcome.forged or "its verdicts are not those of the notebook's checks", ""
    for verdict in said:
        if verdict.status != "passed":
            return verdict.status, verdict.message, verdict.promise
    if outcome.timed_out:
        return (
            "timed_out",
            f"not done within {timeout:g} s: an endless loop? On a slow machine, give it a longer --timeout",
            "",
        )
    for cell in outcome.cells:
        where = f"(cell {cell.cell})"
        if (
            cell.outcome == "raised"
            and cell.type == "NotImplementedError"
            and cell.error.startswith(YOUR_TURN)
        ):
            return "unfinished", cell.error, ""
        if cell.outcome == "raised":
            return "failed", f"{cell.type}: {cell.error}".strip(": ") + f" {where}", ""
        if cell.outcome == "died":
            return "failed", f"the kernel ended while it ran {where}", ""
        if cell.outcome == "differs":
            return "failed", f"it shows something else than a right answer does {where}", ""
    if len(said) < len(checks):
        return "failed", f"{len(said)} of {len(checks)} verdicts came: the check did not run", ""
    return "passed", "", ""


def grade(
    paths: list[Path],
    known: Mapping[str, Pristine],
    *,
    limits: Limits = Limits(),
    before: Callable[[int, Path], None] = lambda number, path: None,
    after: Callable[[list[Row]], None] = lambda rows: None,
) -> list[Row]:
    """Grade one file after the other. before: told each file; after: told all rows so far."""
    rows: list[Row] = []
    for number, path in enumerate(paths, 1):
        before(number, path)
        rows.append(grade_file(path, known, limits))
        after(rows)
    return rows
