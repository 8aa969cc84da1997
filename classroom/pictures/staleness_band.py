"""A staleness band: what was written, what the view shows of it, and the gap between the two.

Idea      Two stairs over time: one goes up with each change that the write model made, the other when the
          view has it. Between them lies all that a reader cannot see yet. Each look stands at the
          version that it was shown: on the upper stairs, or below them, and then it was stale.
Not here  Who waits for whom (services/events/projection.py); how much is read (throughput.py).
Source    "Replication lag" in M. Kleppmann, "Designing Data-Intensive Applications", 2017, chapter 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from classroom.pictures.axes import Axes, Point, apart
from classroom.pictures.facts import plural, seconds
from classroom.pictures.picture import Picture, history_of
from classroom.pictures.svg import Box, cross, d, document, line, measure, path, shape, text, wrap

WIDTH, LEFT, HEIGHT, FOOT = 760.0, 44.0, 230.0, 46.0
WAITED = 0.03  # seconds: a look that took longer has waited, and is drawn with its wait
_UNASKED = object()


@dataclass(frozen=True, slots=True)
class Look:
    """One answer to a reader: asked at `since`, given at `at` (seconds), of `version`; None is "pending".

    wanted: the version that was written when it was asked. source: who answered.
    """

    since: float
    at: float
    version: int | None
    wanted: int
    source: str

    @property
    def stale(self) -> bool:
        return self.version is not None and self.version < self.wanted

    @property
    def ahead(self) -> bool:
        """It was shown more changes than there were: one was counted twice."""
        return self.version is not None and self.version > self.wanted


def staleness_band(
    run: Any,
    *,
    since: float = 0.0,
    title: str | None = None,
    prediction: object = _UNASKED,
    label: str = "your prediction",
) -> Picture:
    """Draw the stairs of a run, and the looks of its readers.

    run: its events `changed` (the write model made one change more), `projected` with `new` (the view has
         so many more) and `look` with `since`, `version` (None: "pending") and `source` ("view", "writer").
    since: seconds at which the picture begins.
    prediction: how many looks will be stale, None for "no prediction made".
    Raises ValueError if nothing was changed.
    """
    history = history_of(run)
    written = _stairs((event.at, 1) for event in history if event.kind == "changed")
    if not written:
        raise ValueError("staleness_band: the run has no event `changed`; let the write model record one")
    shown = _stairs((event.at, int(event["new"])) for event in history if event.kind == "projected")
    looks = [look for look in looks_of(run) if look.at >= since]
    end = max([event.at for event in history if event.kind in ("changed", "projected", "look")])
    gaps = behind(run)
    stale = sum(look.stale for look in looks)
    found = title or _finding([gap for at, gap in gaps if at >= since], looks, stale)
    told = "" if prediction is _UNASKED else _told(prediction, label, stale)

    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 56.0 + 20 * len(heading) + (20 if told else 0)
    names = ("written", "in the view")
    room = max(measure(f"{name}: {written[-1][1]:g}", 12, bold=True) for name in names) + 34
    axes = Axes(
        Box(LEFT, head, WIDTH - LEFT - room, HEIGHT),
        (since, end),
        max(stairs[-1][1] for stairs in (written, shown) if stairs) + 0.6,
    )
    upper, lower = (_from(since, stairs, end) for stairs in (written, shown))
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    if told:
        body.append(text(20, 30 + 20 * len(heading), told, size=12, fill="soft"))
    ticks = round(6 * end / (end - since)) if end > since else 1
    body += [axes.frame(ticks_x=ticks, ticks_y=min(int(axes.top) + 1, 8)), _gap(axes, upper, lower)]
    body.append(axes.curve(upper, "blue"))
    body.append(axes.curve(lower, "green", dash="7 3"))
    body += [_mark(axes, look, since) for look in looks]
    right = axes.box.x + axes.box.width
    ends = [(axes.at(end, upper[-1][1])[1] - 1, f"written: {upper[-1][1]:g}", "blue-text")]
    ends.append((axes.at(end, lower[-1][1])[1], f"in the view: {lower[-1][1]:g}", "green-text"))
    for y, words, fill in apart(ends, foot=head + HEIGHT - 4):
        body.append(text(right + 10, y + 4, words, size=12, bold=True, fill=fill))
    body.append(text(LEFT - 24, head - 12, "changes", size=12, fill="soft"))
    body.append(_key(looks, right, head - 12))
    body.append(text(right, head + HEIGHT + 38, "seconds", size=12, anchor="end", fill="soft"))
    twin = "\n".join([*_changes(gaps, since), *_table(looks), *([told] if told else [])])
    alt = f"{found}. Two stairs over {end - since:.1f} seconds, a band between them where the view is behind."
    alt += f" {plural(len(looks), 'look')}: {_counted(looks)}." + (f" {told}" if told else "")
    drawn = document(WIDTH, head + HEIGHT + FOOT, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, twin)


def looks_of(run: Any) -> list[Look]:
    """The looks of a run's readers, each with what had been written when it was asked."""
    history = history_of(run)
    changes = [event.at for event in history if event.kind == "changed"]
    return [
        Look(
            event["since"],
            event.at,
            event["version"],
            sum(at <= event["since"] for at in changes),
            str(event.get("source") or "view"),
        )
        for event in history
        if event.kind == "look"
    ]


def behind(run: Any) -> list[tuple[float, float | None]]:
    """For each change: when it was made, and seconds until the view had it (None: not at the end)."""
    history = history_of(run)
    shown = [event.at for event in history if event.kind == "projected" for _ in range(int(event["new"]))]
    made = [event.at for event in history if event.kind == "changed"]
    return [(at, shown[n] - at if n < len(shown) else None) for n, at in enumerate(made)]


