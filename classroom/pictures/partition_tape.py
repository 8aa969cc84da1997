"""A topic as tapes: each partition a row of records, and below it how far each group has read.

Idea      A record is a square that stays where it is, whoever has read it; a group is a bar that grows below.
          So one sees at once that reading removes nothing, that two groups know nothing of each other, and
          in which partition the records of one key stand.
Not here  Who of a group reads which partition (ownership_strip.py); how late it is (lag.py).
Source    J. Kreps, "The Log", 2013: its drawing of a log with two readers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from classroom.pictures.axes import apart
from classroom.pictures.facts import listed, plural
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture, history_of
from classroom.pictures.svg import document, line, measure, rect, shape, text, wrap
from classroom.world.history import Event

WIDTH, LEFT, CELL, BAR = 760.0, 104.0, 24.0, 17.0


def partition_tape(
    run: Any,
    *,
    label: Callable[[Any], object] = lambda value: "",
    mark: Callable[[Any], bool] = lambda value: False,
    topic: str = "orders",
    at: float = math.inf,
    title: str | None = None,
) -> Picture:
    """Draw the records of a topic as they stood `at` (seconds), and the committed positions of its groups.

    label: the word on a record, of its value; mark: which ones are drawn in full.
    Raises ValueError if nothing was written to the topic by then.
    """
    history = [event for event in history_of(run) if event.at <= at]
    tapes: dict[int, list[Event]] = defaultdict(list)
    groups: dict[str, dict[int, int]] = {}
    for event in history:
        if event.kind == "appended" and event["topic"] == topic:
            tapes[event["partition"]].append(event)
        elif event.kind == "committed" and event["topic"] == topic:
            groups.setdefault(event["group"], {})[event["partition"]] = event["offset"]
    if not tapes:
        raise ValueError(f"partition_tape: nothing was written to {topic!r} by {at:g} s")
    written = sum(map(len, tapes.values()))
    numbers = range(max([*tapes, *(number for group in groups.values() for number in group)]) + 1)
    found = title or _finding(written, len(numbers), groups)
    longest = max(map(len, tapes.values()))
    names = max((measure(f"{name}: {longest}", 11.5, bold=True) for name in groups), default=0.0)
    cell = min(CELL, (WIDTH - LEFT - names - 40) / longest)
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 40.0 + 20 * len(heading)
    row = CELL + BAR * len(groups) + 20
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    twin = []
    for number in numbers:
        y = head + row * number
        body.append(text(LEFT - 12, y + 17, f"partition {number}", anchor="end", bold=True))
        body += [_record(event, LEFT, y, cell, label, mark) for event in tapes[number]]
        body.append(_positions(groups, number, y + CELL + 5, cell))
        words = " ".join(f"{label(event['value'])}" for event in tapes[number]) or "empty"
        read = "; ".join(f"{name} has read {group.get(number, 0)}" for name, group in groups.items())
        twin.append(f"partition {number}: {words}" + (f" ({read})" if read else ""))
    foot = head + row * len(numbers)
    body.append(text(20, foot + 8, "a square is a record, the oldest on the left", size=11.5, fill="soft"))
    alt = f"{found}. {written} records in {plural(len(numbers), 'partition')}: " + "; ".join(twin) + "."
    drawn = document(WIDTH, foot + 22, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, "\n".join(twin))


def _finding(written: int, partitions: int, groups: dict[str, dict[int, int]]) -> str:
    there = f"{plural(written, 'record')} in {plural(partitions, 'partition')}"
    if not groups:
        return f"{there}, and nobody has read one"
    read = [f"{name} has read {sum(group.values())}" for name, group in groups.items()]
    return f"{there}: {listed(read)}, and all {written} are still there"


def _record(
    event: Event,
    left: float,
    y: float,
    cell: float,
    label: Callable[[Any], object],
    mark: Callable[[Any], bool],
) -> str:
    x = left + cell * event["offset"]
    full = mark(event["value"])
    drawn = rect(x + 1, y, cell - 2, CELL, fill="orange-fill" if full else "band", stroke="soft", rx=2)
    words = str(label(event["value"]))
    if words and measure(words, 11) <= cell - 3:
        drawn += text(
            x + cell / 2, y + 16, words, size=11, anchor="middle", fill="orange-on" if full else "ink",
            bold=full,
        )  # fmt: skip
    return drawn


def _positions(groups: dict[str, dict[int, int]], number: int, y: float, cell: float) -> str:
    drawn = []
    rows = apart([(y + BAR * index, name, "") for index, name in enumerate(groups)])
    for at, name, _ in rows:
        colour, position = look(name).colour, groups[name].get(number, 0)
        end = LEFT + cell * position
        drawn.append(line(LEFT, at + 5, end, at + 5, colour, 3, stroke_dasharray=look(name).dash or None))
        drawn.append(shape("triangle", end, at + 6, 5, fill=colour))
        words = f"{name}: {position}"
        drawn.append(text(end + 11, at + 9, words, size=11.5, bold=True, fill=f"{colour}-text"))
    return "".join(drawn)
