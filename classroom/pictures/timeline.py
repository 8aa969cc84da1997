"""Who held which message when: leases, work, pauses, crashes and acks as bars on one clock.

Idea      One row a worker, true to scale. An outlined bar is a lease: for so long the queue hides
          the message. A filled bar is work: for so long the worker was at it. Where the filled
          bar of one delivery runs beside that of the next, two workers do the same thing, and the
          title says by how many seconds. Below, one row for each service that made an effect.
Not here  Who called whom (sequence.py).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from typing import Any

from classroom.pictures import svg
from classroom.pictures.facts import (
    Delivery,
    Names,
    clock,
    deliveries,
    effects_of,
    listed,
    ordinal,
    plural,
    repeated_effects,
    seconds,
    subjects,
    troubled,
)
from classroom.pictures.headline import DONE, headline
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture, history_of
from classroom.world.history import Event

WIDTH = 900
LEFT, RIGHT = 118, 172  # on the right there is room for the letters of what comes last
TRACK = 54  # height of one track of bars: a line of letters and a bar
BAR = 15
LETTERS = 12
MANY = 40  # deliveries; above, only what was in trouble is drawn
_UNASKED = object()


@dataclass(slots=True)
class _Bar:
    delivery: Delivery
    name: str
    work: tuple[float, float] | None  # seconds
    lease: tuple[float, float]
    label: str
    track: int = 0


@dataclass(slots=True)
class _Row:
    node: str
    bars: list[_Bar] = field(default_factory=list)
    tracks: int = 1
    top: float = 0.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a learner expected, as it stands on the picture."""

    words: str
    at: float | None = None  # seconds, where the prediction is a moment


def timeline(
    run: Any,
    *,
    about: object = None,
    between: tuple[float, float] | None = None,
    title: str | None = None,
    prediction: object = _UNASKED,
    label: str = "",
    measured: float | None = None,
    unit: str = "",
) -> Picture:
    """Draw leases and work of each worker.

    about:      only these orders or messages. between: from..to, in seconds.
    title:      the finding; by default computed from the run.
    prediction: a number, or None for "no prediction made"; label says of what ("times order 7 is
                charged"), measured what the run gave. With unit="s" it is a moment, drawn as a line.
    """
    history = history_of(run)
    names = Names(history)
    wanted, _ = subjects(about)
    given = deliveries(history)
    left_out: list[str] = []
    chosen = [d for d in given if not wanted or (names.order(d.message, d.number) or d.message) in wanted]
    if not wanted and len(chosen) > MANY:
        odd = troubled(history)
        kept = [d for d in chosen if (names.order(d.message, d.number) or d.message) in odd] or chosen
        if len(kept) < len(chosen):
            left_out.append(
                plural(len(chosen) - len(kept), "delivery", "deliveries") + " that went as planned"
            )
        if len(kept) > MANY:
            left_out.append(plural(len(kept) - MANY, "delivery", "deliveries") + " that came later")
            kept = kept[:MANY]
        chosen = kept
    end = getattr(run, "duration", None) or (history[-1].at if history else 0.0)
    span = between or _span(history, chosen, end)
    found = title or finding(history, chosen, names) or headline(history)
    told = _prediction(prediction, label, measured, unit)
    drawing = _Drawing(history, names, chosen, span, found, told, left_out)
    text = _as_text(history, names, chosen, told, left_out)
    return Picture(found, drawing.document(), _alt(found, names, chosen, told, left_out), text)


