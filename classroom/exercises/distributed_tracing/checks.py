"""The promises of exercise 14 as pure checks of a run.

Idea      Whoever hands ids on writes them down (``handed``), and so does whoever takes them (``taken``,
          ``processed``): an edge holds if the two agree. What others must be able to read is read by a
          propagator that is not the learner's.
Not here  The sentences in which they are made (e14_distributed_tracing.py), the words for a broken one
          (explain.py).
"""

from __future__ import annotations

import re
from typing import Any

from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from classroom.checks import Check, Violation
from classroom.exercises.distributed_tracing import blame, explain
from classroom.exercises.distributed_tracing.hands import told
from classroom.world.history import Event
from classroom.world.run import Run

CLOSE = 0.001  # seconds
SAMPLED = 1  # the bit of the flags
Ids = tuple[str | None, str | None]


def ids(data: Any) -> Ids:
    return data["trace"], data["span"]


def names_the_culprit(run: Run) -> list[Violation]:
    """What culprit says of each trace, against the largest self time."""
    return [
        Violation("self_time", blame.why_another(event), (event["case"],), (event.number,))
        for event in run.of("asked")
        if not _right(event["said"], *event["right"])
    ]


def _right(said: Any, service: str, seconds: float) -> bool:
    if not isinstance(said, list | tuple) or len(said) != 2 or said[0] != service:
        return False
    number = said[1]
    return isinstance(number, int | float) and abs(number - seconds) <= CLOSE


def nothing_falls(promise: str) -> Check:
    """No answer raised, and each order that was placed by HTTP was answered by 200."""

    def check(run: Run) -> list[Violation]:
        found = [
            Violation(
                promise,
                explain.why_fell(event, promise == "malformed"),
                (*event["orders"], event["by"]),
                (event.number,),
            )
            for event in run.of("fell")
        ]
        return found or [
            Violation(promise, explain.why_not_answered(event), (event["order"],), (event.number,))
            for event in run.of("answered")
            if event["status"] != 200
        ]

    return check


def edges_hold(run: Run) -> list[Violation]:
    """What another process began is the child of the span whose ids were handed on, or linked to it."""
    found = []
    for handed in run.of("handed"):
        readable = _as_others_read(handed["headers"])
        if ids(readable) != ids(handed):
            found.append((handed, explain.why_illegible(handed, readable)))
            continue
        for taken in run.of("taken", order=handed["order"], by=handed["by"]):
            if ids(taken) != ids(handed):
                found.append((handed, explain.why_no_edge(handed, taken)))
        for processed in _batches_of(run, handed):
            if len(processed["orders"]) == 1 and not _joined(processed, handed):
                found.append((handed, explain.why_no_link(handed, processed)))
    return [
        Violation("edges", text, (handed["order"], handed["by"]), (handed.number,)) for handed, text in found
    ]


def strangers_are_followed(run: Run) -> list[Violation]:
    """An order that comes with good ids from somebody else's page goes on in their trace."""
    return [
        Violation("edges", explain.why_no_edge(None, taken), (taken["order"], "HTTP"), (taken.number,))
        for taken in run.of("taken", by="HTTP")
        if _foreign(run, taken) and ids(taken) != ids(_as_others_read(taken["headers"]))
    ]


def batches_link_all(run: Run) -> list[Violation]:
    """The span of several messages is linked to the sender's span of each, is the child of none, and open."""
    found = []
    for processed in run.of("processed"):
        sent = [each for each in run.of("handed", by=processed["by"]) if each["order"] in processed["orders"]]
        missing = [each for each in sent if ids(each) not in map(ids, processed["links"])]
        if processed["ended"]:
            found.append((processed, explain.why_ended(processed)))
        elif len(processed["orders"]) > 1 and processed["parent"]["span"]:
            found.append((processed, explain.why_a_parent(processed, sent)))
        elif len(processed["orders"]) > 1 and missing:
            found.append((processed, explain.why_not_linked(processed, missing)))
    return [
        Violation("batch", text, (*event["orders"], event["by"]), (event.number,)) for event, text in found
    ]


