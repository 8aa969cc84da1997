"""The promises of exercise 05 as pure checks of a run.

Not here  The sentences in which they are made (e05_retry_storm.py), the words for a broken one (explain.py).
"""

from classroom.checks import Check, Violation
from classroom.exercises.retry_storm.explain import (
    why_attempts,
    why_beyond,
    why_down,
    why_no_luck,
    why_not_again,
    why_not_retried,
    why_retried,
    why_spread,
    why_too_many,
)
from classroom.exercises.retry_storm.system import ATTEMPTS, PASSING, storm_of
from classroom.world.history import Event
from classroom.world.run import Run

BACK_WITHIN = 30  # seconds after the stall
LUCK = 0.999  # of the requests
RATIO, BURST, WINDOW = 0.1, 10, 10  # retries for each first try, retries on top, seconds
NARROW = 0.4  # the shortest wait that is possible, as a share of the longest


def recovers(promise: str = "recovery") -> Check:
    def check(run: Run) -> list[Violation]:
        storm = storm_of(run)
        if storm is None or (storm.recovered_after is not None and storm.recovered_after <= BACK_WITHIN):
            return []
        return [Violation(promise, why_down(storm, BACK_WITHIN, real=promise == "services"))]

    return check


def lucky(*, since: float = 0.0, promise: str = "luck") -> Check:
    """Of the requests begun from `since` (seconds) on, enough succeed."""

    def check(run: Run) -> list[Violation]:
        storm = storm_of(run)
        if storm is None or storm.share(since, storm.judged_until) >= LUCK:
            return []
        return [Violation(promise, why_no_luck(storm, since))]

    return check


def few_retries(run: Run) -> list[Violation]:
    """In each window: no more than the burst, and one for ten first tries."""
    storm = storm_of(run)
    if storm is None:
        return []
    over = []
    for start in range(storm.lasts - WINDOW + 1):
        retries, firsts = (sum(each[start : start + WINDOW]) for each in (storm.retries, storm.demand))
        over.append((retries - RATIO * firsts - BURST, start, retries, firsts))
    worst, start, retries, firsts = max(over, key=lambda each: (each[0], -each[1]))
    if worst <= 0:
        return []
    return [Violation("ratio", why_too_many(start, start + WINDOW, retries, firsts, RATIO, BURST))]


def exact_cap(run: Run) -> list[Violation]:
    asked = run.of("asked", about="attempts")
    for failure in PASSING:
        of_it = [event for event in asked if event["status"] == failure.status]
        if of_it and all(event["wait"] is None for event in of_it):
            return [Violation("retryable", why_not_retried(failure))]
    tries = 1 + max((event["attempt"] for event in asked if event["wait"] is not None), default=0)
    return [] if not asked or tries == ATTEMPTS else [Violation("attempts", why_attempts(tries, ATTEMPTS))]


def only_what_may(run: Run) -> list[Violation]:
    for about in ("refused", "unsafe"):
        for event in run.of("asked", about=about):
            if event["wait"] is not None:
                return [Violation("retryable", why_retried(event), (), (event.number,))]
    return []


def not_beyond(run: Run) -> list[Violation]:
    for event in run.of("asked"):
        if event["wait"] is not None and event["wait"] > event["remaining"]:
            return [Violation("remaining", why_beyond(event), (), (event.number,))]
    return []


def full_spread(run: Run) -> list[Violation]:
    waits: dict[tuple[int | None, int], dict[str, Event]] = {}
    for event in run.of("asked", about="attempts"):
        if event["wait"] is not None:
            waits.setdefault((event["status"], event["attempt"]), {})[event["chance"]] = event
    for sides in waits.values():
        if len(sides) == 2:
            low, high = sides["low"]["wait"], sides["high"]["wait"]
            if not low <= NARROW * high or high <= 0:
                return [Violation("spread", why_spread(sides["low"], sides["high"]))]
    return []


def the_same_again(run: Run) -> list[Violation]:
    for event in run.of("again"):
        if event["differ"]:
            return [Violation("fresh", why_not_again(event))]
    return []
