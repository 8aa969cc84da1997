"""What is said of a broken promise of exercise 05, computed from the run that broke it; and its picture.

Not here  Whether a promise is broken (checks.py).
"""

from typing import Any

from classroom.checks import Violation
from classroom.exercises.retry_storm.system import storm_of
from classroom.scale import Failure, Storm
from classroom.world.history import Event
from classroom.world.run import Run


def why_down(storm: Storm, limit: int, *, real: bool) -> str:
    late = storm.lasts - 15, storm.lasts
    demand, offered, good = (storm.rate(each, *late) for each in (storm.demand, storm.offered, storm.goodput))
    where = "In the real services, after" if real else "After"
    seen = f"{where} a stall of {storm.stall[1] - storm.stall[0]:g} s"
    after = int(storm.stall[1]), int(storm.stall[1]) + 5
    more = storm.rate(storm.offered, *after) / max(storm.rate(storm.demand, *after), 1)
    if storm.recovered_after is not None:
        return (
            f"{seen} the shop is back, but only {storm.recovered_after} s later; the limit is {limit} s. "
            f"Meanwhile {more:.2f} tries were offered for each request. At {demand:.0f} requests a second "
            f"that leaves the server, which can do {storm.capacity:g}, hardly anything to drain the line "
            "with."
        )
    spare = storm.capacity - offered
    stands = (
        f"{offered:.0f} tries a second arrive, {offered / max(demand, 1):.1f} for each request; the server "
        f"can do {storm.capacity:g}"
    )
    if spare > 0:
        return (
            f"{seen} the shop is still not back at {storm.lasts} s: {good:.0f} of {demand:.0f} requests a "
            f"second succeed. {stands}, so the line drains by {spare:.0f} a second, which takes too long."
        )
    return (
        f"{seen} the shop does not come back: at {storm.lasts} s {good:.0f} of {demand:.0f} requests a "
        f"second succeed. {stands}, and nearly all that it does is for callers who have left. The stall "
        "is long over; the retries alone keep the storm alive."
    )


def why_no_luck(storm: Storm, since: float) -> str:
    begun = sum(storm.demand[int(since) : storm.judged_until])
    lost = begun - sum(storm.served[int(since) : storm.judged_until])
    retries = sum(storm.retries[int(since) : storm.judged_until])
    tried = "There was not one retry"
    if retries:
        last = max(second for second in range(storm.judged_until) if storm.retries[second])
        tried = f"There were {retries} retries, the last at {last} s"
    when = f"From {since:g} s on, when the storm was long over" if since else "On a day without any stall"
    return (
        f"{when}, 2 % of the tries failed by chance, and {lost} of {begun} requests failed for good: "
        f"{1 - lost / max(begun, 1):.2%} succeeded, where 99.9 % were promised. "
        f"{tried}, although the server had time to spare: a second try would have got nearly all of them "
        "through."
    )


def why_too_many(start: int, end: int, retries: int, firsts: int, ratio: float, burst: int) -> str:
    return (
        f"From {start} to {end} s there were {firsts} first tries and {retries} retries; a tenth of the "
        f"first tries and {burst} are {ratio * firsts + burst:.1f}. That is "
        f"{retries / max(firsts, 1):.0%} more load just when there is least to spare."
    )


def why_attempts(tries: int, wanted: int) -> str:
    """A request that failed every time."""
    if tries < wanted:
        return (
            f"A request that failed every time was tried {tries} times, where {wanted} attempts were "
            "asked for. The first try counts, and attempt is its number: delay(1, ...) is asked after "
            "the first failure."
        )
    more = "or more" if tries >= wanted + 2 else "in all"
    return (
        f"A request that failed every time was tried {tries} times {more}, where {wanted} attempts were "
        "asked for. The first try counts: after the failure of the fourth there is no other."
    )


def why_not_retried(failure: Failure) -> str:
    return (
        f"A request that may be sent twice failed ({failure}), with a minute left, after 200 requests "
        "that went well; delay answered None. This is just the failure that another try may cure."
    )


