"""What an exercise is: promises, the attacks on them, and hints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from classroom.adversary import Attack
from classroom.checks import Violation
from classroom.world.run import Run

Answers = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class Promise:
    """name: in code and reports; sentence: what is promised; where: to look when it is broken.

    stage: of an exercise that has some, the one to which it belongs.
    """

    name: str
    sentence: str
    where: str
    stage: str = ""


@dataclass(frozen=True)
class Exercise:
    """number: "08"; answers: the names of its answer cells, in the order in which check() takes them.

    signatures: for each answer its parameters, as in "delivery, db, card" or "order, *, stock, [clock]"; what
             stands in brackets is handed in if it is asked for.
    attacks: from the answers to the attacks on them; each violation names one of the promises.
    hints:   three rungs: a question, a place to look, the next step in words. Never code.
    plain:   answers that are called and not awaited: functions, or classes.
    picture: of the run that broke a promise, with a method html(); None draws who said what to whom.
    story:   of that run, a sentence a line; None tells it from the history.
    stages:  in their order, such as "A", "B": each is attacked when those before it are kept, and earns
             something by itself. Promises and attacks say to which they belong; (): it is in one piece.
    stretch: what may be tried beyond it, with the same answers; nobody is graded by that.
    """

    number: str
    title: str
    answers: tuple[str, ...]
    signatures: Mapping[str, str]
    promises: tuple[Promise, ...]
    attacks: Callable[[Answers], tuple[Attack, ...]]
    hints: tuple[str, str, str]
    plain: tuple[str, ...] = ()
    picture: Callable[[Run], Any] | None = None
    story: Callable[[Run, Violation], list[str]] | None = None
    stages: tuple[str, ...] = ()
    stretch: Exercise | None = None
