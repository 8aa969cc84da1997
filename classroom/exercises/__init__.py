"""The exercises of the course: eNN_name.py holds the EXERCISE of number NN."""

import importlib
import re
from pathlib import Path

from classroom.exercises.exercise import Exercise


def numbers() -> list[str]:
    """The numbers of the exercises that exist, in order: ["08", ...]."""
    return sorted(_modules())


def load(number: str) -> Exercise:
    """The exercise of a number such as "08". Raises LookupError with what exists."""
    try:
        module = _modules()[number]
    except KeyError:
        raise LookupError(
            f"no exercise {number!r}; there are: {', '.join(numbers()) or 'none yet'}"
        ) from None
    exercise: Exercise = importlib.import_module(f"{__name__}.{module}").EXERCISE
    return exercise


def _modules() -> dict[str, str]:
    names = (path.stem for path in Path(__file__).parent.glob("e*.py"))
    return {name[1:3]: name for name in names if re.fullmatch(r"e\d\d_\w+", name)}
