"""The topology: who calls whom, as the spans alone tell it.

Idea      An arrow from one service to another is a span of the one whose parent, or link, is a span of the
          other. Whole: a call, and the caller waits. Dashed: a message that has a parent. Dotted: a link. A
          service that no arrow reaches called nobody and was called by nobody, or its spans have lost the
          header that said by whom: from here the two cannot be told apart.
Not here  When it happened (waterfall.py).
Source    Dapper (see waterfall.py), "Inferring service dependencies".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from classroom.pictures.facts import listed, plural, seconds, times
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture
from classroom.pictures.spans import spans_of
from classroom.pictures.svg import Box, arrow_head, d, document, path, rect, shape, text, text_box, wrap

if TYPE_CHECKING:
    from services.tracing.finished import FinishedSpan

WIDTH, TALL, WIDE, ROW, EDGE = 900.0, 34.0, 122.0, 82.0, 22.0
DASHES = {"call": "", "message": "7 4", "link": "2 3"}


@dataclass
class Edge:
    """From one service to another. how: call, message or link. by: what carried it."""

    source: str
    target: str
    how: str
    by: str
    spans: list[FinishedSpan] = field(default_factory=list)

    @property
    def words(self) -> str:
        return f"{self.by} {len(self.spans)}×, {seconds(median(span.duration for span in self.spans))}"

    @property
    def failed(self) -> int:
        return sum(span.error is not None for span in self.spans)


def topology(source: Any, *, title: str | None = None) -> Picture:
    """Draw the services of a run, or of an iterable of spans (see spans_of), and who calls whom.

    Raises ValueError if there is no span.
    """
    spans = spans_of(source)
    if not spans:
        raise ValueError("topology: there is no span to draw it from")
    edges = edges_of(spans)
    columns = _columns(list(dict.fromkeys(span.service for span in spans)), edges)
    found = title or _finding(columns, edges)
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 44.0 + 20 * len(heading)
    height = head + ROW * max(len(column) for column in columns) + 30
    places = _places(columns, head)
    taken = list(places.values())
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body += [_arrow(edge, places) for edge in edges]
    body += [_box(name, place) for name, place in places.items()]
    body += [_label(edge, places, taken) for edge in edges]
    body.append(text(20, height - 14, _legend(edges), size=11.5, fill="soft"))
    told = [_told(edge) for edge in edges] + [f"{name}: no arrow" for name in _alone(columns, edges)]
    alt = f"{found}. Services and arrows: {'; '.join(told)}."
    drawn = document(WIDTH, height, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, "\n".join(told))


def edges_of(spans: Iterable[FinishedSpan]) -> list[Edge]:
    """Who calls whom, in the order in which it was first seen."""
    known = {(span.trace_id, span.span_id): span for span in spans}
    found: dict[tuple[str, str, str, str], Edge] = {}
    for span in known.values():
        parent = (span.trace_id, span.parent_id or "")
        links = [(link.trace_id, link.span_id) for link in span.links]
        above = [("", parent), *(("link", key) for key in links if key != parent)]
        for how, key in above:
            cause = known.get(key)
            if cause is None or cause.service == span.service:
                continue
            kind = how or ("message" if span.kind == "consumer" else "call")
            which = (cause.service, span.service, kind, _carrier(span))
            found.setdefault(which, Edge(*which)).spans.append(span)
    return list(found.values())


def _carrier(span: FinishedSpan) -> str:
    """What brought it, by the semantic conventions' attributes."""
    of = span.attributes
    if where := of.get("messaging.destination.name"):
        return str(where)
    if system := of.get("rpc.system.name", of.get("rpc.system")):
        return "gRPC" if system == "grpc" else str(system)
    return "HTTP" if any(name.startswith("http.") for name in of) else span.name


def _columns(services: list[str], edges: list[Edge]) -> list[list[str]]:
    """The services from left to right: each as far from the left as the longest way to it is long."""
    depth = dict.fromkeys(services, 0)
    for _ in services:  # that often at most, so that a circle ends it too
        for edge in edges:
            if edge.source != edge.target:
                depth[edge.target] = min(max(depth[edge.target], depth[edge.source] + 1), len(services) - 1)
    columns: dict[int, list[str]] = defaultdict(list)
    for name in services:
        columns[depth[name]].append(name)
    parts = _parts([services], edges)
    where = {name: number for number, part in enumerate(parts) for name in part}
    return [sorted(columns[at], key=lambda name: where[name]) for at in sorted(columns)]


