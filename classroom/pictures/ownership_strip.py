"""An ownership strip: which consumer of a group owns which partition, from rebalance to rebalance.

Idea      A row for each partition, a bar for each time that it had an owner; hatched while the owner was dead
          or stood still, empty while it had none. What an owner wrote is a mark on the row, and a mark where
          somebody else is the owner by then is the work of a zombie.
Not here  How far they have read (partition_tape.py), and how late they are (lag.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from classroom.pictures.axes import steps
from classroom.pictures.facts import listed, plural
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture, history_of
from classroom.pictures.svg import cross, document, hatch, line, measure, rect, shape, text, wrap
from classroom.world.history import Event

WIDTH, LEFT, RIGHT, ROW, BAR = 760.0, 104.0, 26.0, 42.0, 30.0
_UNASKED = object()


@dataclass(slots=True)
class Tenure:
    """A time (seconds) in which `owner` had `partition`, and of it the spans in which it did nothing."""

    partition: int
    owner: str
    since: float
    until: float
    still: list[tuple[float, float]] = field(default_factory=list)


def ownership_strip(
    run: Any,
    *,
    group: str,
    topic: str = "orders",
    since: float = 0.0,
    until: float | None = None,
    title: str | None = None,
    prediction: object = _UNASKED,
    label: str = "your prediction",
    measured: object = None,
) -> Picture:
    """Draw who owned what in a group, from `since` to `until` (seconds; by default all of it).

    run: its events of the group; and `wrote` with `partition`, `by` (the consumer) and `refused`, as a sink
         records them.
    title: by default how many members own nothing, or what zombies wrote.
    prediction: a number to compare with `measured`, None for "no prediction made".
    Raises ValueError if the group never had a member.
    """
    history = history_of(run)
    rebalances = [e for e in history if e.kind == "rebalanced" and e["group"] == group]
    if not rebalances:
        raise ValueError(f"ownership_strip: no member ever joined group {group!r}")
    end = until or getattr(run, "duration", 0.0) or max(event.at for event in history)
    found_tenures = tenures(history, group, topic, end)
    writes = [e for e in history if e.kind == "wrote" and since <= e.at <= end]
    zombies = [e for e in writes if _is_late(e, found_tenures)]
    idle = sorted(name for name, owned in rebalances[-1]["assignment"].items() if not owned.get(topic))
    partitions = sorted({tenure.partition for tenure in found_tenures})
    found = title or _finding(zombies, idle, found_tenures, rebalances)
    told = "" if prediction is _UNASKED else _told(prediction, label, measured)

    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 50.0 + 20 * len(heading) + (20 if told else 0)
    foot = head + ROW * len(partitions)
    scale = (WIDTH - LEFT - RIGHT) / ((end - since) or 1)

    def x(moment: float) -> float:
        return LEFT + scale * (min(max(moment, since), end) - since)

    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    if told:
        body.append(text(20, 30 + 20 * len(heading), told, size=12, fill="soft"))
    body.append(rect(LEFT, head, WIDTH - LEFT - RIGHT, foot - head, fill="band"))
    for number in partitions:
        y = head + ROW * partitions.index(number)
        body.append(text(LEFT - 12, y + ROW / 2 + 4, f"partition {number}", anchor="end", bold=True))
    for tenure in found_tenures:
        if tenure.until >= since and tenure.since <= end:
            top = head + ROW * partitions.index(tenure.partition)
            body.append(_tenure(tenure, x, top, lifted=bool(writes)))
    body.append(_generations(rebalances, x, since, end, head, foot))
    for event in writes:
        y = head + ROW * partitions.index(event["partition"]) + ROW / 2 + 7
        body.append(_write(event, x(event.at), y, _is_late(event, found_tenures)))
    for moment in steps(end, 7 if since == 0 else round(7 * end / (end - since))):
        if moment >= since:
            body.append(text(x(moment), foot + 17, f"{moment:g}", size=11, anchor="middle", fill="soft"))
    body.append(text(WIDTH - RIGHT, foot + 34, "seconds", size=12, anchor="end", fill="soft"))
    body.append(_key(found_tenures, writes, zombies, foot + 34))
    if idle:
        words = f"{listed(idle)} {'owns' if len(idle) == 1 else 'own'} nothing"
        body.append(text(LEFT, foot + 52, words, size=12, bold=True, fill="ink"))
    twin = [*_twin(found_tenures, rebalances, writes, topic), *([told] if told else [])]
    alt = f"{found}. " + "; ".join(twin[:14]) + ("; and so on." if len(twin) > 14 else ".")
    drawn = document(WIDTH, foot + (64 if idle else 46), "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, "\n".join(twin))


def tenures(history: Sequence[Event], group: str, topic: str, end: float) -> list[Tenure]:
    """Who owned what, in order of time; `end` closes those that are open."""
    found: list[Tenure] = []
    owned: dict[int, Tenure] = {}
    down: dict[str, float] = {}  # consumer -> since when it does nothing

    def close(tenure: Tenure, at: float) -> None:
        tenure.until = at
        if tenure.owner in down:
            tenure.still.append((max(down[tenure.owner], tenure.since), at))
        owned.pop(tenure.partition, None)

    for event in history:
        of_group = event.get("group") == group
        if event.kind in ("crash", "exit", "pause"):
            down.setdefault(event.node, event.at)
        elif event.kind in ("start", "resume") and event.node in down:
            for tenure in owned.values():
                if tenure.owner == event.node:
                    tenure.still.append((max(down[event.node], tenure.since), event.at))
            del down[event.node]
        elif of_group and event.kind in ("joined", "left"):
            for tenure in [each for each in owned.values() if each.owner == event["member"]]:
                close(tenure, event.at)
        elif of_group and event.kind == "rebalanced":
            for tenure in list(owned.values()):
                close(tenure, event.at)
            for member, topics in event["assignment"].items():
                for number in topics.get(topic, ()):
                    owned[number] = Tenure(number, member, event.at, end)
                    found.append(owned[number])
    for tenure in list(owned.values()):
        close(tenure, end)
    return [tenure for tenure in found if tenure.since < end]


def owner_at(found: Sequence[Tenure], partition: int, moment: float) -> str | None:
    """Who owns the partition at that time, if anybody does."""
    for tenure in found:
        if tenure.partition == partition and tenure.since <= moment < tenure.until:
            return tenure.owner
    return None


def _is_late(event: Event, found: Sequence[Tenure]) -> bool:
    """Somebody else than the owner wrote, or wanted to."""
    return owner_at(found, event["partition"], event.at) not in (None, event["by"])


def _finding(
    zombies: Sequence[Event], idle: Sequence[str], found: Sequence[Tenure], rebalances: Sequence[Event]
) -> str:
    refused = [event for event in zombies if event.get("refused")]
    partitions = plural(len({tenure.partition for tenure in found}), "partition")
    if zombies and len(refused) == len(zombies):
        return f"{plural(len(zombies), 'write')} of a former owner came late, and the sink refused it"
    if zombies:
        first = next(event for event in zombies if not event.get("refused"))
        return (
            f"{first['by']} wrote into partition {first['partition']} at {first.at:.1f} s, "
            f"when it was another's"
        )
    if gaps := _unattended(found):
        seconds, since, tenure = max(gaps, key=lambda gap: gap[0])
        return (
            f"{tenure.owner} does nothing from {since:.0f} s on: partition {tenure.partition} has nobody "
            f"for {seconds:.0f} s"
        )
    if idle:
        owners = len(rebalances[-1]["assignment"]) - len(idle)
        keep = "keep" if len({tenure.partition for tenure in found}) > 1 else "keeps"
        busy = f"{partitions} {keep} {plural(owners, 'consumer')} busy"
        return f"{busy}; {listed(idle)} {'has' if len(idle) == 1 else 'have'} nothing to do"
    return f"{partitions}, {plural(len(rebalances), 'generation')}"


def _unattended(found: Sequence[Tenure]) -> list[tuple[float, float, Tenure]]:
    """For each owner that died or stood still and was replaced: how long nobody was there, since when."""
    gaps = []
    for tenure in found:
        later = [t.since for t in found if t.partition == tenure.partition and t.since >= tenure.until]
        if later and tenure.still and tenure.still[-1][1] == tenure.until:
            since = tenure.still[-1][0]
            gaps.append((min(later) - since, since, tenure))
    return gaps


def _told(prediction: object, label: str, measured: object) -> str:
    if not isinstance(prediction, int | float):
        return "no prediction made"
    return f"{label}: {prediction:g}; it was {measured}"


def _tenure(tenure: Tenure, x: Any, top: float, *, lifted: bool) -> str:
    """A bar with its owner's name, lifted where marks stand below it."""
    sign, y = look(tenure.owner), top + (ROW - BAR) / 2
    left, right = x(tenure.since), x(tenure.until)
    wide = max(right - left, 1.0)
    drawn = rect(left, y, wide, BAR, fill=f"{sign.colour}-tint", stroke=sign.colour, stroke_width=1, rx=2)
    for since, until in tenure.still:
        if x(until) - x(since) > 1:
            drawn += hatch(x(since), y, x(until) - x(since), BAR, stroke=sign.colour, gap=6)
    words = next(
        (
            w
            for w in (tenure.owner, tenure.owner.rsplit("-", 1)[-1])
            if measure(w, 11.5, bold=True) + 8 < wide
        ),
        "",
    )
    if words:
        base = y + BAR / 2 + (-3 if lifted else 4)
        drawn += text(
            left + wide / 2, base, words, size=11.5, bold=True, anchor="middle", halo=bool(tenure.still)
        )
    return drawn


