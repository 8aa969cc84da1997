"""Spans as data: what a picture of a trace is drawn from, wherever the spans come from.

Idea      A span says who did what, from when until when, and whose part it is: its parent's id, or a link
          to a span of another trace. That is all that a waterfall or a topology needs; neither looks at
          the history of a run for anything else, since in production there is no such history.
          The pieces of a span's time in which none of its children was open are its *own*: overlapping
          children are counted once, and what a child does after its parent has ended takes nothing away.
Not here  Who makes spans and hands their ids on (services.tracing); drawing (waterfall.py, topology.py).
Source    OpenTelemetry, "Traces"; the fields are those of its ReadableSpan.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NANO = 1e9
Piece = tuple[float, float]  # from, to: seconds


@dataclass(frozen=True, slots=True)
class Span:
    """One span that has ended.

    trace_id, span_id, parent_id: hex digits, 32, 16 and 16; parent_id is None for a root.
    kind:   server, client, producer, consumer or internal. service: its resource's ``service.name``.
    start, end: seconds. links: (trace_id, span_id) of each span that it points at.
    status: unset, ok or error; about: what is said of an error.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    start: float
    end: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()
    status: str = "unset"
    about: str = ""

    @property
    def lasts(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Place:
    """Where a span stands in its trace. depth: 0 is a root; orphan: its parent is not among the spans."""

    span: Span
    depth: int
    orphan: bool


def spans_of(source: Any) -> list[Span]:
    """The spans of a run (its events of the kind "span"), or of an iterable of such events, of mappings
    with the fields of Span, or of OpenTelemetry's ReadableSpan; in the order in which they began.

    Raises TypeError for anything else.
    """
    found = [span for each in getattr(source, "history", source) if (span := _span(each)) is not None]
    return sorted(found, key=lambda span: (span.start, -span.end))


def _span(each: Any) -> Span | None:
    if isinstance(each, Span):
        return each
    if isinstance(each, Mapping):
        return _of_mapping(each)
    if hasattr(each, "get_span_context"):
        return _of_readable(each)
    if hasattr(each, "number") and hasattr(each, "kind"):  # an event of a history
        return _of_mapping(each.data) if each.kind == "span" else None
    raise TypeError(f"a span is wanted, or an event of a history; got a {type(each).__name__}")


def _of_mapping(data: Mapping[str, Any]) -> Span:
    names = {name: data[name] for name in Span.__slots__ if name in data}
    links = tuple((trace_id, span_id) for trace_id, span_id in data.get("links", ()))
    return Span(**{**names, "kind": data.get("span_kind", data.get("kind", "internal")), "links": links})


def _of_readable(span: Any) -> Span:
    own, parent = span.get_span_context(), span.parent
    return Span(
        trace_id=f"{own.trace_id:032x}",
        span_id=f"{own.span_id:016x}",
        parent_id=f"{parent.span_id:016x}" if parent else None,
        name=span.name,
        kind=span.kind.name.lower(),
        service=str(span.resource.attributes.get("service.name", "unknown")),
        start=span.start_time / NANO,
        end=(span.end_time if span.end_time is not None else span.start_time) / NANO,
        attributes=dict(span.attributes or {}),
        links=tuple((f"{x.context.trace_id:032x}", f"{x.context.span_id:016x}") for x in span.links),
        status=span.status.status_code.name.lower(),
        about=span.status.description or "",
    )


def traces(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans by trace, in the order in which the traces began."""
    found: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        found[span.trace_id].append(span)
    return dict(found)


def children(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """The spans by the id of their parent."""
    found: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if span.parent_id is not None:
            found[span.parent_id].append(span)
    return dict(found)


def tree(spans: Sequence[Span]) -> list[Place]:
    """The spans of one trace: each parent before its children, and these in the order in which they began."""
    known, below = {span.span_id for span in spans}, children(spans)
    places: list[Place] = []
    seen: set[str] = set()

    def put(span: Span, depth: int) -> None:
        if span.span_id in seen:  # two spans with one id: a second one is put below, once
            return
        seen.add(span.span_id)
        orphan = span.parent_id is not None and span.parent_id not in known
        places.append(Place(span, depth, orphan))
        for child in below.get(span.span_id, ()):
            put(child, depth + 1)

    for span in spans:
        if span.parent_id is None or span.parent_id not in known:
            put(span, 0)
    placed = {id(place.span) for place in places}
    places += [Place(span, 0, True) for span in spans if id(span) not in placed]
    return places


def own_pieces(span: Span, below: Iterable[Span]) -> list[Piece]:
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


def self_time(span: Span, below: Iterable[Span]) -> float:
    """Seconds in which the span was open and none of its children was."""
    return sum(end - start for start, end in own_pieces(span, below))
