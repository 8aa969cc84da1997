"""The promises of exercise 10 as pure checks of a run.

Idea      What is right is computed from the log itself, by the plain loop: what was appended is what
          happened. The table at the end, and the one that a late joiner made, are held against that.
Not here  The sentences in which they are made (e10_replayable_log.py), the words for a broken one
          (explain.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict

from classroom.checks import Violation
from classroom.exercises.replayable_log.explain import (
    why_hot,
    why_late_differs,
    why_mails,
    why_not_in_order,
    why_replay_mails,
    why_wrong,
)
from classroom.exercises.replayable_log.system import LIVE, REBUILT
from classroom.world.run import Run

MOST = 0.45  # the share of the records that one of four partitions may get
SIGN = {"paid": 1, "refunded": -1}


def truth(run: Run) -> dict[str, int]:
    """Each customer's revenue, by the plain loop over the log."""
    cents: dict[str, int] = {}
    for event in run.of("appended"):
        value = event["value"]
        if value["what"] in SIGN:
            customer = value["customer"]
            cents[customer] = cents.get(customer, 0) + SIGN[value["what"]] * value["cents"]
    return {customer: value for customer, value in cents.items() if value}


def counted(run: Run, database: str) -> dict[str, int]:
    """Each customer's revenue in a table; one without any is as good as none."""
    rows = run.rows(database, "revenue")
    return {row["customer"]: row["cents"] for row in rows if row["cents"]}


def orders_stay_in_order(run: Run) -> list[Violation]:
    """All events of an order are in one partition."""
    where: dict[int, set[int]] = defaultdict(set)
    for event in run.of("appended"):
        where[event["value"]["order"]].add(event["partition"])
    return [
        Violation("order", why_not_in_order(run, order), (order,))
        for order, partitions in where.items()
        if len(partitions) > 1
    ][:1]


def work_is_spread(run: Run) -> list[Violation]:
    """No partition gets much more than its share."""
    shares = Counter(event["partition"] for event in run.of("appended"))
    partition, most = shares.most_common(1)[0] if shares else (0, 0)
    if most <= MOST * shares.total():
        return []
    shown = tuple(event.number for event in run.of("appended", partition=partition))
    return [Violation("spread", why_hot(run, partition, most, shares.total()), events=shown)]


def each_record_counts_once(run: Run) -> list[Violation]:
    """The table and the mails at the end, whoever died, slept or was asked twice."""
    promise = "zombie" if run.of("pause") else "once"
    wanted, found = truth(run), counted(run, LIVE)
    violations = [
        Violation(promise, why_wrong(run, name, found.get(name, 0), wanted.get(name, 0)), (name,))
        for name in sorted(wanted.keys() | found.keys(), key=str)
        if found.get(name, 0) != wanted.get(name, 0)
    ]
    mails = Counter(row["order_id"] for row in run.rows(LIVE, "mails"))
    for order in _shipped(run):
        if mails.pop(order, 0) != 1:
            sent = sum(row["order_id"] == order for row in run.rows(LIVE, "mails"))
            violations.append(Violation(promise, why_mails(run, order, sent), (order,)))
    for order in mails:
        violations.append(Violation(promise, why_mails(run, order, mails[order]), (order,)))
    return violations


def a_late_joiner_has_the_same(run: Run) -> list[Violation]:
    """What was made anew from the first record, with one restart, equals what the log says."""
    wanted, found = truth(run), counted(run, REBUILT)
    if found == wanted:
        return []
    return [Violation("late_joiner", why_late_differs(run, found, wanted))]


def a_replay_sends_no_mail(run: Run) -> list[Violation]:
    mails = run.rows(REBUILT, "mails")
    return [Violation("replay", why_replay_mails(len(mails), mails[0]))] if mails else []


def _shipped(run: Run) -> list[int]:
    return [e["value"]["order"] for e in run.of("appended") if e["value"]["what"] == "shipped"]
