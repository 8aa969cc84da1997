"""start and reset: the learner's own copies of the notebooks.

Idea      Nothing that a learner wrote is ever lost: start never overwrites, and reset first keeps a
          dated copy in desk/saved/, out of the way of `grade desk/exercises`.
Not here  hint and check, which only read the desk.
"""

from datetime import datetime
from pathlib import Path

from classroom.commands import hint
from classroom.grading.course import Course, CourseError, numbered, pick
from classroom.grading.files import replace
from classroom.grading.notebook import NotebookError, cleared, read, text

SHELVES = ("lessons", "exercises")


def start(desk: Path, course: Course) -> int:
    """Copy what is not on the desk yet, outputs cleared."""
    sources = {(shelf, path.name): path for shelf in SHELVES for path in _on(course, shelf).values()}
    if not sources:
        raise CourseError(
            f"no lessons and no exercises in {course.root}: start needs the whole clone of the course"
        )
    new, kept = [], []
    for (shelf, name), source in sources.items():
        target = desk / shelf / name
        if target.exists():
            kept.append(f"{shelf}/{name}")
            continue
        _make(target.parent)
        replace(target, _fresh(source))
        new.append(f"{shelf}/{name}")
    for name in new:
        print(f"new   {name}")
    for name in kept:
        print(f"kept  {name} (yours)")
    print(f"On your desk, {desk}: {len(new)} new, {len(kept)} kept as they were.")
    return 0


def reset(given: str, desk: Path, course: Course, *, now: datetime) -> int:
    """A fresh copy of lesson and exercise NN, after a dated one of what was there; hints begin anew."""
    there_are = sorted({number for shelf in SHELVES for number in _on(course, shelf)})
    number = pick(given, there_are, what="lesson or exercise")
    for shelf in SHELVES:
        source = _on(course, shelf).get(number)
        if source is None:
            continue
        target = desk / shelf / source.name
        fresh = _fresh(source)
        if target.exists() and target.read_bytes() != fresh.encode():
            saved = _free(desk / "saved" / f"{target.stem}.{shelf}.{now:%Y-%m-%d-%H%M%S}.ipynb")
            _make(saved.parent)
            target.replace(saved)
            print(f"saved  {saved}")
        _make(target.parent)
        replace(target, fresh)
        print(f"fresh  {target}")
    hint.forget(number, desk)
    return 0


def exercise_on(desk: Path, given: str, course: Course) -> Path:
    """The desk's copy of exercise NN. Raises CourseError with what exists, or how to get one."""
    exercises = _on(course, "exercises")
    number = pick(given, list(exercises))
    path = desk / "exercises" / exercises[number].name
    if not path.exists():
        raise CourseError(f"{path} is not there: python -m classroom start makes it")
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _on(course: Course, shelf: str) -> dict[str, Path]:
    return numbered(course.root / shelf)


def _fresh(source: Path) -> str:
    try:
        return text(cleared(read(source)))
    except NotebookError as error:
        raise CourseError(f"{source} is not in order: {error}") from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"{folder} cannot be made: {error.strerror}") from error


def _free(path: Path) -> Path:
    """This path, or one with a number behind it, that is not taken."""
    tries = 1
    free = path
    while free.exists():
        tries += 1
        free = path.with_name(f"{path.stem}-{tries}{path.suffix}")
    return free
