"""The promises of exercise 11 as pure checks of a run.

Idea      What is right is computed from the changes that the orders service made, by the plain loop: each
          order as it was at each of its versions. The view at the end, and each page that was shown,
          is held against that.
Not here  The sentences in which they are made (e11_cqrs.py), the words for a broken one (explain.py).
"""

from __future__ import annotations

from typing import Any

from classroom.checks import Check, Violation
from classroom.exercises.cqrs.explain import (
    about,
    why_from_the_writer,
    why_half_a_page,
    why_no_answer,
    why_not_a_rebuild,
    why_older,
    why_pending,
    why_waited,
)
from classroom.exercises.cqrs.page import ROW
from classroom.world.history import Event
from classroom.world.run import Run

AT_ONCE = 0.02  # seconds: who has no token is answered within
TOLERANCE = 0.05  # seconds by which a deadline may be missed
FROM_THE_VIEW = 0.9  # the share of reads for which the writer may not be asked

Row = dict[str, Any]


def states(run: Run) -> dict[tuple[int, int], Row]:
    """Each order as it was at each version: what a rebuild would say of it."""
    found: dict[tuple[int, int], Row] = {}
    now: dict[int, Row] = {}
    for event in run.of("changed"):
        order = event["of"]
        blank = {"order_id": order, "version": 0, "address": None, "items": 0, "total": 0}
        row = now.setdefault(order, blank)
        row["version"] += 1
        row["address"] = row["address"] if event["address"] is None else event["address"]
        row["items"] += event["amount"] is not None
        row["total"] += event["amount"] or 0
        found[order, row["version"]] = dict(row)
    return found


def equals_a_rebuild(run: Run) -> list[Violation]:
    """The view at the end, order by order."""
    wanted = {order: row for (order, _), row in states(run).items()}  # the last version stays
    rows = {row["order_id"]: row for row in run.rows("view", "orders")}
    violations = [
        Violation("rebuild", why_not_a_rebuild(run, order, rows.get(order), row), about(run, order))
        for order, row in wanted.items()
        if _cut(rows.get(order)) != row
    ]
    strangers = sorted(set(rows) - set(wanted), key=str)
    if strangers:
        text = (
            f"The view has a row for order {strangers[0]}, which nobody ever changed: {rows[strangers[0]]}."
        )
        violations.append(Violation("rebuild", text, tuple(strangers)))
    return violations


def pages_are_whole(run: Run) -> list[Violation]:
    """Each page that was shown is an order as it was at one version."""
    known = states(run)
    return [
        Violation(
            "whole", why_half_a_page(run, read, known), about(run, read["of"], read["token"]), (read.number,)
        )
        for read in run.of("read", came="page")
        if _cut(read["page"]) != known.get((read["of"], read["version"]))
    ]


def nobody_sees_less_than_he_knows(run: Run) -> list[Violation]:
    return [
        Violation("own_writes", why_older(run, read), about(run, read["of"], read["token"]), (read.number,))
        for read in run.of("read")
        if read["token"] is not None and _is_older(read)
    ]


def nobody_waits_without_a_token(run: Run) -> list[Violation]:
    return [
        Violation("no_wait", why_waited(run, read), about(run, read["of"], read["token"]), (read.number,))
        for read in run.of("read", token=None)
        if read["took"] > AT_ONCE or read["came"] == "pending"
    ]


def reads_come_from_the_view(run: Run) -> list[Violation]:
    reads = run.of("read")
    asked = [read for read in reads if read["writer"]]
    if not reads or len(asked) <= (1 - FROM_THE_VIEW) * len(reads):
        return []
    return [Violation("from_the_view", why_from_the_writer(reads, asked), (), (asked[0].number,))]


def answers_come_in_time(run: Run) -> list[Violation]:
    return [
        Violation("deadline", why_no_answer(run, read), about(run, read["of"], read["token"]), (read.number,))
        for read in run.of("read")
        if read["came"] in ("hung", "error") or read["took"] > read["deadline"] + TOLERANCE
    ]


def pending_is_the_last_resort(run: Run) -> list[Violation]:
    """In runs in which the view comes, or the writer answers, before the deadline."""
    return [
        Violation("patience", why_pending(run, read), about(run, read["of"], read["token"]), (read.number,))
        for read in run.of("read", came="pending")
    ]


def _is_older(read: Event) -> bool:
    if read["came"] == "nothing":
        return True
    version = read.get("version")
    return read["came"] == "page" and (not isinstance(version, int) or version < read["token"])


def _cut(row: Row | None) -> Row | None:
    return None if row is None else {key: row.get(key) for key in ROW}


READS: tuple[Check, ...] = (
    pages_are_whole,
    nobody_sees_less_than_he_knows,
    nobody_waits_without_a_token,
    answers_come_in_time,
)
