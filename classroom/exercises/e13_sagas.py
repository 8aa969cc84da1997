"""Exercise 13: an order that ends completed or compensated, whatever befalls its coordinator."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from classroom.adversary import Attack
from classroom.checks import Check, came_to_its_end
from classroom.exercises.exercise import Answers, Exercise
from classroom.exercises.memory import Memory
from classroom.exercises.sagas.board import picture
from classroom.exercises.sagas.checks import (
    ALWAYS,
    a_cancelled_order_is_called_off,
    as_before,
    ends_well,
    is_completed,
)
from classroom.exercises.sagas.promises import CANCELLED, PROMISES
from classroom.exercises.sagas.shop import SERVICES
from classroom.exercises.sagas.story import story
from classroom.exercises.sagas.system import COORDINATOR, scenario
from classroom.world.faults import Crash, Delay, Drop, Duplicate, ErrorRate, Fault
from classroom.world.simulated import Scenario

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

OUTAGE = 60.0  # seconds


def attacks(answers: Answers) -> tuple[Attack, ...]:
    memory = Memory(answers)
    yes, declined, no_carrier = (scenario(memory, refuses=step) for step in (None, "charge", "ship"))
    yes_long, no_carrier_long = (scenario(memory, refuses=step, lasts=90.0) for step in (None, "ship"))
    return (
        Attack(
            "everybody says yes",
            yes,
            (came_to_its_end("completed"), is_completed("completed"), ends_well("completed"), *ALWAYS),
            stage="A",
        ),
        Attack("killed anywhere", yes, _ends("resumed"), sweep=(COORDINATOR,), stage="A"),
        Attack("the card is declined", declined, _ends("undone"), stage="B"),
        Attack("the carrier says no", no_carrier, _ends("undone"), stage="B"),
        Attack(
            "the carrier says no, and killed anywhere",
            no_carrier,
            _ends("way_back"),
            sweep=(COORDINATOR,),
            stage="B",
        ),
        Attack(
            "the refund fails twice",
            no_carrier,
            _ends("retried"),
            faults=tuple(ErrorRate(COORDINATOR, "payments", nth=nth) for nth in (2, 3)),
            stage="B",
        ),
        Attack(
            "the stock cannot be given back for a while",
            no_carrier_long,
            _ends("retried"),
            faults=(ErrorRate(COORDINATOR, "inventory", at=0.02, lasts=OUTAGE),),
            stage="B",
        ),
        *_in_doubt(yes, yes_long, no_carrier, no_carrier_long),
    )


def _ends(promise: str) -> tuple[Check, ...]:
    return (came_to_its_end(promise), ends_well(promise), *ALWAYS)


def _in_doubt(
    yes: Scenario, yes_long: Scenario, no_carrier: Scenario, no_carrier_long: Scenario
) -> tuple[Attack, ...]:
    """Stage C: answers that do not come, before the pivot, at it and past it."""
    attack = partial(Attack, stage="C")
    lost = partial(Drop, COORDINATOR, nth=1)
    down = partial(ErrorRate, COORDINATOR, lasts=OUTAGE)
    doubt, pivot, forward = _ends("in_doubt"), _ends("pivot"), _ends("forward")
    return (
        attack("the charge's answer is lost", yes, doubt, faults=(lost("payments", part="reply"),)),
        attack("the charge is lost", yes, doubt, faults=(lost("payments"),)),
        attack(
            "the charge's answer is lost, and the carrier says no",
            no_carrier,
            doubt,
            faults=(lost("payments", part="reply"),),
        ),
        attack(
            "the charge's answer is lost, and payments is down for a while",
            yes_long,
            doubt,
            faults=(lost("payments", part="reply"), down("payments", at=0.5)),
        ),
        attack(
            "the charge is late",
            no_carrier_long,
            doubt,
            faults=(Delay(COORDINATOR, "payments", nth=1, by=8.0),),
        ),
        attack(
            "the parcel's answer is lost",
            yes,
            pivot,
            faults=(lost("shipping", part="reply"),),
            sweep=(COORDINATOR,),
        ),
        attack(
            "the parcel's answer is lost, and shipping is down for a while",
            yes_long,
            pivot,
            faults=(lost("shipping", part="reply"), down("shipping", at=0.5)),
        ),
        attack(
            "the order cannot be confirmed for a while", yes_long, forward, faults=(down("orders", at=0.02),)
        ),
        attack("a service dies", no_carrier, doubt, sweep=SERVICES),
        attack("bad days", yes_long, doubt, plans=plans),
        attack("bad days, and the carrier says no", no_carrier_long, doubt, plans=plans),
    )


def plans() -> SearchStrategy[tuple[Fault, ...]]:
    """Up to three faults at once."""
    from hypothesis import strategies as st

    service, nth = st.sampled_from(SERVICES), st.integers(1, 4)
    part = st.sampled_from(["request", "reply"])
    killed = st.builds(lambda n: Crash(COORDINATOR, before=n), st.integers(1, 40))
    died = st.builds(lambda to, n: Crash(to, before=n), service, st.integers(2, 8))
    lost = st.builds(lambda to, n, p: Drop(COORDINATOR, to, nth=n, part=p), service, nth, part)
    late = st.builds(
        lambda to, n, p, by: Delay(COORDINATOR, to, nth=n, part=p, by=by),
        service, nth, part, st.sampled_from([0.7, 8.0]),
    )  # fmt: skip
    double = st.builds(lambda to, n: Duplicate(COORDINATOR, to, nth=n), service, nth)
    down = st.builds(
        lambda to, at: ErrorRate(COORDINATOR, to, at=at, lasts=6.0), service, st.sampled_from([0.02, 0.03])
    )
    fault = st.one_of(killed, died, lost, late, double, down)
    return st.lists(fault, min_size=1, max_size=3, unique=True).map(tuple)


MOST_ENTRIES = 10  # of an order that is completed: two for each step


def cancellations(answers: Answers) -> tuple[Attack, ...]:
    """Ada cancels after each entry of the log; once with a crash at each effect besides."""
    memory = Memory(answers)
    checks = (came_to_its_end("cancelled"), a_cancelled_order_is_called_off, *map(as_before, ALWAYS))
    return tuple(
        Attack(
            f"Ada cancels after entry {entries}",
            scenario(memory, cancel=entries),
            checks,
            sweep=(COORDINATOR,) if entries == 5 else (),  # the charge is on its way
        )
        for entries in range(1, MOST_ENTRIES + 1)
    )


STRETCH = Exercise(
    number="13",
    title="Sagas, and who may cancel",
    answers=("advance",),
    signatures={"advance": "log, services"},
    promises=CANCELLED,
    attacks=cancellations,
    hints=("", "", ""),
    picture=picture,
    story=story,
)

EXERCISE = Exercise(
    number="13",
    title="Sagas",
    answers=("advance",),
    signatures={"advance": "log, services"},
    promises=PROMISES,
    attacks=attacks,
    hints=(
        "The coordinator has died, and you are the next one. All that you have is the log. Read it aloud, "
        "entry by entry: which steps are done, which may be done, and is the order on its way forward or "
        "back? Whatever you cannot answer should have been written.",
        "Look at the last entry about each step. Look at where Refused is caught, and what is in the log "
        "before the first undo. Then at Unknown: in a forward step, in the pivot, and in a compensation. "
        "For which of the three is there any other way out than to ask again?",
        "Fold the log into the last word about each step. Forward: for each step that is not done, write "
        "start (unless that is there), ask until there is an answer, write done. If it is refused, write "
        "that, and turn. Back: from the newest step to the oldest, for each that is started or done, write "
        "undo, ask until there is an answer, write undone. Whether it goes forward or back is read from the "
        "log, too.",
    ),
    picture=picture,
    story=story,
    stages=("A", "B", "C"),
    stretch=STRETCH,
)
