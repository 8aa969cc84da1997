"""Exercise 10 beyond its answers: what held up right ones for longer than the day used to be."""

import pytest

from classroom import exercises
from classroom.check import judge
from classroom.world.faults import Crash, Delay, Drop
from tests.exercises.test_answers import ANSWERS, load

EXERCISE = exercises.load("10")


def late(nth: int) -> Delay:
    return Delay("consumer-1", "broker", nth=nth, by=25.0, part="reply")


def dies(before: int, *, down: float = 1.0) -> Crash:
    return Crash("consumer-1", before=before, down=down)


@pytest.mark.parametrize(
    ("answer", "seed", "plan"),
    [
        ("always_from_the_first_record", 5, (late(7), Drop("consumer-1", "broker", nth=2), late(6))),
        ("lets_an_index_refuse", 6, (late(9), dies(16, down=30.0), dies(9))),
        ("always_from_the_first_record", 9, (late(5), dies(6, down=30.0), dies(14, down=30.0))),
    ],
)
def test_a_right_answer_gets_over_three_faults_of_one_consumer(answer, seed, plan):
    """Each holds it up for half a minute, one after the other."""
    right = load(ANSWERS / "10" / f"odd_{answer}.py")
    attacks = EXERCISE.attacks({name: getattr(right, name) for name in EXERCISE.answers})
    [day] = [attack for attack in attacks if attack.name == "a day"]

    run = day.run(*plan, seed=seed)

    assert run.violations(*day.checks) == []


@pytest.mark.parametrize("answer", ["asks_the_epoch_alone", "looks_before_the_transaction"])
def test_a_former_owner_is_found_whichever_of_the_consumers_it_is(answer):
    """With seed 90 consumer-2 has the only partition when the first records come."""
    wrong = load(ANSWERS / "10" / f"wrong_{answer}.py")
    found = judge(
        EXERCISE, {name: getattr(wrong, name) for name in EXERCISE.answers}, seed=90, until_first=True
    )

    assert [promise.name for promise, _ in found.broken] == ["zombie"]
