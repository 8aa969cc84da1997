"""What a saga consists of: steps, each a local transaction of one service.

Idea      Compensatable steps first, then at most one pivot, then retriable steps. Up to the pivot the saga
          can still be called off, since each step has a compensation; past it it cannot fail any more, since
          each step succeeds if it is only tried often enough. So wherever it stops, there is one way out.
Order     Whatever may be refused, and is dear to undo, stands late: the parcel after the card.
Not here  Steps at the same time, steps that depend on an answer. What is done when (coordinator.py).
Source    C. Richardson, "Microservices Patterns", 2018, chapter 4, "Saga structure".
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")  # it goes into a header, as part of the key


class Kind(StrEnum):
    """What can be done about a step once its command went out."""

    COMPENSATABLE = "compensatable"  # it can be undone
    PIVOT = "pivot"  # it decides: refused, all before it is undone; done, the saga will be completed
    RETRIABLE = "retriable"  # it succeeds in the end


class BadSaga(ValueError):
    """Steps that make no saga."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command. `do` and `undo` say where it is sent to: for the shop, URLs.

    name: stands in the log, and in the key; it stays the same for as long as a saga with it is unfinished.
    """

    name: str
    do: str
    undo: str | None = None
    kind: Kind = Kind.COMPENSATABLE

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise BadSaga(f"a step's name has 1 to 100 letters, digits, '-', '_' and '.'; got {self.name!r}")
        if self.kind is Kind.COMPENSATABLE and self.undo is None:
            raise BadSaga(
                f"step {self.name!r} is compensatable, so it needs `undo`; or it is the pivot, or retriable"
            )
        if self.kind is not Kind.COMPENSATABLE and self.undo is not None:
            raise BadSaga(f"step {self.name!r} is {self.kind}: nobody undoes it, so leave `undo` out")


@dataclass(frozen=True, slots=True)
class Saga:
    """The steps, in their order. `name` stands in the log: what the sagas of this making are called."""

    name: str
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names:
            raise BadSaga(f"saga {self.name!r} has no steps")
        if len(set(names)) < len(names):
            raise BadSaga(f"saga {self.name!r} has two steps of one name: {', '.join(names)}")
        order = list(Kind)
        kinds = [step.kind for step in self.steps]
        if kinds != sorted(kinds, key=order.index) or kinds.count(Kind.PIVOT) > 1:
            raise BadSaga(
                f"saga {self.name!r}: compensatable steps come first, then at most one pivot, then retriable "
                f"ones; got {', '.join(f'{step.name} ({step.kind})' for step in self.steps)}"
            )
        if Kind.RETRIABLE in kinds and Kind.PIVOT not in kinds and Kind.COMPENSATABLE in kinds:
            raise BadSaga(
                f"saga {self.name!r} has no pivot before its retriable steps: say which step decides"
            )

    def step(self, name: str) -> Step:
        """The step of this name. Raises LookupError."""
        for step in self.steps:
            if step.name == name:
                return step
        raise LookupError(f"saga {self.name!r} has no step {name!r}; there are: {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)

    def description(self) -> list[list[Any]]:
        """Names and kinds, as they stand in the log: so it can be read without this object."""
        return [[step.name, step.kind.value] for step in self.steps]


def key(saga: str, step: str) -> str:
    """The idempotency key of a command, and of its compensation: `order-7/charge`.

    Made from the log alone, so that it is the same after a crash. The compensation has the command's own
    key: that says what it undoes.
    """
    return f"{saga}/{step}"
