"""The promises of exercise 01 as pure checks of a run.

Not here  The sentences in which they are made (e01_distributed_monolith.py), the words for a broken one
          (explain.py).
"""

from math import prod
from statistics import median

from classroom.checks import Check, Violation
from classroom.exercises.distributed_monolith.explain import (
    blamed,
    done,
    why_fell_over,
    why_never_done,
    why_not_sold,
    why_slow,
    why_sold_all_the_same,
    why_untrue,
    why_wrong_share,
)
from classroom.exercises.distributed_monolith.system import DONE, OPTIONAL, OUTAGES, SECONDS, began
from classroom.scale.outages import share_sold
from classroom.world.run import Run

CLOSE = 0.02  # a share that was simulated may be off by so much
LEAST = 0.9975  # the share of orders that must be sold
DUE = 60.0  # seconds after the outage's end
HANG = 0.2  # seconds that a service which hangs may cost, if Ada need not wait for it
HOP = 0.02  # seconds: to put a task off takes a message there and back


def right_shares(run: Run) -> list[Violation]:
    """Each share is the product of all that must be up, and what is shared counts once."""
    for event in run.of("availability"):
        said = event["said"]
        wanted = prod((*event["required"].values(), *event["shared"].values()))
        number = isinstance(said, int | float) and not isinstance(said, bool)
        if not number or abs(said - wanted) > CLOSE:
            return [Violation("warm_up", why_wrong_share(event, wanted), events=(event.number,))]
    return []


def honest(run: Run) -> list[Violation]:
    """Nothing is confirmed, shipped or announced without stock and payment."""
    first = done(run)
    for event in run.of("bought", *(DONE[name] for name in OPTIONAL)):
        order = event["order"]
        steps = {name: first.get((name, order)) for name in ("inventory", "payments")}
        missing = [name for name, step in steps.items() if step is None or step.number > event.number]
        if missing:
            text = why_sold_all_the_same(run, event, missing)
            return [Violation("honest", text, (order,), (event.number,))]
    return []


def stands(run: Run) -> list[Violation]:
    """No checkout ends by an error that nobody expects."""
    for event in run.of("fell over"):
        return [Violation("sells", why_fell_over(event), (event["order"],), (event.number,))]
    return []


def sells(run: Run) -> list[Violation]:
    """At least so many of the orders are sold, though each service is down once."""
    answers = run.of("bought", "not bought")
    share = share_sold([(began(event), event.kind == "bought") for event in answers], OUTAGES, of=SECONDS)
    if share >= LEAST:
        return []
    lost = [event for event in answers if event.kind == "not bought"]
    worst = next((event for event in lost if blamed(event) in (*OPTIONAL, "")), lost[0])
    text = why_not_sold(run, share, LEAST, lost, worst)
    return [Violation("sells", text, (worst["order"],), (worst.number,))]


def all_done(run: Run) -> list[Violation]:
    """Each part of each order that was confirmed is done soon after the last outage."""
    first = done(run)
    calm = max((event.at for event in run.of("start", "resume", "heal")), default=0.0)
    for event in run.of("bought"):
        due = max(calm, event.at) + DUE
        for name in OPTIONAL:
            step = first.get((name, event["order"]))
            if step is None or step.at > due:
                text = why_never_done(run, event, name, step, due)
                return [Violation("later", text, (event["order"],), (event.number,))]
    return []


def truthful(run: Run) -> list[Violation]:
    """What is not called pending is done; what is called pending is not known to be done."""
    first = done(run)
    for event in run.of("bought"):
        for name in (*sorted(set(event["pending"]) - set(OPTIONAL)), *OPTIONAL):
            step = first.get((name, event["order"]))
            by_then = step is not None and step.number < event.number
            if text := why_untrue(run, event, name, by_then):
                return [Violation("truthful", text, (event["order"],), (event.number,))]
    return []


def quick(name: str, *, since: float) -> Check:
    """While the service `name` hangs, from `since` on (seconds), an order takes hardly longer than before."""

    def check(run: Run) -> list[Violation]:
        answers = run.of("bought", "not bought")
        usual = median(event.at - began(event) for event in answers if began(event) < since)
        for event in answers:
            took = event.at - began(event)
            if began(event) >= since and (event.kind != "bought" or took > usual + HANG + HOP):
                text = why_slow(event, name, took, usual, HANG)
                return [Violation("hang", text, (event["order"],), (event.number,))]
        return []

    return check
