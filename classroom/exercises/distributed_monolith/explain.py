"""What is said of a broken promise of exercise 01, computed from the run that broke it.

Not here  Whether a promise is broken (checks.py). Its story and its picture (show.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod

from classroom.exercises.distributed_monolith.system import DONE, OPTIONAL, OUTAGES, began
from classroom.pictures.facts import short
from classroom.world.history import GAVE_UP, Event
from classroom.world.run import Run

DID = {"shipping": "sent it", "notifications": "written to Ada"}
LACKING = {"inventory": "nothing was reserved for it", "payments": "nobody had paid for it"}


# ---- the warm-up ---------------------------------------------------------------------------


def why_wrong_share(event: Event, wanted: float) -> str:
    required, shared, said = event["required"], event["shared"], event["said"]
    asked = f"availability({required}, {shared})"
    if isinstance(said, bool) or not isinstance(said, int | float):
        return f"{asked} gave {said!r}, which is no number: a share of time is wanted, from 0 to 1."
    parts = [*required.values(), *shared.values()]
    own, under = prod(required.values()), prod(shared.values())
    names = " and ".join(shared)
    guesses = [
        (sum(parts) / len(parts), "That is the average. Is the shop open while one of them is down?"),
        (min(parts), "That is the weakest of them alone. The others are down too, at times of their own."),
        (
            own * under ** len(required),
            f"So {names} was counted {len(required)} times, once for each that stands on it. It is down "
            "once, for all of them at the same time.",
        ),
        (own, f"So {names} was left out: when it is down, nobody who stands on it is up."),
        (1 - wanted, "That is how often it is closed; asked was how often it is open."),
    ]
    why = next(
        (words for guess, words in guesses if abs(said - guess) < 1e-3),
        "Think of a year of days: each part is down on days of its own, and the shop on all of those.",
    )
    return f"{asked} gave {said:.4f}, and it is {wanted:.4f}. {why}"


# ---- the checkout --------------------------------------------------------------------------


def why_fell_over(event: Event) -> str:
    return (
        f"checkout ended by an error at order {event['order']}: {event['error'].rstrip('.')}. It may raise "
        "Unavailable or Refused; else it gives a Confirmation."
    )


def why_not_sold(run: Run, share: float, least: float, lost: Sequence[Event], worst: Event) -> str:
    whose = Counter(map(blamed, lost))
    counts = ", ".join(
        f"{count} while {name} was down" if name else f"{count} while all were up"
        for name, count in whose.items()
    )
    text = (
        f"{share:.2%} of the orders are sold, and {least:.2%} is promised. Not sold are {counts}. "
        f"Order {worst['order']} failed with: {worst['why'].rstrip('.')}."
    )
    name = blamed(worst)
    if name in OPTIONAL and put_off(run, name, worst["order"]):
        return (
            f"{text} Its {name} had been put off for later, and would have been done: a fallback that worked "
            "is a success. Must Ada be told no?"
        )
    if name in OPTIONAL:
        return f"{text} Must Ada know that {name} has done its part, before she can have bought?"
    return text


def why_sold_all_the_same(run: Run, event: Event, missing: Sequence[str]) -> str:
    order = event["order"]
    what = {
        "bought": f"Order {order} was confirmed",
        "shipped": f"The parcel of order {order} went out",
        "notified": f"Ada was told that order {order} is on its way",
    }[event.kind]
    text = f"{what} at {event.at:.3f} s, and {' and '.join(LACKING[name] for name in missing)}."
    for name in missing:
        if put_off(run, name, order):
            return (
                f"{text} {name} had been put off for later: but a lamp that may be gone, or a card that may "
                "be declined, cannot be promised today."
            )
    for name in missing:
        end = _bad_end(run, name, order)
        begun = [event] if event.kind == "bought" else _begun(run, event.node, order)
        if end and end.number > begun[0].number:
            return f"{text} It was set going before {name} had answered; {name} then {_ended(end)}."
        if end:
            return f"{text} {name} {_ended(end)}, and checkout went on all the same."
    return text


def why_never_done(run: Run, event: Event, name: str, step: Event | None, due: float) -> str:
    order = event["order"]
    late = f" (that came at {step.at:.0f} s)." if step else ", and never will."
    text = f"Order {order} was confirmed at {event.at:.3f} s, and by {due:.0f} s {name} has not {DID[name]}"
    text += late
    if sent := put_off(run, name, order):
        tries = [each["outcome"] for each in run.of("handled", message=sent[0]["message"])]
        return f"{text} It lies in the queue; the last try: {short(tries[-1], 70) if tries else 'none'}."
    if run.of("lost", node="orders", to="broker") or run.of(*GAVE_UP, node="orders", to="broker"):
        return (
            f"{text} The queue could not be reached, so nobody has the task; checkout confirmed all the same."
        )
    end = _bad_end(run, name, order)
    if end:
        return f"{text} {name} {_ended(end)} when it was asked, and nothing was written down for later."
    if _asked(run, name, order):
        return f"{text} {name} was asked, and checkout did not wait for its answer."
    return f"{text} {name} was never asked, and nothing lies in the queue."


def why_untrue(run: Run, event: Event, name: str, by_then: bool) -> str:
    """What is untrue about this name in a confirmation; "" if nothing. by_then: it had done its part."""
    order, pending = event["order"], event["pending"]
    told = f"Order {order} was confirmed with pending={pending}."
    if name not in OPTIONAL:
        return f"{told} {name!r} cannot be pending: pending are names of {' and '.join(OPTIONAL)}."
    if name not in pending and not by_then:
        end = _bad_end(run, name, order)
        why = f"{name} {_ended(end)}" if end else "it was put off for later, or nobody waited for its answer"
        return f"{told} But {name} had not {DID[name]} by then: {why}."
    calls = {each["call"] for each in _asked(run, name, order)}
    for yes in run.of("answer", node="orders", callee=name):
        if name in pending and yes["call"] in calls and yes["status"] < 400 and yes.number < event.number:
            return (
                f"{told} But {name} had {DID[name]}, and had said so at {yes.at:.3f} s, before Ada was "
                "answered: what is known to be done is not pending."
            )
    return ""


def why_slow(event: Event, name: str, took: float, usual: float, limit: float) -> str:
    if event.kind != "bought":
        return f"While {name} hung, order {event['order']} was not sold: {event['why'].rstrip('.')}."
    return (
        f"While {name} hung, order {event['order']} took {took:.2f} s, and {usual:.2f} s is usual. At most "
        f"{limit:g} s more is promised. A service that hangs refuses nothing, it just does not answer: who "
        "decides how long it is waited for?"
    )


# ---- what a run says -----------------------------------------------------------------------


def done(run: Run) -> dict[tuple[str, int], Event]:
    """(service, order) -> the event with which it did its part, the first time."""
    names = {kind: name for name, kind in DONE.items()}
    found: dict[tuple[str, int], Event] = {}
    for event in run.of(*names):
        found.setdefault((names[event.kind], event["order"]), event)
    return found


def blamed(event: Event) -> str:
    """Whose outage it was when this order was placed; "" if nobody's."""
    at = began(event)
    return next((name for name, ((start, end),) in OUTAGES.items() if start <= at < end), "")


