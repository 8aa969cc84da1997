"""Lag over time: for how many seconds the first record that a group has not done has been waiting.

Idea      A line for each partition. While a record waits the line climbs by a second a second; a commit lets
          it fall. A line that never falls is a partition that stands still, however few records that are.
Not here  Lag in records, which says little: ten thousand may be a second's work, or a day's.
Source    Google SRE Workbook, chapter 13, "Data Processing Pipelines" (freshness as an objective).
"""

from __future__ import annotations

from typing import Any

from classroom.pictures.axes import Axes, Point, apart
from classroom.pictures.facts import listed
from classroom.pictures.picture import Picture, history_of
from classroom.pictures.svg import Box, document, line, measure, text, wrap

WIDTH, LEFT, HEIGHT, FOOT = 760.0, 52.0, 210.0, 48.0
LOOKS = (("blue", ""), ("green", "7 3"), ("purple", "2 3"), ("orange", "9 3 2 3"))
MUCH = 5.0  # seconds: from here on the title names a partition that is behind


def lag(
    run: Any,
    *,
    group: str,
    topic: str = "orders",
    title: str | None = None,
    prediction: float | None = None,
    label: str = "your prediction",
) -> Picture:
    """Draw the seconds that a group was behind, for each partition, to the end of the run.

    prediction: seconds behind at the end, in the worst partition; None draws none.
    Raises ValueError if nothing was written to the topic.
    """
    lines = lag_of(run, group=group, topic=topic)
    if not lines:
        raise ValueError(f"lag: nothing was written to {topic!r}")
    ends = {number: points[-1][1] for number, points in lines.items()}
    worst = {number: max(y for _, y in points) for number, points in lines.items()}
    end = max(points[-1][0] for points in lines.values())
    top = max([*worst.values(), prediction or 0.0, 1.0]) * 1.06
    bad = [number for number, value in ends.items() if value >= MUCH]
    found = title or _finding(bad, ends, worst)
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 48.0 + 20 * len(heading)
    names = {number: f"partition {number}: {value:.1f} s" for number, value in ends.items()}
    told = f"{label}: {prediction:g} s" if prediction is not None else ""
    room = max(measure(words, 12, bold=True) for words in [*names.values(), told]) + 30
    axes = Axes(Box(LEFT, head, WIDTH - LEFT - room, HEIGHT), (0.0, end), top)
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(axes.frame(ticks_x=6))
    labels = []
    for index, (number, points) in enumerate(sorted(lines.items())):
        colour, dash = ("vermillion", "") if number in bad else LOOKS[index % len(LOOKS)]
        body.append(axes.curve(points, colour, dash=dash, width=2.5 if number in bad else 1.8))
        labels.append((axes.at(*points[-1])[1], names[number], f"{colour}-text"))
    if prediction is not None:
        at = axes.at(end, prediction)
        body.append(line(LEFT, at[1], at[0], at[1], "ink", 1, stroke_dasharray="3 4"))
        labels.append((at[1], told, "ink"))
    for y, words, fill in apart(labels, foot=head + HEIGHT):
        body.append(text(WIDTH - room + 12, y + 4, words, size=12, bold=True, fill=fill))
    body.append(text(LEFT - 24, head - 12, "seconds behind", size=12, fill="soft"))
    body.append(text(WIDTH - room, head + HEIGHT + 38, "seconds", size=12, anchor="end", fill="soft"))
    twin = [
        f"partition {number}: at the end {ends[number]:.1f} s behind, at worst {worst[number]:.1f} s"
        for number in sorted(lines)
    ] + ([told] if told else [])
    alt = f"{found}. A line for each partition over {end:.0f} seconds: " + "; ".join(twin) + "."
    drawn = document(WIDTH, head + HEIGHT + FOOT, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, "\n".join(twin))


def lag_of(run: Any, *, group: str, topic: str = "orders") -> dict[int, list[Point]]:
    """For each partition the points (seconds, seconds behind), to the end of the run."""
    history = history_of(run)
    end = getattr(run, "duration", 0.0) or max((event.at for event in history), default=0.0)
    waiting: dict[int, list[float]] = {}  # when each record was written, by offset
    position: dict[int, int] = {}
    lines: dict[int, list[Point]] = {}

    def behind(number: int, at: float) -> float:
        unread = waiting[number][position[number] :]
        return at - unread[0] if unread else 0.0

    for event in history:
        appended = event.kind == "appended" and event["topic"] == topic
        done = event.kind == "committed" and event["topic"] == topic and event["group"] == group
        if not appended and not done:
            continue
        number = event["partition"]
        if number not in lines:
            waiting[number], position[number], lines[number] = [], 0, [(0.0, 0.0)]
        lines[number].append((event.at, behind(number, event.at)))
        if appended:
            waiting[number].append(event.at)
        else:
            position[number] = event["offset"]
        lines[number].append((event.at, behind(number, event.at)))
    for number, points in lines.items():
        points.append((end, behind(number, end)))
    return {number: points for number, points in lines.items() if waiting[number]}


def _finding(bad: list[int], ends: dict[int, float], worst: dict[int, float]) -> str:
    if bad:
        which = f"Partition{'s' if len(bad) > 1 else ''} {listed(str(number) for number in sorted(bad))}"
        rest = [worst[number] for number in ends if number not in bad]
        most = max(rest, default=0.0)
        others = (
            f"; no other was more than {most:.1f} s behind" if most >= 0.1 else "; no other is" * bool(rest)
        )
        stand = "stand" if len(bad) > 1 else "stands"
        return f"{which} {stand} {max(ends[number] for number in bad):.0f} s behind at the end{others}"
    return f"At worst a record waited for {max(worst.values()):.1f} s; at the end the group has done all"
