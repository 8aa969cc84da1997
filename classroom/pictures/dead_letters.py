"""The dead letters as a table: what, why, when, how often, from where.

Idea      A dead-letter queue is an inbox for a person, so it is shown as one: a row a message, oldest first.
Not here  How a message gets there, and back (minibroker.dead_letter).
Source    The x-death header of RabbitMQ (documentation, "Dead Letter Exchanges").
"""

import json
from dataclasses import dataclass
from html import escape
from typing import Any

from classroom.pictures.facts import plural
from classroom.pictures.picture import history_of
from classroom.world.history import Event

HEADINGS = ("message", "body", "why", "in the worker's words", "delivered", "died at", "from")
LEFT = 'style="text-align:left"'


@dataclass(frozen=True)
class DeadLetters:
    """A row a message: id, body, reason, last error, deliveries, seconds, queue."""

    title: str
    rows: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        shown = [HEADINGS, *self.rows]
        widths = [min(44, max(len(row[column]) for row in shown)) for column in range(len(HEADINGS))]
        lines = [
            "  ".join(cell[:width].ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in shown
        ]
        return "\n".join([self.title, *(lines if self.rows else [])])

    def html(self) -> str:
        if not self.rows:
            return f"<p>{escape(self.title)}</p>"
        head = "".join(f'<th scope="col" {LEFT}>{escape(heading)}</th>' for heading in HEADINGS)
        rows = "".join(
            "<tr>" + "".join(f"<td {LEFT}>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows
        )
        caption = f"<caption {LEFT}><b>{escape(self.title)}</b></caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text}


def dead_letters(run: Any, queue: str | None = None) -> DeadLetters:
    """What lies among the dead letters of a run at its end.

    queue: one dead-letter queue; by default all that any message was sent to.
    """
    history = history_of(run)
    dead: dict[Any, Event] = {}
    for event in history:
        if event.kind == "dead" and queue in (None, event.get("to")):
            dead[event["message"]] = event
        elif event.kind in ("redriven", "acked"):
            dead.pop(event["message"], None)
    rows = tuple(_row(history, event) for event in dead.values())
    where = (
        queue
        or ", ".join(sorted({event["to"] for event in dead.values() if event.get("to")}))
        or "dead letters"
    )
    found = f"{plural(len(rows), 'message')} in {where}" if rows else f"No message in {where}"
    return DeadLetters(found, rows)


def _last_words(history: tuple[Event, ...], message: Any) -> str:
    """What the last worker that failed at it said: the reason of its nack, or the error that it raised."""
    for event in reversed(history):
        if event.get("message") == message and event.kind in ("nacked", "handled"):
            words = event.get("reason") or event.get("outcome")
            if words and words != "ok":
                return str(words)
    return ""


def _row(history: tuple[Event, ...], event: Event) -> tuple[str, ...]:
    message = event["message"]
    body = next(
        (each["body"] for each in history if each.kind == "sent" and each["message"] == message), None
    )
    said = event.get("error") or _last_words(history[: event.number], message)
    return (
        str(message),
        json.dumps(body, ensure_ascii=False),
        str(event["reason"]),
        str(said),
        str(event["receive_count"]),
        f"{event.at:.1f} s",
        str(event["queue"]),
    )
