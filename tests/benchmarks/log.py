"""The log against list.append: what its offsets, keys and times cost.

Idea      A log in memory is lists with rules, so the reference is a list. Two loops stand for it: one
          appends a ready object, again and again to one list, which is the least that Python can do;
          the other does what a log without rules would do, and makes a tuple of five for each
          record and appends it to one of 8 lists. Cost is the inverse of speed: the budget of 0.15
          of list.append's speed is 1 / 0.15 of its cost. The log has 8 partitions, and its keys are
          1,000 orders', which it has met before (a new one is hashed, in Python).
Restart   has the budget of reading the log's file (DESIGN.md): here the part of it that is not the
          file's, to take the facts back, against reading their JSON alone.
Reading   has no budget but must not pay for the writing: a replay is the log fetched from its start to
          its end, 500 records at a time, against a walk along a list of the same records.
Not here  The budgets' argument (DESIGN.md, "Budgets"); a log on a disk.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

from minibroker import TopicLog
from tests.benchmarks.measure import Measurement, median_ratio

RECORDS = 20_000  # a turn
BATCH = 1_000
KEYS = [f"order-{number}" for number in range(1_000)]
PARTITIONS = 8
TURNS = 25
MUST, GOAL = 1 / 0.15, 1 / 0.25


def records(count: int = RECORDS) -> list[tuple[str, str]]:
    """(key, value) pairs: the keys in no order, each value another."""
    return [(KEYS[number * 7919 % len(KEYS)], f"value-{number}") for number in range(count)]


def ready_object(pairs: list[tuple[str, str]]) -> None:
    """The least: one object, appended to one list."""
    found, ready = [], pairs[0]
    for _ in pairs:
        found.append(ready)


def tuples_of_five(pairs: list[tuple[str, str]]) -> None:
    """A log without rules: no key decides, nobody checks."""
    lists: list[list[tuple[int, int, str, str, float]]] = [[] for _ in range(PARTITIONS)]
    for offset, (key, value) in enumerate(pairs):
        number = offset % PARTITIONS
        lists[number].append((number, offset, key, value, 0.0))


def in_batches(log: TopicLog, pairs: list[tuple[str, str]]) -> None:
    """By append_many, 1,000 at a time."""
    emptied(log)
    for first in range(0, len(pairs), BATCH):
        log.append_many(pairs[first : first + BATCH], now=float(first))


def one_by_one(log: TopicLog, pairs: list[tuple[str, str]]) -> None:
    """By append."""
    emptied(log)
    for now, (key, value) in enumerate(pairs):
        log.append(key, value, now=float(now))


def emptied(log: TopicLog) -> None:
    """Give the turn before back, as the lists do; what stays is what it knows of the keys."""
    for partition in log.partitions:
        partition.trim(partition.end_offset)


def replay(log: TopicLog) -> None:
    """Every record, read once."""
    for partition in log.partitions:
        offset = partition.start_offset
        while fetched := partition.fetch(offset):
            for record in fetched:
                offset = record.offset
            offset += 1


def walk(pairs: list[tuple[str, str]]) -> None:
    """Every pair, read once."""
    for pair in pairs:
        pair[0]


def facts_as_json(log: TopicLog) -> list[str]:
    """What a journal would have, a line each."""
    return [json.dumps(fact) for fact in log.facts()]


def read_json(lines: list[str]) -> None:
    """The least that a restart has to do."""
    for line in lines:
        json.loads(line)


def restart(lines: list[str]) -> None:
    """A topic made anew."""
    log = TopicLog("bench", partitions=PARTITIONS)
    for line in lines:
        log.restore(json.loads(line))


def measure() -> list[Measurement]:
    pairs, log = records(), TopicLog("bench", partitions=PARTITIONS)
    many, one = _of(in_batches, log, pairs), _of(one_by_one, log, pairs)
    ready, made = _of(ready_object, pairs), _of(tuples_of_five, pairs)
    many()
    batches = facts_as_json(log)
    one()
    singles = facts_as_json(log)
    rows: list[tuple[str, Callable[[], object], Callable[[], object], float | None, float | None]] = [
        ("append_many: cost of list.append", many, ready, MUST, GOAL),
        ("append_many: cost of a tuple made and appended", many, made, None, None),
        ("append: cost of list.append", one, ready, None, None),
        ("append: cost of a tuple made and appended", one, made, None, None),
        (
            "replay: cost of a walk",
            _of(replay, log),
            _of(walk, pairs),
            None,
            None,
        ),
        (
            "restart, of batches: cost of their JSON",
            _of(restart, batches),
            _of(read_json, batches),
            None,
            None,
        ),
        (
            "restart, one by one: cost of their JSON",
            _of(restart, singles),
            _of(read_json, singles),
            None,
            None,
        ),
    ]
    found = []
    for name, ours, theirs, must, goal in rows:
        ratio, mine, other = median_ratio(ours, theirs, times=TURNS)
        note = f"{mine / RECORDS * 1e9:.0f} against {other / RECORDS * 1e9:.0f} ns: {1 / ratio:.3f}"
        found.append(Measurement(f"log, {name}", ratio, "x", must, goal, note))
    return found


def _of(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return functools.partial(function, *arguments)
