"""What is said of a broken promise of exercise 08, computed from the run that broke it.

Not here  Whether a promise is broken (checks.py).
"""

from collections.abc import Iterable
from typing import Any

from classroom.exercises.dead_letters.system import DELIVERIES, QUEUE
from classroom.world.history import Event
from classroom.world.run import Run


def why_twice_in_ledger(run: Run, order: int, rows: int) -> str:
    seen = f"Order {order} stands {rows} times in the ledger."
    messages = messages_of(run, order)
    if len(messages) > 1 and not run.of("crash", "pause"):
        return (
            f"{seen} It was sent twice, as messages {' and '.join(map(str, messages))}, because the shop "
            "had got no answer the first time: another id and another sent_at, but the same order. The "
            "second was taken for a new one."
        )
    leases = leases_of(run, order)
    if run.of("crash") and len(leases) > 1:
        return (
            f"{seen} {leases[0]['consumer']} wrote it and died before the ack; the message came again "
            f"at {leases[-1].at:.1f} s, and whoever got it knew nothing of the first row."
        )
    if run.of("pause") and len(leases) > 1:
        return (
            f"{seen} {leases[0]['consumer']} stood still in the midst of its work; its lease ended, "
            f"{leases[1]['consumer']} did the work, and then the first one woke and went on where it had "
            "stopped: between its look and its write somebody else had written."
        )
    return f"{seen} Its message was delivered {_times(len(leases))}, and each delivery wrote a row."


def why_charged_twice(run: Run, order: int, charges: list[Event]) -> str:
    keys = [event["key"] for event in charges]
    cents = sum(event["amount"] for event in charges)
    seen = f"The card was charged {_times(len(charges))} for order {order}, {cents} cents in all."
    if None in keys:
        return f"{seen} No key was given, so the network had to take every request for a new purchase."
    return f"{seen} The keys were {' and '.join(map(repr, keys))}: two keys are two purchases."


def why_missing(run: Run, order: int, rows: list[Any], charges: list[Event], *, with_card: bool) -> str:
    """An order that is not in the ledger, or not at the card: where it is missing, and where it went."""
    where = f"Order {order} was charged nowhere."
    if not with_card:
        where = f"Order {order} is missing in the ledger."
    elif rows:
        where = f"Order {order} stands in the ledger, but the card was never charged."
    elif charges:
        where = f"The card was charged for order {order}, but it is missing in the ledger."
    return f"{where} {_where_it_went(run, order)}"


def _where_it_went(run: Run, order: int) -> str:
    messages = messages_of(run, order)
    if not messages:
        return "It never came to the queue."
    acks = [event for event in run.of("acked", queue=QUEUE) if event["message"] in messages]
    leases = leases_of(run, order)
    troubles = [
        event["outcome"]
        for event in run.of("handled")
        if event["message"] in messages
        and event["outcome"] != "ok"
        and "StaleReceipt" not in event["outcome"]
    ]
    last = f" The last error was {troubles[-1].rstrip('.')}." if troubles else ""
    refusals = _answers_of_the_card(run, order, 500)
    if acks and refusals:
        return (
            f"The card network answered {refusals[-1]['status']} at {refusals[-1].at:.3f} s "
            "(CardUnavailable: try again later); handle went on all the same, and acked at "
            f"{acks[-1].at:.3f} s. After the ack nobody tries again.{last}"
        )
    others = {row["order_id"] for row in run.rows("ledger", "charges")} - {order}
    if acks and others and len(leases) == 1 and not run.of("charge", "crash", "pause"):
        return (
            "It was delivered once, handled without an error and acked, and yet nothing was written. "
            f"{_orders(others)} there, at the same price: what does record_charge take for the identity "
            "of an order?"
        )
    if acks and len(leases) == 1:
        return f"It was acked at {acks[0].at:.3f} s, at its only delivery; after that nobody owns it.{last}"
    if acks:
        return (
            f"It was delivered {_times(len(leases))}; the last delivery, at {leases[-1].at:.1f} s, was "
            f"acked as if the work had been done. What made it look done?{last}"
        )
    dead = [event for event in run.of("dead", queue=QUEUE) if event["message"] in messages]
    if dead:
        span = dead[-1].at - leases[0].at
        return (
            f"It was buried among the dead letters at {dead[-1].at:.1f} s, delivered {_times(len(leases))} "
            f"within {span:.1f} s ({dead[-1]['reason']}).{last}"
        )
    return f"It was delivered {_times(len(leases))} and never acked; it still goes round.{last}"


