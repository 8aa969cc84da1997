"""Outages: when each service is down, by chance or as written down, and when all are up at once.

Idea      A schedule is data: for each service its spans of time. A service that needs all of them is closed
          whenever one is down, so what counts is the union of the spans. Drawn by chance and measured over
          years it shows what the product of the availabilities is worth; written down, one after the other,
          it gives the same share in every run, and becomes the faults of a run of real services.
Not here  Services that are up and wrong, or up and slow. Repair crews that are busy elsewhere.
Source    B. Treynor, M. Dahlin, V. Rau, B. Beyer, "The Calculus of Service Availability" (ACM Queue, 2017).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import TypeAlias

from classroom.world.faults import Crash

YEAR = 365 * 24 * 3600.0  # seconds
MONTH_MINUTES = 30 * 24 * 60
REPAIR = 43 * 60.0  # seconds that an outage lasts on average

Span: TypeAlias = tuple[float, float]  # seconds: from, until
Schedule: TypeAlias = Mapping[str, Sequence[Span]]


def by_chance(
    *, availability: float, rng: Random, lasts: float = YEAR, repair: float = REPAIR
) -> tuple[Span, ...]:
    """The outages of one service: times up and times down, each exponential, one after the other.

    availability: the share of time that it is up in the long run, above 0, at most 1.
    lasts, repair: seconds of the schedule, and of an outage on average.

        mean time up = repair * availability / (1 - availability)
    """
    if not 0 < availability <= 1:
        raise ValueError(f"availability is a share, above 0 and at most 1; got {availability!r}")
    if availability == 1:
        return ()
    up = repair * availability / (1 - availability)
    spans = []
    now = rng.expovariate(1 / up)
    while now < lasts:
        down = rng.expovariate(1 / repair)
        spans.append((now, min(now + down, lasts)))
        now += down + rng.expovariate(1 / up)
    return tuple(spans)


def one_after_the_other(*names: str, each: float = 10.0, first: float = 10.0) -> dict[str, tuple[Span, ...]]:
    """Each is down once, for `each` seconds, from `first` on, with as many seconds of peace in between."""
    starts = [first + 2 * each * index for index in range(len(names))]
    return {name: ((start, start + each),) for name, start in zip(names, starts, strict=True)}


def union(spans: Iterable[Span]) -> list[Span]:
    """The same time, in spans that do not touch."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def all_up(services: Iterable[Iterable[Span]], *, lasts: float = YEAR) -> float:
    """The share of `lasts` seconds in which none of these services is down."""
    down = union(span for spans in services for span in spans)
    return 1 - math.fsum(end - start for start, end in down) / lasts


def crashes(schedule: Schedule) -> list[Crash]:
    """The schedule as faults of a run."""
    return [
        Crash(name, at=start, down=end - start) for name, spans in schedule.items() for start, end in spans
    ]


def share_sold(orders: Iterable[tuple[float, bool]], schedule: Schedule, *, of: float) -> float:
    """The share of orders sold in `of` seconds, an order a second, of which a run has played a few.

    orders: (when, whether it was sold), one a second of the run. An order in an outage counts as itself; the
    others stand for all the seconds in which nothing is down. Raises ValueError if there are none of those.
    """
    down = union(span for spans in schedule.values() for span in spans)
    inside: list[bool] = []
    quiet: list[bool] = []
    for at, sold in orders:
        (inside if any(start <= at < end for start, end in down) else quiet).append(sold)
    if not quiet:
        raise ValueError("share_sold: no order was placed while all services were up")
    return (sum(inside) + (of - len(inside)) * sum(quiet) / len(quiet)) / of
