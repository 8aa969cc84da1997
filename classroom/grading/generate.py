"""Exercises from solutions: `python -m classroom.grading.generate [--check]`.

Idea      exercises/ is made, never edited. --check compares instead of writing, so that CI
          fails when the two differ.
Not here  What a region is (notebook.py).
"""

import argparse
import sys
from pathlib import Path

from classroom.grading.course import Course, CourseError, numbered
from classroom.grading.files import replace
from classroom.grading.notebook import NotebookError, as_exercise, read, text


def expected(solutions: Path) -> dict[str, str]:
    """The file name and text of every exercise. Raises NotebookError with the solution's name."""
    made = {}
    for number, path in numbered(solutions).items():
        nb = read(path)
        try:
            made[path.name] = text(as_exercise(nb, number=number))
        except NotebookError as error:
            raise NotebookError(f"{path.name}: {error}") from error
    return made


def differing(made: dict[str, str], exercises: Path) -> list[str]:
    """The names that are missing, out of date, or left over from a solution that is gone."""
    there = {path.name: path.read_text(encoding="utf-8") for path in exercises.glob("*.ipynb")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def write(made: dict[str, str], exercises: Path) -> None:
    exercises.mkdir(exist_ok=True)
    for name, content in made.items():
        replace(exercises / name, content)


def main(argv: list[str] | None = None, *, course: Course | None = None) -> int:
    course = course or Course.here()
    parser = argparse.ArgumentParser(prog="python -m classroom.grading.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; say what differs, and exit 1")
    check = parser.parse_args(argv).check
    try:
        made = expected(course.solutions)
    except (NotebookError, CourseError) as error:
        print(error, file=sys.stderr)
        return 2
    differ = differing(made, course.exercises)
    for name in differ:
        if name not in made:
            print(f"exercises/{name} has no solution: delete it, or write solutions/{name}")
        elif check:
            print(f"exercises/{name} is not what solutions/{name} makes: run `make exercises`")
        else:
            print(f"exercises/{name} written")
    if not check:
        write({name: made[name] for name in differ if name in made}, course.exercises)
        return 1 if set(differ) - made.keys() else 0
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
