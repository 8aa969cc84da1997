"""Where the notebooks of the course lie, found from the package itself.

Idea      Every command works from any folder, since the clone is found from where this file is.
Not here  What is done with them (notebook.py, splice.py, classroom.commands).
"""

import re
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"(\d\d)_\w[\w-]*\.ipynb")


class CourseError(Exception):
    """Something that the learner did not write is missing or wrong: exit status 2."""


@dataclass(frozen=True, slots=True)
class Course:
    """One clone of the course. `Course.here()` is the one that this package belongs to."""

    root: Path

    @classmethod
    def here(cls) -> "Course":
        return cls(Path(__file__).resolve().parents[2])

    @property
    def lessons(self) -> Path:
        return self.root / "lessons"

    @property
    def exercises(self) -> Path:
        return self.root / "exercises"

    @property
    def solutions(self) -> Path:
        return self.root / "solutions"

    @property
    def desk(self) -> Path:
        return self.root / "desk"


def numbered(folder: Path) -> dict[str, Path]:
    """The notebooks NN_name.ipynb of a folder by their number, in order.

    Raises CourseError if two have one number.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.ipynb")):
        name = NAME.fullmatch(path.name)
        if name is None:
            continue
        if name[1] in found:
            raise CourseError(f"two notebooks have the number {name[1]}: {found[name[1]].name}, {path.name}")
        found[name[1]] = path
    return found


def pick(given: str, there_are: list[str], *, what: str = "exercise") -> str:
    """The number that the user meant: "8" and "08" are one. Raises CourseError with what exists."""
    number = given.zfill(2)
    if number in there_are:
        return number
    raise CourseError(f"no {what} {given!r}; there are: {', '.join(there_are) or 'none yet'}")