def sampling_is_kept(run: Run) -> list[Violation]:
    """A trace that its first service keeps is kept by each, and one that it does not keep by none."""
    found = []
    for taken in run.of("taken", by="HTTP"):
        wanted = bool((_as_others_read(taken["headers"])["flags"] or 0) & SAMPLED)
        if not _foreign(run, taken) or taken["trace"] is None:
            continue
        kept = {event.node for event in run.of("span", trace=taken["trace"])}
        for service in ("orders", "inventory"):
            if (service in kept) is not wanted:
                text = explain.why_sampled(taken, service, wanted)
                found.append(Violation("sampled", text, (taken["order"], "HTTP"), (taken.number,)))
                break
    return found


def nonsense_starts_a_trace(run: Run) -> list[Violation]:
    """Of headers that nobody could read, nothing is made: no parent and no link."""
    found = [
        Violation("malformed", explain.why_believed(taken), (taken["order"], "HTTP"), (taken.number,))
        for taken in run.of("taken", by="HTTP")
        if taken["trace"] is not None and _as_others_read(taken["headers"])["trace"] is None
    ]
    for processed in run.of("processed"):
        known = {ids(handed) for handed in run.of("handed", by=processed["by"])}
        made_up = [link for link in processed["links"] if ids(link) not in known and _valid(link)]
        if made_up:
            text = explain.why_made_up(processed, made_up[0])
            found.append(
                Violation("malformed", text, (*processed["orders"], processed["by"]), (processed.number,))
            )
    return found


def headers_are_left(run: Run) -> list[Violation]:
    """inject adds its own headers, and leaves all others as they were."""
    return [
        Violation("headers", explain.why_changed(handed), (handed["order"], handed["by"]), (handed.number,))
        for handed in run.of("handed")
        if any(handed["headers"].get(key) != value for key, value in handed["before"].items())
    ]


def names_hold_no_ids(run: Run) -> list[Violation]:
    """A span's name is the same for all batches of one size from one queue, and no id stands in it."""
    found, first = [], dict[tuple[str, int], Event]()
    for processed in run.of("processed"):
        if not processed["flags"] & SAMPLED:
            continue  # nobody will ever read its name
        before = first.setdefault((processed["by"], len(processed["orders"])), processed)
        words = re.split(r"[^0-9a-zA-Z]+", processed["name"])
        known = [str(order) for order in processed["orders"]]
        known += [str(each) for link in (processed, *processed["links"]) for each in ids(link)]
        held = next((each for each in known if each in words), None)
        if held or before["name"] != processed["name"]:
            text = explain.why_named(processed, before, held)
            found.append(
                Violation("names", text, (*processed["orders"], processed["by"]), (processed.number,))
            )
    return found


def _batches_of(run: Run, handed: Event) -> list[Event]:
    return [each for each in run.of("processed", by=handed["by"]) if handed["order"] in each["orders"]]


def _joined(processed: Event, handed: Event) -> bool:
    """Is it a span of its own, and the child of the sender's, or linked to it?"""
    if processed["span"] == handed["span"]:
        return False
    if not processed["flags"] & SAMPLED:
        return processed["trace"] == handed["trace"]  # nothing else is known of a span that is not kept
    return ids(handed) in map(ids, (processed["parent"], *processed["links"]))


def _foreign(run: Run, taken: Event) -> bool:
    """Did this order come from somebody else's page, with ids that can be read?"""
    ours = run.of("handed", order=taken["order"], by="HTTP")
    return not ours and _as_others_read(taken["headers"])["trace"] is not None


def _as_others_read(headers: Any) -> dict[str, Any]:
    """The ids that a program which is not the learner's finds in these headers."""
    carrier = {key.lower(): value for key, value in headers.items() if isinstance(value, str)}
    context = get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()
    return told(context if context.is_valid else None)


def _valid(link: Any) -> bool:
    return int(link["trace"] or "0", 16) > 0 and int(link["span"] or "0", 16) > 0