def _answers_of_the_card(run: Run, order: int, least: int) -> list[Event]:
    """What the card network answered for an order, from this status on."""
    calls = {
        event["call"]
        for event in run.of("request", to="card")
        if isinstance(event["body"], dict) and event["body"].get("order") == order
    }
    return [
        event
        for event in run.of("answer", callee="card")
        if event["call"] in calls and event["status"] >= least
    ]


def why_in_the_books(run: Run, order: int) -> str:
    """The ledger holds an order that the card has not charged."""
    refusals = _answers_of_the_card(run, order, 400)
    said = (
        f" The card network refused it at {refusals[-1].at:.3f} s ({refusals[-1]['status']})."
        if refusals
        else ""
    )
    return (
        f"Order {order} stands in the ledger, and no card was ever charged for it.{said} Whoever reads "
        "the ledger in the morning believes that the money has come. What was written first, and what "
        "ought to be?"
    )


def why_buried(run: Run, order: int | None) -> str:
    messages = messages_of(run, order) if order is not None else []
    dead = [event for event in run.of("dead", queue=QUEUE) if event["message"] in messages]
    why = f"because of: {dead[-1]['reason']}, at {dead[-1].at:.1f} s" if dead else "sent there by hand"
    charged = run.of("charge", order=order, repeated=False)
    done = " although its card had been charged: was it never acked?" if charged else "."
    return f"Order {order} is a good one, and it lies among the dead letters ({why}){done}"


def why_not_buried(run: Run, order: int) -> str:
    messages = messages_of(run, order)
    leases = leases_of(run, order)
    acks = [event for event in run.of("acked", queue=QUEUE) if event["message"] in messages]
    if len(leases) > DELIVERIES:
        span = leases[-1].at - leases[0].at
        return (
            f"Order {order} can never be charged, and it was delivered {len(leases)} times within "
            f"{span:.0f} s: it comes back for ever, where {DELIVERIES} tries are the limit. Sending or "
            "redriving it before its cause is mended makes a loop."
        )
    if acks:
        return (
            f"Order {order} cannot be charged; it was acked at {acks[0].at:.1f} s and is gone, and nobody "
            "will ever learn of it. An ack says 'done'."
        )
    return (
        f"Order {order} cannot be charged, and after {run.duration:.0f} s it is not among the dead letters."
    )


def messages_of(run: Run, order: int | None) -> list[int]:
    return [event["message"] for event in run.of("sent", queue=QUEUE) if event["body"].get("order") == order]


def leases_of(run: Run, order: int) -> list[Event]:
    messages = messages_of(run, order)
    return [event for event in run.of("leased", queue=QUEUE) if event["message"] in messages]


def until(run: Run, kind: str) -> Run:
    """The run as it stood when this first happened."""
    moment = run.of(kind)
    return Run(run.history[: moment[0].number], duration=moment[0].at) if moment else run


def when(run: Run, kind: str) -> str:
    moment = run.of(kind)
    return f"{moment[0].at:.0f} s" if moment else "no time"


def _orders(numbers: Iterable[int]) -> str:
    listed = sorted(numbers)
    many = len(listed) > 1
    return f"Order{'s' if many else ''} {' and '.join(map(str, listed))} {'stand' if many else 'stands'}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
