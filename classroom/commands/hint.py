"""hint: the next rung of an exercise's ladder, one at a time.

Idea      The desk remembers which rungs were shown, in .hints.json. A hint is a question, a place
          to look, then the next step in words; there is no way to have them all at once.
Not here  The hints themselves: classroom.exercises.
"""

import json
from pathlib import Path
from typing import Protocol

from classroom.grading.files import replace


class Ladder(Protocol):
    """What this needs of an exercise."""

    @property
    def number(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def hints(self) -> tuple[str, ...]: ...


def hint(exercise: Ladder, desk: Path) -> int:
    """Print the next rung; after the last one, all of those that were shown."""
    shown = _shown(desk)
    rung = min(shown.get(exercise.number, 0), len(exercise.hints))
    total = len(exercise.hints)
    if rung == total:
        print(f"There is no further hint for exercise {exercise.number}. Once more, the {total} there were:")
        for number, text in enumerate(exercise.hints, 1):
            print(f"\n{number}  {text}")
        return 0
    print(f"Exercise {exercise.number}, {exercise.title}: hint {rung + 1} of {total}")
    print(f"\n{exercise.hints[rung]}")
    _remember(shown | {exercise.number: rung + 1}, desk)
    return 0


def forget(number: str, desk: Path) -> None:
    """Begin at the first rung again."""
    shown = _shown(desk)
    if shown.pop(number, 0):
        _remember(shown, desk)


def _shown(desk: Path) -> dict[str, int]:
    """Rungs shown by exercise; none if the file is missing or is not ours to understand."""
    try:
        found = json.loads((desk / ".hints.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {number: rung for number, rung in found.items() if isinstance(rung, int) and rung >= 0}


def _remember(shown: dict[str, int], desk: Path) -> None:
    desk.mkdir(parents=True, exist_ok=True)
    replace(desk / ".hints.json", json.dumps(shown, sort_keys=True) + "\n")
