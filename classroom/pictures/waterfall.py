"""The waterfall: every span of a trace as a bar, below the span whose part it is.

Idea      A bar is solid where the span worked itself, and pale where it only waited for its children: the
          longest bar is nearly always the root's, and the culprit is the longest *solid* piece. A dotted line
          before a bar is time that belongs to no span: between the end of a sender's span and the start of
          its receiver's. Traces stand one below the other; a curve is a link between them.
Not here  Who asked whom how often (topology.py); the history of a run: only its spans are looked at.
Source    B. Sigelman et al., "Dapper, a Large-Scale Distributed Systems Tracing Infrastructure", 2010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from classroom.pictures.axes import steps
from classroom.pictures.facts import plural, seconds, short
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture
from classroom.pictures.spans import Place, children, own_pieces, self_time, spans_of, traces, tree
from classroom.pictures.svg import (
    arrow_head,
    clip,
    cross,
    d,
    document,
    line,
    measure,
    path,
    rect,
    shape,
    text,
    wrap,
)

if TYPE_CHECKING:
    from services.tracing.finished import FinishedSpan

WIDTH, LEFT, RIGHT, ROW, BAR, INDENT = 900.0, 304.0, 176.0, 25.0, 14.0, 13.0
DEEPEST = 8  # beyond it no further indent
Lines = list[str]


def waterfall(
    source: Any,
    *,
    trace: str | None = None,
    guess: str | None = None,
    title: str | None = None,
    limit: int = 48,
) -> Picture:
    """Draw the spans of a run, or of an iterable of spans (see spans_of).

    trace: the id of the only trace to draw, or its first digits. guess: the service that you think is the
    culprit; what it worked itself is marked. limit: the most rows; further spans are counted.
    Raises ValueError if there is no span to draw.
    """
    found = [span for span in spans_of(source) if span.trace_id.startswith(trace or "")]
    if not found:
        raise ValueError(f"waterfall: there is no span{f' of a trace {trace}...' if trace else ''} to draw")
    return _Waterfall(found, guess, title, limit).picture()


class _Waterfall:
    def __init__(self, spans: list[FinishedSpan], guess: str | None, title: str | None, limit: int) -> None:
        self.spans, self.guess, self.limit = spans, guess, limit
        self.traces = {name: tree(each) for name, each in traces(spans).items()}
        self.below = children(spans)
        self.known = {(span.trace_id, span.span_id): span for span in spans}
        self.start = min(span.start for span in spans)
        self.total = max(span.end for span in spans) - self.start or 1.0
        self.title = title or self._finding()
        self.at: dict[tuple[str, str], tuple[float, FinishedSpan]] = {}  # where a span was drawn

    # -- words ----------------------------------------------------------------------------

    def _finding(self) -> str:
        places = [place for each in self.traces.values() for place in each]
        most, late = max(self.spans, key=self._own), max(places, key=self._waits)
        if self._waits(late) > self._own(most):
            lost = f"{seconds(self._waits(late))} of {seconds(self.total)} are in no span"
            return f"{lost}: before {late.span.service} begins to {late.span.name}"
        if len(self.traces) > 1:
            links = sum(len(span.links) for span in self.spans)
            joined = f", joined by {plural(links, 'link')}" if links else ", and nothing that joins them"
            return f"{len(self.traces)} traces{joined}"
        orphans = [place for place in places if place.orphan]
        if orphans:
            have = "has" if len(orphans) == 1 else "have"
            return f"{len(orphans)} of {plural(len(self.spans), 'span')} {have} lost the parent"
        return f"{most.service} works {seconds(self._own(most))} of {seconds(self.total)}: {most.name}"

    def _own(self, span: FinishedSpan) -> float:
        return self_time(span, self.below.get(span.span_id, ()))

    def _waits(self, place: Place) -> float:
        """Seconds from the end of the sender's span to the start of this one."""
        return max(place.span.start - end, 0.0) if (end := self._sent(place)) is not None else 0.0

    def _sent(self, place: Place) -> float | None:
        """When the span that this one follows had ended: its parent, or the last one that it links."""
        before = [(place.span.trace_id, place.span.parent_id or "")]
        before += [(link.trace_id, link.span_id) for link in place.span.links]
        return max((self.known[key].end for key in before if key in self.known), default=None)

    def _told(self, place: Place) -> str:
        span = place.span
        since = span.start - self.start
        words = f"{'  ' * min(place.depth, 4 * DEEPEST)}{span.service} {span.name} ({span.kind}): "
        words += f"{seconds(since)} to {seconds(since + span.duration)}, itself {seconds(self._own(span))}"
        more = [f"waited {seconds(self._waits(place))} before it"] if self._shown(self._waits(place)) else []
        more += ["its parent is not here"] if place.orphan else []
        more += [f"linked to {self._name_of(link.trace_id, link.span_id)}" for link in span.links]
        more += [f"failed: {span.error}"] if span.error is not None else []
        return "; ".join([words, *more])

    def _name_of(self, trace_id: str, span_id: str) -> str:
        span = self.known.get((trace_id, span_id))
        if span is None:
            return f"a span that is not here (trace {trace_id[:6]})"
        return f"{span.service} {span.name} at {seconds(span.start - self.start)}"

    def _twin(self) -> Lines:
        told: Lines = []
        for name, places in self.traces.items():
            told.append(f"trace {name[:6]}: {plural(len(places), 'span')}")
            told += [self._told(place) for place in places]
        return told + ([f"your guess: {self.guess}"] if self.guess else [])

    # -- the drawing ----------------------------------------------------------------------

    def picture(self) -> Picture:
        heading = wrap(self.title, WIDTH - 40, 15, bold=True)
        head = y = 40.0 + 20 * len(heading)
        rows: Lines = []
        left = self.limit
        for name, places in self.traces.items():
            if left and len(self.traces) > 1:
                words = f"trace {name[:6]}…: {plural(len(places), 'span')}"
                rows.append(text(20, y + 17, words, size=11.5, fill="soft"))
                y += ROW
            for place in places[:left]:
                rows.append(self._row(place, y + ROW / 2))
                y += ROW
            left = max(left - len(places), 0)
        body = [text(20, 28 + 20 * n, words, size=15, bold=True) for n, words in enumerate(heading)]
        body += [self._axis(head, y), *rows, self._links(), self._foot(y)]
        told = self._twin()
        alt = f"{self.title}. A waterfall of {plural(len(self.spans), 'span')}: {'; '.join(told[1:12])}"
        alt += "." if len(told) <= 12 else f"; and {len(told) - 12} more."
        drawn = document(WIDTH, y + 62, "".join(body), title=self.title, desc=alt)
        return Picture(self.title, drawn, alt, "\n".join(told))

    def _x(self, moment: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (moment - self.start) / self.total

    def _shown(self, lasts: float) -> bool:
        return lasts > self.total / 100

    def _axis(self, top: float, foot: float) -> str:
        body = [rect(LEFT, top, WIDTH - LEFT - RIGHT, foot - top, fill="band")]
        for moment in steps(self.total, 5):
            x = self._x(self.start + moment)
            body.append(line(x, top, x, foot, "rule", 0.8))
            words = f"{moment * 1000:.3g}" if self.total < 1 else f"{moment:.3g}"
            body.append(text(x, foot + 15, words, size=11, anchor="middle", fill="soft"))
        unit = "milliseconds" if self.total < 1 else "seconds"
        body.append(text(WIDTH - RIGHT + 12, foot + 15, unit, size=11, fill="soft"))
        return "".join(body)

    def _row(self, place: Place, y: float) -> str:
        span, sign = place.span, look(place.span.service)
        self.at[span.trace_id, span.span_id] = (y, span)
        left = 20 + INDENT * min(place.depth, DEEPEST)
        body = []
        if span.service == self.guess:
            body.append(rect(4, y - ROW / 2 + 1, WIDTH - 8, ROW - 2, fill="mark", rx=3))
        body.append(shape(sign.shape, left + 6, y, 5, fill=f"{sign.colour}-fill", stroke=sign.colour))
        who = clip(span.service, 110, 12, bold=True)
        body.append(text(left + 17, y + 4, who, size=12, bold=True))
        after = left + 17 + measure(who, 12, bold=True) + 7
        body.append(text(after, y + 4, clip(span.name, LEFT - 8 - after, 11), size=11, fill="soft"))
        body += [self._wait(place, y), self._bar(span, y)]
        words, fill = f"{seconds(span.duration)} · itself {seconds(self._own(span))}", "ink"
        if place.orphan:
            words, fill = "its parent is not here", "vermillion-text"
            body.append(self._torn(span, y))
        elif span.error is not None:
            words, fill = f"{seconds(span.duration)}: {short(span.error, 40)}", "vermillion-text"
            body.append(cross(self._x(span.end) + 8, y, 4))
        at = WIDTH - RIGHT + 12
        body.append(text(at, y + 4, clip(words, WIDTH - at - 8, 11), size=11, fill=fill))
        return "".join(body)

    def _bar(self, span: FinishedSpan, y: float) -> str:
        sign, left = look(span.service), self._x(span.start)
        wide = max(self._x(span.end) - left, 2.0)
        how: dict[str, Any] = {
            "stroke": sign.colour,
            "stroke_width": 1,
            "stroke_dasharray": sign.dash or None,
            "rx": 2,
        }
        body = [rect(left, y - BAR / 2, wide, BAR, fill=f"{sign.colour}-tint", **how)]
        for start, end in own_pieces(span, self.below.get(span.span_id, ())):
            piece = max(self._x(end) - self._x(start), 1.0)
            body.append(rect(self._x(start), y - BAR / 2, piece, BAR, fill=f"{sign.colour}-fill", rx=2))
        return "".join(body)

    def _wait(self, place: Place, y: float) -> str:
        """The time before the bar that is nobody's: from the end of what it follows."""
        waits = self._waits(place)
        if not self._shown(waits):
            return ""
        left, right = self._x(place.span.start - waits), self._x(place.span.start)
        body = line(left, y, right, y, "soft", 1.5, stroke_dasharray="1.5 4")
        words = f"waits {seconds(waits)}"
        if measure(words, 11) < right - left - 12:
            body += text((left + right) / 2, y + 4, words, size=11, anchor="middle", fill="soft", halo=True)
        return body

    def _torn(self, span: FinishedSpan, y: float) -> str:
        """A torn edge where the line to the parent should begin."""
        x = self._x(span.start) - 5
        data = d("M", x, y - 7, "L", x - 4, y - 3.5, "L", x, y, "L", x - 4, y + 3.5, "L", x, y + 7)
        return path(data, stroke="vermillion", stroke_width=2)

    def _links(self) -> str:
        body = []
        for span in self.spans:
            for link in span.links:
                sent, own = (link.trace_id, link.span_id), (span.trace_id, span.span_id)
                if sent in self.at and own in self.at:
                    (y1, sender), (y2, _) = self.at[sent], self.at[own]
                    x1, x2 = self._x(sender.end), self._x(span.start) - 2
                    bend = x1 + max(12.0, (x2 - x1) / 3)
                    curve = d("M", x1, y1, "C", bend, y1, x2 - 24, y2, x2, y2)
                    body.append(path(curve, stroke="ink", stroke_width=1.3, stroke_dasharray="5 3"))
                    body.append(arrow_head(x2, y2, 1, 0, 6))
        return "".join(body)

    def _foot(self, y: float) -> str:
        words = ["solid: works itself", "pale: waits for its children"]
        if any(self._shown(self._waits(place)) for places in self.traces.values() for place in places):
            words.append("dotted: no span is open")
        if any(span.links for span in self.spans):
            words.append("arrow: a link")
        words += [f"marked: your guess, {self.guess}"] if self.guess else []
        more = len(self.spans) - self.limit
        words += [f"{plural(more, 'span')} more, in the text below"] if more > 0 else []
        return text(20, y + 42, clip(" · ".join(words), WIDTH - 40, 11.5), size=11.5, fill="soft")
