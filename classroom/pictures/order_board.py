"""The board of one order of the shop: its saga log, and what each service holds of it.

Idea      The log is read from the coordinator's table, so that a death right after a record hides nothing;
          what the services hold, from the events that they record of this order.
Not here  How it is drawn (saga_board.py); how a saga is driven (services/saga).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from classroom.pictures.facts import plural, times
from classroom.pictures.picture import Picture
from classroom.pictures.saga_board import Mark, saga_board
from classroom.world.history import Event
from classroom.world.run import Run
from services.saga.progress import Progress, fold
from services.saga.saga_log import record_of
from services.saga.states import SagaState

SERVICES = ("inventory", "payments", "shipping", "notifications")
# Of each kind of event: whose it is, what is held from then on, and whether that is settled.
HELD = {
    "held": ("inventory", "{quantity} held", "pending"),
    "sold": ("inventory", "{quantity} sold", "settled"),
    "charged": ("payments", "{money} taken", "settled"),
    "shipped": ("shipping", "parcel gone", "settled"),
    "notified": ("notifications", "a mail", "settled"),
    "released": ("inventory", "given back", "over"),
    "refunded": ("payments", "given back", "over"),
    "apologised": ("notifications", "a second mail", "settled"),
}
SAID = {
    SagaState.COMPLETED: "is completed",
    SagaState.COMPENSATED: "is compensated",
    SagaState.NEW: "is not in the log",
}


def order_board(
    run: Run, order: int = 7, *, coordinator: str = "orders", title: str | None = None
) -> Picture:
    """Draw the saga of an order. coordinator: the node with the saga log. title: by default how it ended."""
    marks = [
        (row["at"], 0, Mark(row["at"], "", f"{row['event']} {row['step'] or ''}".strip(), "log"))
        for row in _log(run, order, coordinator)
    ]
    for event in run.history:
        marks += [(event.at, 1 + event.number, mark) for mark in _told(event, order, coordinator)]
    found = [mark for _, _, mark in sorted(marks, key=lambda each: each[:2])]
    return saga_board(found, services=SERVICES, title=title or finding(run, order, coordinator=coordinator))


def progress_of(run: Run, order: int = 7, *, coordinator: str = "orders") -> Progress:
    """How far the saga of an order had come at the end, by its log."""
    return fold(f"order-{order}", map(record_of, _log(run, order, coordinator)))


def finding(run: Run, order: int = 7, *, coordinator: str = "orders") -> str:
    """How it ended, and why, in a sentence."""
    progress = progress_of(run, order, coordinator=coordinator)
    said = SAID.get(progress.state, f"has not ended: it is {progress.state}")
    why = f" ({_plain(progress.reason)})" if progress.reason else ""
    deaths = run.of("crash", node=coordinator)
    died = f"; its coordinator died {times(len(deaths))}" if deaths else ""
    return f"Order {order} {said}{why}{died}"


def _log(run: Run, order: int, coordinator: str) -> list[dict[str, Any]]:
    return [row for row in run.rows(coordinator, "saga_log") if row["saga"] == f"order-{order}"]


def _told(event: Event, order: int, coordinator: str) -> Iterator[Mark]:
    if event.kind in HELD and event.get("order") == order and not event.get("repeated"):
        column, words, tone = HELD[event.kind]
        if event.get("before") in ("undone", "refused"):
            return
        if event.get("before") == "unknown":
            words, tone = "a tombstone", "over"
        yield Mark(event.at, column, words.format_map(_facts(event)), tone)
    elif event.kind == "crash" and event.node == coordinator:
        yield Mark(event.at, coordinator, "dies", "dies")
    elif event.kind == "start" and event.node == coordinator and event["incarnation"] > 1:
        yield Mark(event.at, coordinator, "is back, and reads its log", "note")
    elif event.kind == "saga_retry" and event["saga"] == f"order-{order}" and event["tries"] == 1:
        yield Mark(event.at, coordinator, f"asks {event['step']} again: {_plain(event['error'])}", "note")


def _plain(error: str) -> str:
    """An error without what only a programmer asks for: its class, and the request."""
    return re.sub(r"\b[A-Z]\w+: | \((GET|POST) \S+\)", "", error)


def _facts(event: Event) -> dict[str, Any]:
    quantity, item = event.get("quantity"), event.get("item")
    return {
        "quantity": plural(quantity, str(item)) if isinstance(quantity, int) else "",
        "money": f"{event.get('amount', 0) / 100:.2f}",
    }
