"""From a submission, whatever it is, to a pristine notebook that holds its answers.

Idea      Nothing of a submission is run but the source of its answer cells, found by their ids
          and set into the solution's notebook in place of the answers there. So cells that were
          moved, deleted, tagged or skipped, and outputs that were written by hand, do not matter.
Not here  What the answers may contain (screen.py), the run (run.py).
"""

import copy
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from classroom.grading.course import NAME, CourseError, numbered
from classroom.grading.notebook import KEY, NotebookError, answer_cells, checks_in, read

MEGABYTE = 1_000_000
PRELUDE = "import classroom.grading.verdicts as _"  # takes the secret out of the environment


class Invalid(Exception):
    """The submission cannot be graded; the text says why, and what to do."""


@dataclass(frozen=True)
class Pristine:
    """An exercise as its solution has it. ids: the answer cell's id by the answer's name."""

    number: str
    name: str
    notebook: NotebookNode
    ids: Mapping[str, str]

    @property
    def checks(self) -> tuple[str, ...]:
        """The verdicts to expect, in order: the exercise number of each check."""
        return tuple(number for cell in self.notebook.cells for number in checks_in(cell))


def pristines(solutions: Path) -> dict[str, Pristine]:
    """Every exercise by its number. Raises CourseError where a solution is not in order."""
    found = {}
    for number, path in numbered(solutions).items():
        try:
            notebook = read(path)
            ids = {name: cell.id for name, cell in answer_cells(notebook).items()}
        except NotebookError as error:
            raise CourseError(f"the solution {path.name} is not in order: {error}") from error
        if ids:
            found[number] = Pristine(number, path.name, notebook, ids)
    if not found:
        raise CourseError(f"no solutions in {solutions}: the grade needs the whole clone of the course")
    return found


@dataclass(frozen=True)
class Submission:
    """A notebook that somebody handed in. says: the exercise it claims to be, if any."""

    name: str
    says: str | None
    cells: list[dict[str, Any]]


def load(path: Path, *, limit: float) -> Submission:
    """What was handed in. limit: of its size, in MB. Raises Invalid with the reason."""
    raw = _json(path, limit=limit)
    if not isinstance(raw, dict) or "nbformat" not in raw:
        raise Invalid("it is JSON, but no notebook")
    cells = raw.get("cells")
    if raw["nbformat"] != 4 or not isinstance(cells, list):
        raise Invalid(f"its format is {raw['nbformat']!r}, not 4: open it in JupyterLab and save it again")
    if not all(isinstance(cell, dict) for cell in cells):
        raise Invalid("some of its cells are no cells")
    return Submission(path.name, _says(raw), cells)


def recognise(submission: Submission, known: Mapping[str, Pristine]) -> Pristine:
    """The exercise of a submission: by its metadata, else by its answer cells, else by its name.

    Raises Invalid if it is none, or more than one.
    """
    if submission.says is not None and submission.says in known:
        return known[submission.says]
    ids = {cell["id"] for cell in submission.cells if isinstance(cell.get("id"), str)}
    alike = [pristine for pristine in known.values() if ids & set(pristine.ids.values())]
    if len(alike) == 1:
        return alike[0]
    if len(alike) > 1:
        numbers = ", ".join(pristine.number for pristine in alike)
        raise Invalid(f"it holds answer cells of several exercises ({numbers}): one notebook an exercise")
    by_name = NAME.fullmatch(submission.name)
    if by_name and by_name[1] in known:
        return known[by_name[1]]
    there_are = ", ".join(known)
    if submission.says is not None:
        raise Invalid(f"it says that it is exercise {submission.says!r}; there are: {there_are}")
    raise Invalid(f"no answer cell of any exercise is in it; there are: {there_are}")


def lift(submission: Submission, pristine: Pristine) -> dict[str, str]:
    """The source of each answer, by its name, in the exercise's order.

    A cell whose id was lost (some front ends drop them) is known by its metadata.
    Raises Invalid if an answer cell is missing, is there twice, or belongs to no answer.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in pristine.ids}
    names = {cell_id: name for name, cell_id in pristine.ids.items()}
    for cell in submission.cells:
        metadata = cell.get("metadata")
        tagged = metadata.get("answer") if isinstance(metadata, dict) else None
        name = names.get(cell["id"] if isinstance(cell.get("id"), str) else "", tagged)
        if name is None:
            continue
        if not isinstance(name, str) or name not in found:
            raise Invalid(f"a cell says that it answers {name!r}; this exercise asks for {', '.join(found)}")
        found[name].append(cell)
    answers = {}
    for name, candidates in found.items():
        if not candidates:
            raise Invalid(
                f"the answer cell {name!r} (id {pristine.ids[name]}) is missing: copy your answer into a "
                f"fresh exercise (python -m classroom reset {pristine.number})"
            )
        if len(candidates) > 1:
            raise Invalid(f"{len(candidates)} cells answer {name!r}: keep the one that you mean")
        if candidates[0].get("cell_type") != "code":
            raise Invalid(f"the answer cell {name!r} is no code cell any more")
        answers[name] = _source(candidates[0])
    return answers


def splice(pristine: Pristine, answers: Mapping[str, str]) -> NotebookNode:
    """The pristine notebook with these answers, ready to be run under nbval.

    nbval compares the stored output of the check cells, and of those that the author tagged
    nbval-check-output; what other cells show may depend on how an answer was written.
    """
    notebook = copy.deepcopy(pristine.notebook)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        tags = [str(tag) for tag in cell.metadata.get("tags", [])]
        if "answer" in cell.metadata:
            cell.source, cell.outputs = answers[cell.metadata.answer], []
            tags = ["nbval-ignore-output"]
        elif checks_in(cell):
            tags = [tag for tag in tags if not tag.startswith("nbval")] + ["nbval-check-output"]
        cell.metadata["tags"] = tags
    prelude = {"cell_type": "code", "id": "prelude", "metadata": {}, "source": PRELUDE, "outputs": []}
    notebook.cells.insert(0, NotebookNode(prelude | {"metadata": NotebookNode(), "execution_count": None}))
    return notebook


def _json(path: Path, *, limit: float) -> Any:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Invalid("it is a folder" if stat.S_ISDIR(status.st_mode) else "it is no regular file")
        if status.st_size > limit * MEGABYTE:
            raise Invalid(
                f"it has {status.st_size / MEGABYTE:.1f} MB, the limit is {limit:g} MB: "
                "clear its outputs and save it again"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise Invalid("there is no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Invalid(f"it cannot be read: {reason}") from error
    if not data.strip():
        raise Invalid("it is empty")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Invalid(f"it is no notebook: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        truncated = ", its end: was it cut off?" if error.pos >= len(error.doc.rstrip()) - 1 else ""
        truncated = truncated or (": was it cut off?" if error.msg.startswith("Unterminated") else "")
        raise Invalid(f"it is no notebook: {error.msg} in line {error.lineno}{truncated}") from error
    except (RecursionError, ValueError) as error:
        raise Invalid(f"it is no notebook: {error}") from error


def _says(raw: dict[str, Any]) -> str | None:
    """The number in the notebook's metadata, if there is one."""
    metadata = raw.get("metadata")
    ours = metadata.get(KEY) if isinstance(metadata, dict) else None
    number = ours.get("exercise") if isinstance(ours, dict) else None
    return number if isinstance(number, str) else None


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Invalid("the source of an answer cell is no text")
    return source