def _generations(
    rebalances: Sequence[Event], x: Any, since: float, end: float, head: float, foot: float
) -> str:
    drawn, free = [text(LEFT - 12, head - 8, "generation", size=11, anchor="end", fill="soft")], 0.0
    for event in rebalances:
        if since <= event.at <= end:
            at = x(event.at)
            drawn.append(line(at, head, at, foot, "soft", 1, stroke_dasharray="2 3"))
            if at >= free:
                drawn.append(text(at, head - 8, str(event["generation"]), size=11, anchor="middle"))
                free = at + 16
    return "".join(drawn)


def _write(event: Event, x: float, y: float, late: bool) -> str:
    if event.get("refused"):
        return shape("square", x, y, 5.5, fill="paper", stroke="ink", stroke_width=1.8)
    if late:
        return cross(x, y, 6)
    return shape("circle", x, y, 4.5, fill=look(event["by"]).colour, stroke="paper", stroke_width=1)


def _key(found: Sequence[Tenure], writes: Sequence[Event], zombies: Sequence[Event], y: float) -> str:
    """The signs that occur, in a line."""
    drawn, x = [], LEFT
    signs: list[tuple[str, str]] = []
    if any(tenure.still for tenure in found):
        signs.append(("hatched: dead or still", ""))
    if any(not event.get("refused") for event in writes if event not in zombies):
        signs.append(("written by the owner", shape("circle", 0, 0, 4.5, fill="ink")))
    if any(not event.get("refused") for event in zombies):
        signs.append(("by a former owner", cross(0, 0, 5)))
    if any(event.get("refused") for event in writes):
        square = shape("square", 0, 0, 5.5, fill="paper", stroke="ink", stroke_width=1.8)
        signs.append(("refused", square))
    for words, sign in signs:
        if sign:
            drawn.append(f'<g transform="translate({x + 5:g} {y - 4:g})">{sign}</g>')
            x += 16
        drawn.append(text(x, y, words, size=11.5, fill="soft"))
        x += measure(words, 11.5) + 18
    return "".join(drawn)


def _twin(
    found: Sequence[Tenure], rebalances: Sequence[Event], writes: Sequence[Event], topic: str
) -> list[str]:
    rows = [
        f"generation {event['generation']} from {event.at:.1f} s: "
        + ", ".join(
            f"{member} owns {', '.join(map(str, topics.get(topic, ()))) or 'nothing'}"
            for member, topics in event["assignment"].items()
        )
        for event in rebalances
    ]
    stills = sorted({(tenure.owner, span) for tenure in found for span in tenure.still}, key=lambda s: s[1])
    rows += [f"{owner} does nothing from {span[0]:.1f} to {span[1]:.1f} s" for owner, span in stills]
    for event in writes:
        what = "is refused" if event.get("refused") else "writes"
        owner = owner_at(found, event["partition"], event.at) or "nobody"
        rows.append(
            f"{event.at:.1f} s: {event['by']} {what} in partition {event['partition']}, which is {owner}'s"
        )
    return rows
