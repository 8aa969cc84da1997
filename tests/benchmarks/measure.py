"""What a benchmark says, and how its seconds are taken.

Idea      Seconds of the processor, not of the wall: what is measured computes on one thread, so on a
          machine with nothing else to do the two are the same, and on a busy one only the former
          says anything. Even these grow when others use the caches and the other half of a core, so
          they are divided by the pace: how much slower a known piece of work is now than it was on
          the machine on which the budgets were set. Where two things are compared, they take turns
          in one process, and what counts is the median of their ratios.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One line of the table. `must` and `goal`: at most this, in `unit`; None where DESIGN.md sets none."""

    what: str
    value: float
    unit: str
    must: float | None = None
    goal: float | None = None
    note: str = ""

    def at_rest(self, pace: float) -> float:
        """What it would be on the machine on which the budgets were set, with nothing else to do."""
        return self.value / pace if self.unit == "s" else self.value

    def verdict(self, pace: float) -> str:
        """goal, must or MISSED: the best that was reached."""
        value = self.at_rest(pace)
        if self.must is None:
            return ""
        if self.goal is not None and value <= self.goal:
            return "goal"
        return "must" if value <= self.must else "MISSED"


@dataclass
class Taken:
    """Seconds that something took: of the processor, and of the wall."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def taken() -> Iterator[Taken]:
    """``with taken() as took: ...``, then took.cpu and took.wall."""
    took = Taken()
    cpu, wall = time.process_time(), time.perf_counter()
    yield took
    took.cpu, took.wall = time.process_time() - cpu, time.perf_counter() - wall


def median_seconds(function: Callable[[], object], *, times: int) -> Taken:
    """The median of `times` calls, after one that does not count."""
    function()
    all_taken = [_take(function) for _ in range(times)]
    return Taken(
        statistics.median(each.cpu for each in all_taken), statistics.median(each.wall for each in all_taken)
    )


def median_ratio(
    function: Callable[[], object], reference: Callable[[], object], *, times: int
) -> tuple[float, float, float]:
    """Seconds of `function` over those of `reference`, taking turns; and the median seconds of each."""
    function(), reference()
    pairs = []
    for turn in range(times):
        first, second = (function, reference) if turn % 2 else (reference, function)
        took = {first: _take(first).cpu, second: _take(second).cpu}
        pairs.append((took[function], took[reference]))
    ratio = statistics.median(one / other for one, other in pairs)
    return ratio, statistics.median(one for one, _ in pairs), statistics.median(other for _, other in pairs)


def _take(function: Callable[[], object]) -> Taken:
    gc.collect()  # what one leaves behind shall not be collected on the bill of the other
    with taken() as took:
        function()
    return took


def table(measurements: Iterable[Measurement], pace: float) -> str:
    """All of them, in columns."""
    rows = [("what", "measured", "at rest", "must", "goal", "reached", "")]
    for each in measurements:
        limits = ("" if limit is None else f"{limit:g} {each.unit}" for limit in (each.must, each.goal))
        values = (f"{value:.2f} {each.unit}" for value in (each.value, each.at_rest(pace)))
        rows.append((each.what, *values, *limits, each.verdict(pace), each.note))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
