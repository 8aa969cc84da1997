"""Exercise 11: a view that equals a rebuild, and a read that shows nobody less than he knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classroom.adversary import Attack
from classroom.checks import came_to_its_end
from classroom.exercises.cqrs.checks import (
    READS,
    equals_a_rebuild,
    pending_is_the_last_resort,
    reads_come_from_the_view,
)
from classroom.exercises.cqrs.explain import picture
from classroom.exercises.cqrs.system import PROJECTORS, Change, scenario
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.exercises.memory import Memory
from classroom.world.faults import Crash, Delay, Drop, Duplicate, ErrorRate, Fault

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

PROMISES = (
    Promise(
        "rebuild",
        "project: whatever befalls it, in the end the view is what a rebuild from zero would make.",
        "Ask what project knows when an event comes again, perhaps in another process, and when one comes "
        "before the one before it. If it raises, the event comes again after a second; if it returns, the "
        "event is gone.",
    ),
    Promise(
        "whole",
        "project and read: each page that is shown is the order as it was at one version, never half of one.",
        "A row says which version it is. Ask whether there is a moment at which it says so, and does not yet "
        "hold all the changes up to there.",
    ),
    Promise(
        "own_writes",
        "read: who holds a token is never shown an older version as if it were the present one.",
        "The token is the version that the reader's own change made of this order. Compare it with the "
        "version of what you are about to show, on every way out of read.",
    ),
    Promise(
        "from_the_view",
        "read: on an ordinary day at least 90 % of all reads do not ask the writer.",
        "On an ordinary day the view is a few milliseconds behind, and few readers hold a token. For whom, "
        "and when, is the writer worth its price?",
    ),
    Promise(
        "no_wait",
        "read: who holds no token is answered at once, by what the view has.",
        "Follow a read without a token through your code: it should meet neither a sleep nor the orders "
        "service.",
    ),
    Promise(
        "deadline",
        "read: an answer comes within the deadline, a page or 'pending', whoever is dead.",
        "Ask of each await in read how long it can take, and what it raises. The view may never come; the "
        "writer may refuse, or say nothing at all for five seconds.",
    ),
    Promise(
        "patience",
        "read: who can be shown his change before the deadline is not told 'pending'.",
        "'Pending' is for the moment when no time is left. Until then the view may still come, and the "
        "writer may know.",
    ),
)

FEW: tuple[Change, ...] = ((1, "Old Street 1", None), (1, None, 990), (1, None, 500), (2, "Hill 5", None))
DEAD = tuple(Crash(name, at=0.4, down=None) for name in PROJECTORS)


def attacks(answers: Answers) -> tuple[Attack, ...]:
    memory = Memory(answers)
    only_view = (came_to_its_end("rebuild"), equals_a_rebuild)
    reads = (came_to_its_end("deadline"), *READS)
    always = (equals_a_rebuild, *reads)
    short = scenario(memory, changes=FEW)
    dead = scenario(memory, changes=FEW[:2], deadline=0.5, rest=0.0)
    return (
        Attack(
            "a strike at the projectors",
            scenario(memory, changes=FEW[:3], every=0.05, glances=None, rest=60.0),
            only_view,
            sweep=PROJECTORS[:1],  # the other one takes turns with it, and is no different
            pauses=PROJECTORS[:1],
        ),
        Attack(
            "an ordinary day",
            scenario(memory, glances=0.025),
            (*always, reads_come_from_the_view, pending_is_the_last_resort),
        ),
        Attack("each event twice", short, always, faults=(Duplicate("orders", "broker"),)),
        Attack(
            "the first event is lost, and comes again",
            short,
            always,
            faults=(Drop("projector-1", "broker", nth=1, part="reply"),),
        ),
        Attack(
            "a late view",
            scenario(memory, changes=FEW, deadline=2.0),
            (*always, pending_is_the_last_resort),
            faults=(Delay("orders", "broker", by=0.6),),
        ),
        Attack("a dead view", dead, reads, faults=DEAD),
        Attack(
            "a dead view, and a writer that refuses",
            dead,
            reads,
            faults=(*DEAD, ErrorRate("pages", "orders")),
        ),
        Attack(
            "a dead view, and a writer that is silent",
            dead,
            reads,
            faults=(*DEAD, Drop("pages", "orders", part="reply")),
        ),
        # Whose question is lost waits 25 s for an answer: both projectors may, so these days are long.
        Attack("bad days", scenario(memory, changes=FEW, rest=60.0), always, plans=plans),
    )


def plans() -> SearchStrategy[tuple[Fault, ...]]:
    """Up to three faults at once. No pauses: a projector that stands still in a transaction locks all out."""
    from hypothesis import strategies as st

    who, nth, part = st.sampled_from(PROJECTORS), st.integers(1, 8), st.sampled_from(["request", "reply"])
    crash = st.builds(lambda node, n: Crash(node, before=n), who, st.integers(1, 24))
    lost = st.builds(lambda node, n, p: Drop(node, "broker", nth=n, part=p), who, nth, part)
    unsent = st.builds(lambda n, p: Drop("orders", "broker", nth=n, part=p), nth, part)
    late = st.builds(lambda n, by: Delay("orders", "broker", nth=n, by=by), nth, st.sampled_from([0.1, 0.7]))
    double = st.builds(lambda n: Duplicate("orders", "broker", nth=n), nth)
    silent = st.builds(lambda n, p: Drop("pages", "orders", nth=n, part=p), st.integers(1, 4), part)
    fault = st.one_of(crash, lost, unsent, late, double, silent)
    return st.lists(fault, min_size=1, max_size=3, unique=True).map(tuple)


EXERCISE = Exercise(
    number="11",
    title="CQRS",
    answers=("project", "read"),
    signatures={"project": "db, event", "read": "order_id, *, token, view, writer, deadline"},
    promises=PROMISES,
    attacks=attacks,
    hints=(
        "An event comes for the second time, and another comes before the one before it. What is there in "
        "the row of the order that could tell you so? And Ada, who holds the number of her change: with what "
        "could she compare it?",
        "For the view, look at event.version and at the version in the row, and at db.transaction(). For "
        "the read, look at view.get in a loop, at what is left of the deadline, and at the timeout= of "
        "writer.get.",
        "project: in one transaction read the row's version. At that version or below, return; beyond the "
        "next one, raise an error, so that the event comes again; else write row and version together. "
        "read: without a token, give what the view has. With one, look at the view again and again for a "
        "part of the deadline; then ask the writer, with the seconds that are left as its timeout; if he "
        "cannot answer, say pending.",
    ),
    picture=picture,
)
