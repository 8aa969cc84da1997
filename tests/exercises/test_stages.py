"""An exercise in stages: each is attacked when those before it are kept, and earns something by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from classroom.adversary import Attack
from classroom.check import Verdict, judge
from classroom.checks import Check, Violation
from classroom.exercises.exercise import Exercise, Promise
from classroom.world.run import Run

PROMISES = (
    Promise("walks", "it walks", "its feet", stage="A"),
    Promise("swims", "it swims", "its feet", stage="B"),
    Promise("flies", "it flies", "its wings", stage="C"),
)


def does(promise: str) -> Check:
    def check(run: Run) -> list[Violation]:
        return [] if run.of(promise) else [Violation(promise, f"it never {promise}")]

    return check


def attacks(answers: Any) -> tuple[Attack, ...]:
    def attack(stage: str, *names: str) -> Attack:
        async def scenario(world: Any) -> None:
            await answers["live"](world)

        return Attack(f"stage {stage}", scenario, tuple(does(name) for name in names), stage=stage)

    return attack("A", "walks"), attack("B", "swims"), attack("C", "flies")


DUCKS = Exercise(
    number="70", title="Ducks", answers=("live",), signatures={"live": "world"}, promises=PROMISES,
    attacks=attacks, hints=("", "", ""), stages=("A", "B", "C"),
)  # fmt: skip


def judged(*does: str, left: str = "") -> Verdict:
    async def live(world: Any) -> None:
        for kind in does:
            world.record(kind)
        if left:
            world.record("unfinished", answer="live", text=left)

    return judge(DUCKS, {"live": live})


def states(verdict: Verdict) -> list[str]:
    return [state for state, _ in verdict.lines()]


def test_who_keeps_all_stages_has_passed() -> None:
    found = judged("walks", "swims", "flies")

    assert (found.status, found.stages) == ("passed", ("A", "B", "C"))
    assert found.summary() == "Exercise 70, Ducks: all 3 promises kept"


@pytest.mark.parametrize(
    ("kinds", "stages", "told"),
    [
        ((), (), ["broken", "waiting", "waiting"]),
        (("walks",), ("A",), ["kept", "broken", "waiting"]),
        (("walks", "swims"), ("A", "B"), ["kept", "kept", "broken"]),
        (("swims", "flies"), (), ["broken", "waiting", "waiting"]),
    ],
)
def test_a_stage_that_is_broken_ends_the_attack_and_those_before_it_are_earned(
    kinds: tuple[str, ...], stages: tuple[str, ...], told: list[str]
) -> None:
    found = judged(*kinds)

    assert (found.status, found.stages, states(found)) == ("failed", stages, told)
    assert found.runs == len(stages) + 1


def test_what_is_earned_stands_in_the_first_line() -> None:
    assert judged("walks").summary() == "Exercise 70, Ducks: stage A kept; 1 of 3 promises broken"
    assert "stages A and B kept; 1 of 3" in judged("walks", "swims").summary()


def test_an_unfinished_stage_leaves_what_came_before_it() -> None:
    async def live(world: Any) -> None:
        world.record("walks")
        if lived:
            world.record("unfinished", answer="live", text="your turn: B")
        lived.append(None)

    lived: list[None] = []
    found = judge(DUCKS, {"live": live})

    assert (found.status, found.stages) == ("unfinished", ("A",))
    assert found.summary() == "Exercise 70, Ducks: stage A kept; not finished yet"
    assert states(found) == ["kept", "waiting", "waiting"]


def test_a_promise_of_a_later_stage_that_an_earlier_attack_breaks_is_told_and_costs_that_stage_only() -> None:
    def strict(answers: Any) -> tuple[Attack, ...]:
        first, *others = attacks(answers)
        return Attack(first.name, first.scenario, (*first.checks, does("flies")), stage="A"), *others

    async def live(world: Any) -> None:
        world.record("walks")
        world.record("swims")

    found = judge(replace(DUCKS, attacks=strict), {"live": live})

    assert (found.stages, states(found)) == (("A", "B"), ["kept", "kept", "broken"])
    assert found.broken[0][1].attack == "stage A"


def test_a_promise_of_an_earlier_stage_that_a_later_attack_breaks_costs_that_earlier_stage() -> None:
    def strict(answers: Any) -> tuple[Attack, ...]:
        first, second, third = attacks(answers)
        return first, Attack(second.name, second.scenario, (does("walks"),), stage="B"), third

    async def live(world: Any) -> None:
        if not lived:
            world.record("walks")
        lived.append(None)

    lived: list[None] = []
    found = judge(replace(DUCKS, attacks=strict), {"live": live})

    assert (found.stages, found.runs, states(found)) == ((), 2, ["broken", "kept", "waiting"])


def test_an_exercise_in_one_piece_has_no_stages() -> None:
    def one_by_one(answers: Any) -> tuple[Attack, ...]:
        return tuple(replace(attack, stage="") for attack in attacks(answers))

    promises = tuple(replace(promise, stage="") for promise in PROMISES)
    plain = replace(DUCKS, stages=(), promises=promises, attacks=one_by_one)

    async def live(world: Any) -> None:
        world.record("walks")

    found = judge(plain, {"live": live})

    assert (found.stages, found.runs, states(found)) == ((), 3, ["kept", "broken", "broken"])
