"""Spans as a picture needs them: found, put into a tree, and asked for their own time.

Idea      A span says who did what, from when until when, and whose part it is: its parent's id, or a link
          to a span of another trace. That is all that a waterfall or a topology needs; neither looks at
          the history of a run for anything else, since in production there is no such history.
          The pieces of a span's time in which none of its children was open are its *own*: overlapping
          children are counted once, and what a child does after its parent has ended takes nothing away.
Not here  The span itself, and who makes it (services.tracing); drawing (waterfall.py, topology.py).
Source    OpenTelemetry, "Traces".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.tracing.finished import FinishedSpan

Piece = tuple[float, float]  # from, to: seconds


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span stands in its trace. depth: 0 is a root; orphan: its parent is not among the spans."""

    span: FinishedSpan
    depth: int
    orphan: bool


def spans_of(source: Any) -> list[FinishedSpan]:
    """The spans of a run (its events of the kind "span"), or of an iterable of such events, of FinishedSpan
    or of OpenTelemetry's ReadableSpan; in the order in which they began.

    Raises TypeError for anything else.
    """
    found = [span for each in getattr(source, "history", source) if (span := _span(each)) is not None]
    return sorted(found, key=lambda span: (span.start, -span.end))


def _span(each: Any) -> FinishedSpan | None:
    from services.tracing.finished import FinishedSpan  # when needed: with it comes OpenTelemetry

    if isinstance(each, FinishedSpan):
        return each
    if hasattr(each, "get_span_context"):
        return FinishedSpan.of(each)
    if hasattr(each, "number") and hasattr(each, "kind"):  # an event of a history
        return FinishedSpan.from_json(each.data, service=each.node) if each.kind == "span" else None
    raise TypeError(f"a span is wanted, or an event of a history; got a {type(each).__name__}")


def traces(spans: Iterable[FinishedSpan]) -> dict[str, list[FinishedSpan]]:
    """The spans by trace, in the order in which the traces began."""
    found: dict[str, list[FinishedSpan]] = defaultdict(list)
    for span in spans:
        found[span.trace_id].append(span)
    return dict(found)


def children(spans: Iterable[FinishedSpan]) -> dict[str, list[FinishedSpan]]:
    """The spans by the id of their parent."""
    found: dict[str, list[FinishedSpan]] = defaultdict(list)
    for span in spans:
        if span.parent_id is not None:
            found[span.parent_id].append(span)
    return dict(found)


def tree(spans: Sequence[FinishedSpan]) -> list[Place]:
    """The spans of one trace: each parent before its children, and these in the order in which they began."""
    known, below = {span.span_id for span in spans}, children(spans)
    places: list[Place] = []
    seen: set[str] = set()

    def put(root: FinishedSpan) -> None:
        stack = [(root, 0)]  # and no recursion: a chain may be thousands long
        while stack:
            span, depth = stack.pop()
            if span.span_id in seen:  # two spans with one id: a second one is put below, once
                continue
            seen.add(span.span_id)
            orphan = span.parent_id is not None and span.parent_id not in known
            places.append(Place(span, depth, orphan))
            stack += [(child, depth + 1) for child in reversed(below.get(span.span_id, ()))]

    for span in spans:
        if span.parent_id is None or span.parent_id not in known:
            put(span)
    placed = {id(place.span) for place in places}
    places += [Place(span, 0, True) for span in spans if id(span) not in placed]
    return places


def own_pieces(span: FinishedSpan, below: Iterable[FinishedSpan]) -> list[Piece]:
    """The pieces of a span's time in which none of its children `below` was open."""
    pieces, at = [], span.start
    for child in sorted(below, key=lambda each: each.start):
        if child.start >= span.end:
            break
        if child.start > at:
            pieces.append((at, child.start))
        at = max(at, child.end)
    if at < span.end:
        pieces.append((at, span.end))
    return pieces


def self_time(span: FinishedSpan, below: Iterable[FinishedSpan]) -> float:
    """Seconds in which the span was open and none of its children was."""
    return sum(end - start for start, end in own_pieces(span, below))
