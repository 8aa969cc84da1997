"""Exercise 11 beyond its answers: unfinished ones, what is right by the plain loop, results that are none."""

from __future__ import annotations

from typing import Any

import pytest

from classroom import exercises
from classroom.check import check, judge
from classroom.exercises.cqrs.checks import equals_a_rebuild, states
from classroom.exercises.cqrs.page import Result
from classroom.world.faults import Drop
from classroom.world.history import Event
from classroom.world.run import Run
from tests.exercises.test_answers import ANSWERS, load

EXERCISE = exercises.load("11")


async def no_project(db: Any, event: Any) -> None:
    raise NotImplementedError("your turn: project")


async def idle_project(db: Any, event: Any) -> None: ...


async def no_read(order_id: Any, *, token: Any, view: Any, writer: Any, deadline: Any) -> Result:
    raise NotImplementedError("your turn: read")


def judged(project: Any, read: Any) -> Any:
    return judge(EXERCISE, {"project": project, "read": read})


def test_an_untouched_exercise_says_that_the_projector_is_to_be_written_and_makes_one_run() -> None:
    found = judged(no_project, no_read)

    assert (found.status, found.runs) == ("unfinished", 1)
    assert found.unfinished == (("project", "your turn: project"),)


def test_with_a_projector_it_says_that_the_read_is_to_be_written() -> None:
    found = judged(idle_project, no_read)

    assert found.status == "unfinished"
    assert found.unfinished == (("read", "your turn: read"),)


def test_a_read_without_its_names_is_told_how_it_is_called() -> None:
    async def read(order_id: Any, token: Any) -> Result:
        return Result()

    with pytest.raises(
        TypeError, match=r"read is called with \(order_id, \*, token, view, writer, deadline\)"
    ):
        check("11", idle_project, read)


def changed(number: int, of: int, address: str | None, amount: int | None) -> Event:
    data = {"of": of, "version": 0, "address": address, "amount": amount}
    return Event(number, float(number), "orders", "changed", data)


CHANGES = (
    changed(0, 1, "Old Street 1", None),
    changed(1, 2, "Hill 5", None),
    changed(2, 1, None, 990),
    changed(3, 1, "New Road 2", 500),
)
RIGHT = (
    {"order_id": 1, "version": 3, "address": "New Road 2", "items": 2, "total": 1490},
    {"order_id": 2, "version": 1, "address": "Hill 5", "items": 0, "total": 0},
)


def test_each_version_of_an_order_is_known_by_the_plain_loop() -> None:
    known = states(Run(CHANGES))

    assert sorted(known) == [(1, 1), (1, 2), (1, 3), (2, 1)]
    assert (known[1, 3], known[2, 1]) == RIGHT


@pytest.mark.parametrize(
    ("rows", "broken"),
    [
        (RIGHT, 0),
        (RIGHT[:1], 1),
        (({**RIGHT[0], "total": 990}, RIGHT[1]), 1),
        (({**RIGHT[0], "extra": "column"}, RIGHT[1]), 0),
        ((*RIGHT, {"order_id": 9, "version": 1, "address": "", "items": 0, "total": 0}), 1),
    ],
)
def test_a_view_equals_a_rebuild_or_it_is_said_of_which_order_not(rows: Any, broken: int) -> None:
    run = Run(CHANGES, databases={"view": {"orders": rows}})

    assert len(equals_a_rebuild(run)) == broken


@pytest.mark.parametrize(
    ("result", "says"),
    [
        ({"order_id": 1}, "a Result was wanted; what came is of type dict"),
        (Result(order=7), "Result.order is a row, a dict; it is of type int"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_result_is_said(result: Any, says: str) -> None:
    async def read(order_id: Any, *, token: Any, view: Any, writer: Any, deadline: Any) -> Any:
        return result

    found = judge(EXERCISE, {"project": idle_project, "read": read}, until_first=False, effort=0.02)

    told = {promise.name: each.violation.message for promise, each in found.broken}
    assert says in told["deadline"]


def test_a_right_answer_gets_over_it_that_the_first_question_of_both_projectors_is_lost() -> None:
    """Each of them waits 25 s until it asks again."""
    right = load(ANSWERS / "11" / "odd_waits_for_the_version.py")
    attack = {a.name: a for a in EXERCISE.attacks({n: getattr(right, n) for n in EXERCISE.answers})}[
        "bad days"
    ]
    run = attack.run(Drop("projector-1", "broker", nth=1), Drop("projector-2", "broker", nth=1), seed=2)

    assert run.violations(*attack.checks) == []