def why_retried(event: Event) -> str:
    if not event["idempotent"]:
        what = "got no answer in time" if event["status"] is None else f"failed with {event['status']}"
        return (
            f"A request that is not idempotent {what}, and delay asked for another try in "
            f"{event['wait']:.3g} s. Nobody knows whether the first one was carried out; a second one may "
            "charge a card twice."
        )
    return (
        f"A request was answered {event['status']}, and delay asked for another try in "
        f"{event['wait']:.3g} s. The request itself is wrong, and will be wrong again: that try is load "
        "and nothing else."
    )


def why_beyond(event: Event) -> str:
    return (
        f"{event['remaining']:g} s remained until the caller leaves, and delay answered "
        f"{event['wait']:.3g} s (try {event['attempt']} had failed, chance at its {event['chance']}est). "
        "The caller waits for nothing: she has left when the next try begins."
    )


def why_spread(low: Event, high: Event) -> str:
    one, other = low["wait"], high["wait"]
    if one == other:
        return (
            f"After try {low['attempt']} the wait was {one:.3g} s, whether the rng gave the lowest or the "
            "highest that it can. So all callers who fail at one instant come back at one instant."
        )
    return (
        f"After try {low['attempt']} the wait was between {one:.3g} s (rng at its lowest) and {other:.3g} "
        "s (at its highest). All retries come in the last part of that time, and the first part stays "
        "empty: the spread is not full."
    )


def why_not_again(event: Event) -> str:
    number, *waits = event["differ"]
    one, other = ("None" if wait is None else f"{wait:.4g} s" for wait in waits)
    return (
        "The same lunch was run twice, each time with a new RetryPolicy and the same chance. At failure "
        f"{number} the first one answered {one}, the second {other}. Something outlives the object, or comes "
        "from elsewhere than rng."
    )


def story(run: Run, violation: Violation) -> list[str]:
    """The run in a few lines."""
    storm = storm_of(run)
    if run.error is not None:
        asked = len(run.of("second", "request", "asked"))
        return [
            f"lunch begins; {asked} times something is written down",
            f"at {run.duration:.1f} s RetryPolicy raises {type(run.error).__name__}",
        ]
    if storm is not None:
        return _of_a_storm(storm)
    if run.of("again"):
        first, second = run.of("again")[0]["retries"]
        return [f"the first lunch: {first} retries", f"the same lunch again: {second} retries"]
    return _of_questions(run, violation)


def _of_a_storm(storm: Storm) -> list[str]:
    start, over = (int(moment) for moment in storm.stall)
    demand = storm.rate(storm.demand, 0, storm.lasts)
    lines = [f"{demand:.0f} requests a second come, and the server can do {storm.capacity:g}"]
    if over > start:
        lines.append(f"at {start} s it stands still for {over - start} s")
        for moment in (over + 2, storm.lasts - 5):
            offered, good, vain = (
                storm.rate(each, moment, moment + 5) for each in (storm.offered, storm.goodput, storm.in_vain)
            )
            lines.append(
                f"at {moment} s: {offered:.0f} tries a second arrive, {good:.0f} succeed, {vain:.0f} are "
                "served for nobody"
            )
    else:
        lines.append(
            f"{sum(storm.retries)} retries in {storm.lasts} s; {sum(storm.served[: storm.judged_until])} of "
            f"{sum(storm.demand[: storm.judged_until])} requests succeed"
        )
    return lines


def _of_questions(run: Run, violation: Violation) -> list[str]:
    shown = [event for event in run.of("asked") if event.number in violation.events] or run.of(
        "asked", about="attempts", status=503
    )
    return ["200 requests go well", *(_asked(event) for event in shown[:7])]


def _asked(event: Event) -> str:
    failure = Failure(event["status"], event["idempotent"])
    said = "None" if event["wait"] is None else f"{event['wait']:.3g}"
    return (
        f"delay({event['attempt']}, {failure}, {event['remaining']:g}) with the rng at its "
        f"{event['chance']}est: {said}"
    )


def picture(run: Run) -> Any:
    """Goodput where there is one; else what was asked and answered, as a table."""
    from classroom.pictures import Table, goodput, table

    storm = storm_of(run)
    asked = run.of("asked")
    if storm is not None:
        return goodput(storm)
    if not asked:
        return table(run, everything=True, limit=24)
    rows = tuple((event.number, event.at, "delay", _asked(event)) for event in asked)
    return Table(f"{len(rows)} questions, after 200 requests that went well each", rows)
