"""Exercise 10: revenue per customer from a log, which counts once whoever dies, sleeps or comes late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classroom.adversary import Attack
from classroom.checks import came_to_its_end
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.exercises.memory import Memory
from classroom.exercises.replayable_log.checks import (
    a_late_joiner_has_the_same,
    a_replay_sends_no_mail,
    each_record_counts_once,
    orders_stay_in_order,
    work_is_spread,
)
from classroom.exercises.replayable_log.explain import picture, story
from classroom.exercises.replayable_log.system import ANOTHER_DAY, CONSUMERS, busy_day, scenario
from classroom.world.faults import Crash, Delay, Drop, Duplicate, Fault

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

PROMISES = (
    Promise(
        "order",
        "key_of: the events of one order are read in the order in which they happened.",
        "Records of one key are in one partition, and a partition is read in order. Ask which fields of two "
        "events of the same order are the same, and which are not.",
    ),
    Promise(
        "spread",
        "key_of: the work is spread over the partitions, though three of five orders are Ada's.",
        "Ask how many different keys there are, and how many records have the commonest of them. What is the "
        "smallest thing whose events must stay in order?",
    ),
    Promise(
        "once",
        "consume and resume_from: each record counts once, in the revenue and in the mails, whoever dies.",
        "Ask at each line of consume: if the process died here, what is written, and where would resume_from "
        "send the next one? A position is the offset of the next record to read.",
    ),
    Promise(
        "zombie",
        "consume: an owner that stood still, and was replaced, does not overwrite its successor.",
        "Between a look into the table and a write there may be forty seconds, and another owner's work. "
        "What can make the look and the write one thing? Or what could the table know, with "
        "record.epoch, that would let it refuse?",
    ),
    Promise(
        "late_joiner",
        "consume and resume_from: who comes late and reads from the first record has the same table.",
        "The late joiner has a database of its own, empty at first, and record.replay is True. Ask what of "
        "your answer would be another one there.",
    ),
    Promise(
        "replay",
        "consume: a replay sends no mail.",
        "Which of the effects of a record may happen again when the table is made anew, and which has a "
        "person at its other end? record.replay says when.",
    ),
)


def attacks(answers: Answers) -> tuple[Attack, ...]:
    memory = Memory(answers)
    always = (
        came_to_its_end("order"),
        orders_stay_in_order,
        each_record_counts_once,
        a_late_joiner_has_the_same,
        a_replay_sends_no_mail,
    )
    one = CONSUMERS[:1]
    return (
        Attack("one consumer", scenario(memory, consumers=one, lasts=5.0), always, sweep=one),
        # Both are paused, since chance decides which of them has the partition.
        Attack("one partition", scenario(memory, partitions=1), always, pauses=CONSUMERS),
        # Three faults, one after the other, may hold all up for half a minute each: so this day is long.
        Attack("a day", scenario(memory, lasts=150.0), always, plans=plans),
        Attack("another day", scenario(memory, events=ANOTHER_DAY, lasts=3.0), always),
        Attack("a busy day", busy_day(memory), (came_to_its_end("spread"), work_is_spread)),
    )


def plans() -> SearchStrategy[tuple[Fault, ...]]:
    """Up to three faults at once: deaths of both consumers, and exchanges that are lost, doubled or late."""
    from hypothesis import strategies as st

    node = st.sampled_from(CONSUMERS)
    number, nth = st.integers(1, 40), st.integers(1, 20)
    part = st.sampled_from(["request", "reply"])
    crash = st.builds(
        lambda node, n, down: Crash(node, before=n, down=down), node, number, st.sampled_from([1.0, 30.0])
    )
    drop = st.builds(lambda a, n, p: Drop(a, "broker", nth=n, part=p), node, nth, part)
    double = st.builds(lambda a, n: Duplicate(a, "broker", nth=n), node, nth)
    late = st.builds(lambda a, n: Delay(a, "broker", nth=n, by=25.0, part="reply"), node, nth)
    return st.lists(st.one_of(crash, drop, double, late), min_size=1, max_size=3, unique=True).map(tuple)


EXERCISE = Exercise(
    number="10",
    title="The replayable log",
    answers=("key_of", "consume", "resume_from"),
    signatures={"key_of": "event", "consume": "record, db", "resume_from": "db, partition"},
    promises=PROMISES,
    attacks=attacks,
    hints=(
        "A consumer has counted a record and dies before it can say so. The record comes again. Where could "
        "the next owner look to know that it is done?",
        "For the key, look at what stays the same in an order, and at who is hot. For the count, look at "
        "db.transaction() and the table positions, and at what record.offset is compared with. For the "
        "mails, look at record.replay.",
        "In one transaction: read the next offset of record.partition from positions; if record.offset is "
        "below it, leave; else add to revenue, write the mail if the order is shipped and this is no "
        "replay, and store record.offset + 1. resume_from gives that number, or 0. The key is the order.",
    ),
    plain=("key_of",),
    picture=picture,
    story=story,
)