def _places(columns: list[list[str]], head: float) -> dict[str, Box]:
    tallest = max(len(column) for column in columns)
    step = (WIDTH - 2 * EDGE - WIDE) / max(len(columns) - 1, 1)
    places = {}
    for across, column in enumerate(columns):
        top = head + ROW * (tallest - len(column)) / 2
        for down, name in enumerate(column):
            places[name] = Box(EDGE + step * across, top + ROW * down + (ROW - TALL) / 2, WIDE, TALL)
    return places


def _box(name: str, at: Box) -> str:
    sign = look(name)
    frame = rect(
        at.x, at.y, at.width, at.height, fill=f"{sign.colour}-tint", stroke=sign.colour, stroke_width=1.5,
        stroke_dasharray=sign.dash or None, rx=5,
    )  # fmt: skip
    icon = shape(sign.shape, at.x + 15, at.y + TALL / 2, 6, fill=f"{sign.colour}-fill", stroke=sign.colour)
    return frame + icon + text(at.x + 28, at.y + TALL / 2 + 4, name, size=12, bold=True)


def _ends(edge: Edge, places: dict[str, Box]) -> tuple[float, float, float, float]:
    start, end = places[edge.source], places[edge.target]
    return start.x + start.width, start.y + TALL / 2, end.x, end.y + TALL / 2


def _arrow(edge: Edge, places: dict[str, Box]) -> str:
    x1, y1, x2, y2 = _ends(edge, places)
    colour = "vermillion" if edge.failed else "ink"
    bend = max((x2 - x1) / 2, 24.0)
    way = d("M", x1, y1, "C", x1 + bend, y1, x2 - bend, y2, x2 - 2, y2)
    dash = DASHES[edge.how] or None
    return path(way, stroke=colour, stroke_width=1.6, stroke_dasharray=dash) + arrow_head(
        x2 - 1, y2, 1, 0, 7, fill=colour
    )


def _label(edge: Edge, places: dict[str, Box], taken: list[Box]) -> str:
    """The words of an arrow at its middle, moved up or down to where nothing stands yet."""
    x1, y1, x2, y2 = _ends(edge, places)
    words, lines = edge.words, [edge.words]
    if edge.failed:
        lines = [words, f"{edge.failed} failed"]
    x, middle = (x1 + x2) / 2, (y1 + y2) / 2 - 6
    for shift in (0, 12, -12, 24, -24, 36, -36, 48, -48, 60, -60):
        boxes = [text_box(x, middle + shift + 14 * n, each, 11, "middle") for n, each in enumerate(lines)]
        if not any(box.overlaps(other) for box in boxes for other in taken):
            break
    taken += boxes
    fills = ("ink", "vermillion-text")
    return "".join(
        text(x, middle + shift + 14 * n, each, size=11, anchor="middle", fill=fills[n], halo=True)
        for n, each in enumerate(lines)
    )


def _alone(columns: list[list[str]], edges: list[Edge]) -> list[str]:
    reached = {edge.source for edge in edges} | {edge.target for edge in edges}
    return [name for column in columns for name in column if name not in reached]


def _parts(columns: list[list[str]], edges: list[Edge]) -> list[set[str]]:
    """The services in groups that arrows join, the largest first."""
    parts = [{name} for column in columns for name in column]
    for edge in edges:
        joined = [part for part in parts if {edge.source, edge.target} & part]
        parts = [part for part in parts if part not in joined] + [set().union(*joined)]
    return sorted(parts, key=len, reverse=True)


def _finding(columns: list[list[str]], edges: list[Edge]) -> str:
    services = plural(sum(map(len, columns)), "service")
    if alone := _alone(columns, edges):
        return f"{services}; no span tells who calls {' or '.join(alone)}"
    if len(parts := _parts(columns, edges)) > 1:
        return f"{services} in {len(parts)} parts, and no span that joins them"
    reached = {edge.target for edge in edges}
    called = {edge.target for edge in edges if edge.how == "call"}
    roots = [name for column in columns for name in column if name not in reached]
    late = f", {len(reached - called)} of them by message only" if reached - called else ""
    return f"From {listed(roots) if roots else 'each other'}, {plural(len(reached), 'service')} reached{late}"


def _legend(edges: list[Edge]) -> str:
    names = {"call": "whole: a call", "message": "dashed: a message, as a child", "link": "dotted: a link"}
    used = [names[how] for how in DASHES if any(edge.how == how for edge in edges)]
    return " · ".join([*used, "how often, and the median time of the one that is called"] if used else [])


def _told(edge: Edge) -> str:
    failed = f", {edge.failed} failed" if edge.failed else ""
    often, lasted = times(len(edge.spans)), seconds(median(span.duration for span in edge.spans))
    return f"{edge.source} -> {edge.target}: {edge.how} by {edge.by}, {often}, median {lasted}{failed}"