def put_off(run: Run, name: str, order: int) -> list[Event]:
    """Where this part of the order was sent to the queue."""
    return [
        e for e in run.of("sent") if e["body"]["service"] == name and _order_in(e["body"]["body"]) == order
    ]


def _asked(run: Run, name: str, order: int) -> list[Event]:
    """Where checkout asked a service for its part of the order."""
    return [event for event in run.of("request", node="orders", to=name) if _order_in(event["body"]) == order]


def _begun(run: Run, name: str, order: int) -> list[Event]:
    return sorted(_asked(run, name, order) + put_off(run, name, order), key=lambda event: event.number)


def _bad_end(run: Run, name: str, order: int) -> Event | None:
    """The event with which a call of checkout for this order ended, if it ended badly."""
    calls = {event["call"] for event in _asked(run, name, order)}
    for event in run.of("refused", "reset", *GAVE_UP, "answer", node="orders"):
        if event["call"] in calls and event.get("status", 500) >= 400:
            return event
    return None


def _ended(event: Event) -> str:
    words = {"refused": "was down", "reset": "died"} | dict.fromkeys(GAVE_UP, "gave no answer in time")
    return words.get(event.kind) or f"answered {event['status']}"


def _order_in(body: object) -> object:
    return body.get("order") if isinstance(body, Mapping) else None
