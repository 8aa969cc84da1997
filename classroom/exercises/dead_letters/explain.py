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
    return f"{seen} Its message was delivered {times(len(leases))}, and each delivery wrote a row."


def why_charged_twice(run: Run, order: int, charges: list[Event]) -> str:
    keys = [event["key"] for event in charges]
    cents = sum(event["amount"] for event in charges)
    seen = f"The card was charged {times(len(charges))} for order {order}, {cents} cents in all."
    if None in keys:
        return f"{seen} No key was given, so the network had to take every request for a new purchase."
    return f"{seen} The keys were {' and '.join(map(repr, keys))}: two keys are two purchases."


def missing_where(rows: list[Any], charges: list[Event], with_card: bool) -> str:
    if not with_card:
        return "It is missing in the ledger."
    if rows:
        return "It stands in the ledger, but the card was never charged."
    return "The card was charged, but it is missing in the ledger." if charges else "It was charged nowhere."


def why_lost(run: Run, order: int) -> str:
    messages = messages_of(run, order)
    if not messages:
        return f"Order {order} never came to the queue."
    acks = [event for event in run.of("acked", queue=QUEUE) if event["message"] in messages]
    leases = leases_of(run, order)
    troubles = [
        event["outcome"]
        for event in run.of("handled")
        if event["message"] in messages and event["outcome"] != "ok"
    ]
    last = f" The last error was {troubles[-1].rstrip('.')}." if troubles else ""
    others = {row["order_id"] for row in run.rows("ledger", "charges")} - {order}
    if acks and others and len(leases) == 1 and not run.of("charge", "crash", "pause"):
        return (
            f"Order {order} was delivered once, handled without an error and acked, and yet nothing was "
            f"written. {orders(others)} there, at the same price: what does record_charge take for the "
            "identity of an order?"
        )
    if acks and len(leases) == 1:
        return (
            f"Order {order} was acked at {acks[0].at:.3f} s, at its only delivery; "
            f"after that nobody owns it.{last}"
        )
    if acks:
        return (
            f"Order {order} was delivered {times(len(leases))}; the last delivery, at {leases[-1].at:.1f} "
            f"s, was acked as if the work had been done. What made it look done?{last}"
        )
    dead = [event for event in run.of("dead", queue=QUEUE) if event["message"] in messages]
    if dead:
        return (
            f"Order {order} was buried among the dead letters at {dead[-1].at:.1f} s, delivered "
            f"{times(len(leases))} by then ({dead[-1]['reason']}).{last}"
        )
    return f"Order {order} was delivered {times(len(leases))} and never acked; it still goes round.{last}"


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


def orders(numbers: Iterable[int]) -> str:
    listed = sorted(numbers)
    many = len(listed) > 1
    return f"Order{'s' if many else ''} {' and '.join(map(str, listed))} {'stand' if many else 'stands'}"


def times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