def finding(history: Sequence[Event], chosen: Sequence[Delivery], names: Names) -> str:
    """Of the first message that was worked on twice: when the second delivery began, against the first's end.

    "" if there is none.
    """
    by_name: dict[str, list[Delivery]] = {}
    for delivery in chosen:
        by_name.setdefault(_name(names, delivery), []).append(delivery)
    for name, all_of_it in by_name.items():
        for index, (first, second) in enumerate(pairwise(all_of_it), start=1):
            if first.message != second.message or first.ended == "dead":
                continue  # two messages about one order; or put back from the dead letters
            ends = first.finished if first.finished is not None else first.broken_off
            if ends is None or first.started is None:
                continue
            gap = second.leased - ends
            one, other = ordinal(index), ordinal(index + 1)
            start = f"{name[0].upper()}{name[1:]}: the {other} delivery starts"
            if gap < 0:
                return f"{start} {seconds(-gap)} before the {one} ends"
            if len(all_of_it) > 2:
                dead = any(each.ended == "dead" for each in all_of_it)
                fate = "then it goes to the dead letters" if dead else "one after the other"
                return f"{name[0].upper()}{name[1:]} is delivered {len(all_of_it)} times, {fate}"
            how = (
                "was broken off"
                if first.finished is None
                else "gave up"
                if first.outcome != "ok"
                else "was done"
            )
            return f"{start} {seconds(gap)} after the {one} {how}"
    return ""


def overlaps(chosen: Iterable[Delivery]) -> list[tuple[float, float, str]]:
    """(from, to, first worker), wherever a delivery began before work on the last one had ended; seconds."""
    last: dict[tuple[str, str], Delivery] = {}
    found = []
    for delivery in sorted(chosen, key=lambda d: d.number):
        before = last.get((delivery.queue, delivery.message))
        if before is not None and before.started is not None:
            ends = before.finished if before.finished is not None else before.broken_off
            if ends is not None and ends > delivery.leased:
                found.append((delivery.leased, ends, before.consumer))
        last[delivery.queue, delivery.message] = delivery
    return found


def _name(names: Names, delivery: Delivery) -> str:
    return names.of(delivery.message, delivery.number)


def _prediction(prediction: object, label: str, measured: float | None, unit: str) -> Prediction | None:
    if prediction is _UNASKED:
        return None
    of = f"{label}: " if label else ""
    units = f" {unit}" if unit else ""
    if prediction is None:
        return Prediction(f"{of}no prediction made")
    shown = f"{prediction:g}" if isinstance(prediction, int | float) else str(prediction)
    words = f"{of}you predicted {shown}{units}"
    if measured is not None:
        same = isinstance(prediction, int | float) and abs(prediction - measured) < 1e-6
        words += f", the run gave {measured:g}{units}" + (" too" if same else "")
    at = float(prediction) if unit == "s" and isinstance(prediction, int | float) else None
    return Prediction(words, at)


def _span(history: Sequence[Event], chosen: Sequence[Delivery], end: float) -> tuple[float, float]:
    """From the first thing worth seeing to the last, with some air."""
    last = 0.0
    for d in chosen:
        moments = (d.leased, d.ended_at, d.finished, d.broken_off, *(at for at, _ in d.stale))
        last = max([last, *(at for at in moments if at is not None)])
        if d.ended is None:
            last = max(last, min(d.until or end, end))
    for event in history:
        if event.kind in ("pause", "resume", "crash"):
            last = max(last, event.at)
    for event in effects_of(history):
        last = max(last, event.at)
    return 0.0, (last or end or 1.0) * 1.01