def _stairs(steps: Any) -> list[Point]:
    found: list[Point] = []
    for at, more in steps:
        if more:
            found.append((at, (found[-1][1] if found else 0) + more))
    return found


def _from(since: float, stairs: Sequence[Point], end: float) -> list[Point]:
    """The stairs as a line from `since` to `end`: level, then up, then level."""
    level = max((y for x, y in stairs if x <= since), default=0.0)
    found = [(since, level)]
    for x, y in stairs:
        if x > since:
            found += [(x, found[-1][1]), (x, y)]
    return [*found, (end, found[-1][1])]


def _gap(axes: Axes, upper: Sequence[Point], lower: Sequence[Point]) -> str:
    """The band between the stairs."""
    around = [*upper, *reversed(lower)]
    parts: list[str | float] = []
    for index, point in enumerate(around):
        parts += ["L" if index else "M", *axes.at(*point)]
    return path(d(*parts, "Z"), fill="vermillion-tint")


def _mark(axes: Axes, look: Look, since: float) -> str:
    x, y = axes.at(look.at, look.wanted if look.version is None else look.version)
    start = axes.at(max(look.since, since), 0)[0]
    wait = line(start, y, x, y, "ink", 1.5) if look.at - look.since > WAITED else ""
    if look.version is None:
        return wait + shape("square", x, y, 5, fill="paper", stroke="ink", stroke_width=1.8)
    if look.stale:
        return wait + cross(x, y, 4.5)
    if look.ahead:
        return wait + shape("triangle", x, y, 5, fill="vermillion")
    kind = "diamond" if look.source == "writer" else "circle"
    return wait + shape(kind, x, y, 4.5, fill="blue" if kind == "diamond" else "green")


def _key(looks: Sequence[Look], right: float, y: float) -> str:
    """The signs that occur, with their words, in one line that ends at the right."""
    drawn, x = [], right
    for name, count, sign in reversed(_kinds(looks)):
        words = f"{name}: {count}"
        x -= measure(words, 12)
        drawn.append(text(x, y, words, size=12, fill="soft"))
        x -= 12
        drawn.append(sign(x, y - 4))
        x -= 16
    return "".join(drawn)


def _kinds(looks: Sequence[Look]) -> list[tuple[str, int, Any]]:
    stale = [look for look in looks if look.stale]
    pending = [look for look in looks if look.version is None]
    ahead = [look for look in looks if look.ahead]
    right = [look for look in looks if look.version == look.wanted]
    writer = [look for look in right if look.source == "writer"]
    found = [
        ("up to date", len(right) - len(writer), lambda x, y: shape("circle", x, y, 4.5, fill="green")),
        ("by the writer", len(writer), lambda x, y: shape("diamond", x, y, 4.5, fill="blue")),
        ("stale", len(stale), lambda x, y: cross(x, y, 4.5)),
        ("more than was written", len(ahead), lambda x, y: shape("triangle", x, y, 5, fill="vermillion")),
        (
            '"pending"',
            len(pending),
            lambda x, y: shape("square", x, y, 5, fill="paper", stroke="ink", stroke_width=1.8),
        ),
    ]
    return [kind for kind in found if kind[1]]


def _counted(looks: Sequence[Look]) -> str:
    return ", ".join(f"{count} {name}" for name, count, _ in _kinds(looks)) or "none"


def _finding(gaps: Sequence[float | None], looks: Sequence[Look], stale: int) -> str:
    known = [gap for gap in gaps if gap is not None]
    never = len(gaps) - len(known)
    if not known:
        worst = f"The view shows none of {plural(never, 'change')}"
    elif max(known) < 0.0005:
        worst = "The view is never behind"
    else:
        worst = f"The view is up to {seconds(max(known))} behind"
    if known and never:
        worst += f", and {plural(never, 'change')} {'is' if never == 1 else 'are'} not in it at the end"
    if not looks:
        return worst
    if ahead := sum(look.ahead for look in looks):
        show = "shows" if ahead == 1 else "show"
        return f"The view counted a change twice; {ahead} of {plural(len(looks), 'look')} {show} it"
    pending = sum(look.version is None for look in looks)
    told = f", {pending} {'is' if pending == 1 else 'are'} told 'pending'" if pending else ""
    if not stale:
        return f"{worst}; none of {plural(len(looks), 'look')} is stale{told}"
    return f"{worst}; {stale} of {plural(len(looks), 'look')} {'is' if stale == 1 else 'are'} stale{told}"


def _told(prediction: object, label: str, stale: int) -> str:
    if not isinstance(prediction, int | float):
        return "no prediction made"
    return f"{label}: {prediction:g} stale; it was {stale}"


def _changes(gaps: Sequence[tuple[float, float | None]], since: float) -> list[str]:
    rows = ["change  written at  in the view after"]
    for number, (at, gap) in enumerate(gaps, start=1):
        if at >= since:
            rows.append(
                f"{number:>6}  {at:8.3f} s  {seconds(gap) if gap is not None else 'not at the end':>17}"
            )
    return rows


def _table(looks: Sequence[Look]) -> list[str]:
    rows = ["asked at  took      shown      written  by" if looks else "no looks"]
    for look in looks:
        shown = (
            "pending"
            if look.version is None
            else f"{look.version}{' stale' if look.stale else ' ahead' if look.ahead else ''}"
        )
        took = seconds(look.at - look.since)
        rows.append(f"{look.since:6.3f} s  {took:<8}  {shown:<9}  {look.wanted:>7}  {look.source}")
    return rows