class _Drawing:
    def __init__(self, history: Sequence[Event], names: Names, chosen: Sequence[Delivery],
                 span: tuple[float, float], title: str, told: Prediction | None,
                 left_out: list[str]) -> None:  # fmt: skip
        self.history, self.names, self.span = history, names, span
        self.title, self.told, self.left_out = title, told, left_out
        self.headings = svg.wrap(title, WIDTH - 40, 15, bold=True, lines=3)
        y = 20.0 + 20 * len(self.headings)
        if told is not None:
            y += 20
        self.axis = y + 22
        odd = troubled(history)
        few = len(chosen) <= 12
        self.rows: dict[str, _Row] = {}
        for delivery in sorted(chosen, key=lambda d: (_natural(d.consumer), d.number)):
            row = self.rows.setdefault(delivery.consumer, _Row(delivery.consumer))
            tell = few or (names.order(delivery.message, delivery.number) or delivery.message) in odd
            row.bars.append(self._bar(delivery, tell))
        self.effects: dict[str, list[Event]] = {}
        spoken = {names.order(d.message, d.number) for d in chosen}
        for event in effects_of(history):
            if str(event.get("order", event.get("order_id"))) in spoken and event.node != "world":
                self.effects.setdefault(event.node, []).append(event)
        y = self.axis + 14
        for row in self.rows.values():
            row.top = y
            self._place(row)
            y += row.tracks * TRACK + 14
        self.effect_tops: dict[str, float] = {}
        self.effect_labels: dict[str, list[tuple[float, float, str, str]]] = {}
        for node, events in self.effects.items():
            self.effect_tops[node] = y
            tracks = self._place_effects(node, events, y)
            y += 22 + 18 * tracks
        self.foot = svg.wrap("Left out: " + "; ".join(left_out) + ".", WIDTH - 40, 11.5) if left_out else []
        self.bottom = y
        self.key = y + 20
        self.height = y + 38 + 16 * len(self.foot)

    def x(self, at: float) -> float:
        start, end = self.span
        share = (min(max(at, start), end) - start) / ((end - start) or 1.0)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def _bar(self, d: Delivery, tell: bool) -> _Bar:
        end = self.span[1]
        until = d.ended_at if d.ended_at is not None else min(d.until or end, end)
        stop = d.finished if d.finished is not None else d.broken_off
        work = (d.started, stop if stop is not None else end) if d.started is not None else None
        name = _name(self.names, d)
        return _Bar(d, name, work, (d.leased, until), f"{name}, {ordinal(d.count)} time" if tell else "")

    def _place(self, row: _Row) -> None:
        """Give each bar a track in which neither bar nor letters touch another's."""
        ends: list[float] = []
        for bar in row.bars:
            start = self.x(bar.lease[0])
            stop = max(self.x(bar.lease[1]), self.x(bar.work[1]) if bar.work else 0.0, start + 6) + 12
            if bar.label:
                stop = max(stop, start + svg.measure(bar.label, LETTERS) + 10)
            for at, _ in bar.delivery.stale:
                stop = max(stop, self.x(at) + 10)
            for track, busy in enumerate(ends):
                if start >= busy:
                    bar.track, ends[track] = track, stop
                    break
            else:
                bar.track = len(ends)
                ends.append(stop)
        row.tracks = max(len(ends), 1)

    def _place_effects(self, node: str, events: Sequence[Event], top: float) -> int:
        ends: list[float] = []
        placed = self.effect_labels.setdefault(node, [])
        again = {e.number for each in repeated_effects(self.history).values() for e in each[1:]}
        for event in events:
            order = event.get("order", event.get("order_id"))
            words = f"{event.kind.replace('_', ' ')} order {order}"
            tone = "ink"
            if event.get("repeated"):
                words, tone = f"{words}: known key", "green-text"
            elif event.number in again:
                words, tone = f"{words} again", "vermillion-text"
            bold = tone == "vermillion-text"
            wide = svg.measure(words, LETTERS, bold=bold)
            x = self.x(event.at)
            left = min(x + 9, WIDTH - 12 - wide)
            track = next((i for i, busy in enumerate(ends) if left >= busy), len(ends))
            ends[track:] = [left + wide + 22, *ends[track + 1 :]]
            placed.append((x, top + 18 + 18 * track, words, tone))
        return max(len(ends), 1)

    # -- drawing

    def document(self) -> str:
        parts = [
            svg.text(20, 26 + 20 * i, words, size=15, bold=True) for i, words in enumerate(self.headings)
        ]
        if self.told is not None:
            words = svg.clip(self.told.words, WIDTH - 40, 12.5)
            parts.append(svg.text(20, 26 + 20 * len(self.headings), words, size=12.5, fill="blue-text"))
        parts += [self._at_once(), self._axis()]
        parts += [self._row(row) for row in self.rows.values()]
        parts += [self._effects(node) for node in self.effects]
        if self.told is not None and self.told.at is not None:
            x = self.x(self.told.at)
            parts.append(svg.line(x, self.axis, x, self.bottom, "blue", 1.6, stroke_dasharray="6 4"))
        parts.append(self._legend())
        parts += [
            svg.text(20, self.height - 10 - 16 * (len(self.foot) - 1 - i), words, size=11.5, fill="soft")
            for i, words in enumerate(self.foot)
        ]
        return svg.document(
            WIDTH, self.height, "".join(parts), title=self.title, desc=f"{self.title}. Timeline."
        )

    def _at_once(self) -> str:
        """The time in which a worker still had a message that was given again: a band behind all rows."""
        both = overlaps([bar.delivery for row in self.rows.values() for bar in row.bars])
        parts = []
        for start, end, who in both[:3]:
            x1, x2 = self.x(start), self.x(end)
            if x2 - x1 < 3:
                continue
            parts.append(svg.rect(x1, self.axis, x2 - x1, self.bottom - self.axis, fill="mark"))
            for x in (x1, x2):
                parts.append(
                    svg.line(x, self.axis, x, self.bottom, "vermillion", 1.4, stroke_dasharray="5 3")
                )
            words = f"{who} still has it: {seconds(end - start)}"
            if x2 - x1 > svg.measure(words, 11) + 8:
                parts.append(svg.text((x1 + x2) / 2, self.bottom - 5, words, size=11, anchor="middle"))
        return "".join(parts)

    def _axis(self) -> str:
        start, end = self.span
        step = _step((end - start) / 8)
        parts, at = [], -(-start // step) * step
        while at <= end + 1e-9:
            x = self.x(at)
            parts.append(svg.line(x, self.axis, x, self.bottom, "rule", 1))
            shown = seconds(at) if at else "0 s"
            if x + svg.measure(shown, 11) / 2 < WIDTH - 4:
                parts.append(svg.text(x, self.axis - 6, shown, size=11, anchor="middle", fill="soft"))
            at = round(at + step, 9)
        return "".join(parts)

    def _name(self, node: str, y: float) -> str:
        style = look(node)
        sign = svg.shape(
            style.shape, 22, y, 6, fill=f"{style.colour}-fill", stroke=style.colour, stroke_width=1
        )
        return sign + svg.text(34, y + 4.5, svg.clip(node, LEFT - 44, 13, bold=True), bold=True)

    def _row(self, row: _Row) -> str:
        height = row.tracks * TRACK
        style = look(row.node)
        parts = [svg.line(12, row.top + height + 7, WIDTH - 12, row.top + height + 7, "rule", 1)]
        parts.append(self._name(row.node, row.top + TRACK / 2 + 6))
        parts += [self._drawn(bar, row, style.colour) for bar in row.bars]
        parts += [self._paused(row), self._late(row), self._crashed(row)]
        return "".join(parts)

    def _y(self, bar: _Bar, row: _Row) -> float:
        return row.top + bar.track * TRACK + 22

    def _drawn(self, bar: _Bar, row: _Row, colour: str) -> str:
        y, d = self._y(bar, row), bar.delivery
        x1, x2 = self.x(bar.lease[0]), max(self.x(bar.lease[1]), self.x(bar.lease[0]) + 4)
        open_end = d.ended is None and d.ended_at is None
        parts = [svg.rect(x1, y, x2 - x1, BAR, fill="paper", stroke=colour, stroke_width=1.6, rx=2,
                          stroke_dasharray="4 3" if open_end else None)]  # fmt: skip
        if bar.work:
            start, stop = self.x(bar.work[0]), max(self.x(bar.work[1]), self.x(bar.work[0]) + 3)
            parts.append(svg.rect(start, y + 4, stop - start, BAR - 8, fill=f"{colour}-fill", stroke=colour))
        if d.ended == "acked":
            parts.append(svg.tick(max(x2, x1 + 4) + 7, y + BAR / 2, 4.5))
        elif d.ended in ("expired", "dead"):
            parts.append(svg.line(x2, y - 3, x2, y + BAR + 3, "vermillion", 2.4))
        if bar.label:
            width = svg.measure(bar.label, LETTERS)
            x = min(x1, WIDTH - 12 - width)
            parts.append(svg.text(x, y - 6, bar.label, size=LETTERS, halo=True))
        return "".join(parts)

    def _late(self, row: _Row) -> str:
        late = [(at, self._y(bar, row)) for bar in row.bars for at, _ in bar.delivery.stale]
        return "".join(svg.cross(self.x(at), y + BAR / 2, 4.5) for at, y in late)

    def _pauses(self, node: str) -> list[tuple[float, float]]:
        """(from, to) in seconds of each pause of a worker."""
        found, started = [], None
        for event in self.history:
            if event.node != node:
                continue
            if event.kind == "pause" and started is None:
                started = event.at
            elif event.kind in ("resume", "crash") and started is not None:
                found.append((started, event.at))
                started = None
        return [*found, (started, self.span[1])] if started is not None else found

    def _paused(self, row: _Row) -> str:
        """A pause is hatched: on the work that it holds up, else on the bare row; its length stands below."""
        parts = []
        for start, end in self._pauses(row.node):
            held = [bar for bar in row.bars if bar.work and bar.work[0] <= end and bar.work[1] >= start]
            tracks = {bar.track: self._y(bar, row) + 4 for bar in held} or {0: row.top + 26}
            x1, x2 = self.x(start), max(self.x(end), self.x(start) + 4)
            for y in tracks.values():
                parts.append(svg.rect(x1, y, x2 - x1, BAR - 8, fill="paper", stroke="ink"))
                parts.append(svg.hatch(x1, y, x2 - x1, BAR - 8, stroke="ink", gap=5))
            y = max(tracks.values()) + BAR + 8
            parts.append(
                svg.text(x1 + 4, y, f"pause, {seconds(end - start)}", size=11, fill="soft", halo=True)
            )
        return "".join(parts)

    def _crashed(self, row: _Row) -> str:
        """A crash is an X on the work that it broke off; dots lead to the restart."""
        parts = []
        ours = [e for e in self.history if e.node == row.node and e.kind in ("crash", "start")]
        for event, after in zip_longest(ours, ours[1:]):
            if event is None or event.kind != "crash":
                continue
            broken = [bar for bar in row.bars if bar.delivery.broken_off == event.at]
            y = (self._y(broken[-1], row) if broken else row.top + 22) + BAR / 2
            x, below = self.x(event.at), y + BAR + 6
            words = "crash"
            if after is not None:
                words += f", down {seconds(after.at - event.at)}"
            wide = svg.measure(words, 11, bold=True)
            back = self.x(after.at) if after is not None else WIDTH - 12
            if back > x + wide + 24:
                parts.append(
                    svg.line(x + wide + 16, below - 4, back, below - 4, "soft", 1.2, stroke_dasharray="1 4")
                )
            if after is not None and back > x + wide + 20:
                rim = look(row.node).colour
                parts.append(
                    svg.shape("circle", back, below - 4, 4, fill="paper", stroke=rim, stroke_width=2)
                )
            parts.append(svg.cross(x, y, 6, width=3))
            left = min(x + 8, WIDTH - 12 - wide)
            parts.append(svg.text(left, below, words, size=11, bold=True, fill="vermillion-text", halo=True))
        return "".join(parts)

    def _effects(self, node: str) -> str:
        parts = [self._name(node, self.effect_tops[node] + 14)]
        style = look(node)
        for x, y, words, tone in self.effect_labels[node]:
            bold = tone == "vermillion-text"
            mark = {"vermillion-text": "vermillion", "green-text": "green"}.get(tone, style.colour)
            fill = "paper" if tone == "green-text" else f"{mark}-fill"
            parts.append(svg.shape("diamond", x, y - 4, 5.5, fill=fill, stroke=mark, stroke_width=1.4))
            left = min(x + 9, WIDTH - 12 - svg.measure(words, LETTERS, bold=bold))
            parts.append(svg.text(left, y, words, size=LETTERS, fill=tone, bold=bold, halo=True))
        return "".join(parts)

    def _legend(self) -> str:
        """What the signs mean; only those that stand on this paper."""
        kinds = {event.kind for event in self.history}
        bars = [bar.delivery for row in self.rows.values() for bar in row.bars]
        signs: list[tuple[str, str]] = []
        y = self.key
        if bars:
            signs += [("lease", "lease: hidden from others"), ("work", "at work")]
        if any(d.ended == "acked" for d in bars):
            signs.append(("tick", "ack"))
        if any(d.ended in ("expired", "dead") for d in bars):
            signs.append(("end", "lease ends, no ack"))
        if any(d.stale for d in bars):
            signs.append(("cross", "ack too late"))
        if "pause" in kinds:
            signs.append(("hatch", "paused at work"))
        parts, x = [], 20.0
        for sign, words in signs:
            width = svg.measure(words, 11) + 44
            if x + width > WIDTH - 10:
                break
            parts.append(_sign(sign, x, y))
            parts.append(svg.text(x + 26, y + 4, words, size=11, fill="soft"))
            x += width
        return "".join(parts)


def _sign(sign: str, x: float, y: float) -> str:
    drawn = {
        "lease": svg.rect(x, y - 6, 20, 12, fill="paper", stroke="ink", stroke_width=1.4, rx=2),
        "work": svg.rect(x, y - 3, 20, 6, fill="ink"),
        "tick": svg.tick(x + 10, y, 4.5),
        "end": svg.line(x + 10, y - 7, x + 10, y + 7, "vermillion", 2.4),
        "cross": svg.cross(x + 10, y, 4.5),
        "hatch": svg.hatch(x, y - 6, 20, 12)
        + svg.rect(x, y - 6, 20, 12, stroke="soft", stroke_dasharray="3 3"),
    }
    return drawn[sign]


def _step(wanted: float) -> float:
    """A round number of seconds, at least `wanted`."""
    power = 1e-4
    while True:
        for factor in (1, 2, 5):
            if power * factor >= wanted:
                return power * factor
        power *= 10


def _natural(name: str) -> list[Any]:
    """worker-2 before worker-10."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part
    ]


def _as_text(history: Sequence[Event], names: Names, chosen: Iterable[Delivery], told: Prediction | None,
             left_out: list[str]) -> str:  # fmt: skip
    lines = [
        f"{'message':<14} {'delivery':<9} {'worker':<12} {'leased':>10} {'lease ended':>22} {'work':>22}"
        "  outcome"
    ]
    for d in chosen:
        ended = f"{d.ended} {clock(d.ended_at)}" if d.ended_at is not None else "open"
        stop = d.finished if d.finished is not None else d.broken_off
        work = (
            f"{d.started:.3f} - {f'{stop:.3f} s' if stop is not None else 'open'}"
            if d.started is not None
            else "none"
        )
        outcome = "crash" if d.finished is None and d.broken_off is not None else d.outcome or ""
        late = "".join(f"; {what} too late at {clock(at)}" for at, what in d.stale)
        lines.append(
            f"{_name(names, d):<14} {ordinal(d.count):<9} {d.consumer:<12} {clock(d.leased):>10} "
            f"{ended:>22} {work:>22}"
            f"  {svg.clip(outcome, 260, 12)}{late}"
        )
    for event in history:
        if event.kind == "pause":
            lines.append(f"{event.node} pauses at {clock(event.at)} for {seconds(event.get('lasts') or 0)}")
        elif event.kind == "crash":
            lines.append(f"{event.node} crashes at {clock(event.at)}")
    spoken = {names.order(d.message, d.number) for d in chosen}
    for event in effects_of(history):
        order = str(event.get("order", event.get("order_id")))
        if order in spoken:
            known = " (known key: nothing done)" if event.get("repeated") else ""
            lines.append(
                f"{event.node}: order {order} {DONE.get(event.kind, event.kind)} at {clock(event.at)}{known}"
            )
    lines += [told.words] if told is not None else []
    lines += [f"Left out: {'; '.join(left_out)}."] if left_out else []
    return "\n".join(lines)


def _alt(
    title: str, names: Names, chosen: Sequence[Delivery], told: Prediction | None, left_out: list[str]
) -> str:
    workers = list(dict.fromkeys(d.consumer for d in chosen))
    words = [
        f"{title}.",
        f"Timeline of {plural(len(chosen), 'delivery', 'deliveries')} to {listed(workers)}.",
    ]
    for d in chosen:
        if d.count > 1 and len(words) < 6:
            words.append(
                f"{_name(names, d)} goes to {d.consumer} the {ordinal(d.count)} time at {seconds(d.leased)}."
            )
    if told is not None:
        words.append(told.words[0].upper() + told.words[1:] + ".")
    if left_out:
        words.append("Left out: " + "; ".join(left_out) + ".")
    return " ".join(words)
