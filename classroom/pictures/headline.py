"""The finding of a run in one sentence, computed from its history."""

from collections import Counter
from collections.abc import Sequence

from classroom.pictures.facts import Names, deliveries, listed, plural, repeated_effects, seconds, times
from classroom.world.history import Event

# What a service records, and how one says that it was done to an order.
DONE = {
    "charge": "charged",
    "mail": "mailed",
    "reserve": "reserved",
    "ship": "shipped",
    "refund": "refunded",
    "book": "booked",
    "pay": "paid",
}


def headline(history: Sequence[Event]) -> str:
    """What stands out: an effect made twice, dead letters, a second delivery; else plain counts."""
    words = _effects(history) or _dead(history) or _deliveries(history) or _calls(history)
    return words[0].upper() + words[1:]


def _effects(history: Sequence[Event]) -> str:
    again = repeated_effects(history)
    if not again:
        return ""
    (_, kind, order), events = next(iter(again.items()))
    if kind in DONE:
        words = f"order {order} is {DONE[kind]} {times(len(events))}"
    else:
        words = f"{kind.replace('_', ' ')} happens {times(len(events))} for order {order}"
    others = len({key[2] for key in again} - {order})
    verb = "is" if others == 1 else "are"
    return words + (f"; {plural(others, 'other order')} {verb} hit too" if others else "")


def _dead(history: Sequence[Event]) -> str:
    names = Names(history)
    dead = list(
        dict.fromkeys(names.of(event["message"], event.number) for event in history if event.kind == "dead")
    )
    if not dead:
        return ""
    whole = listed(dead) if len(dead) <= 3 else plural(len(dead), "message")
    back = sum(event.kind == "redriven" for event in history)
    words = f"{whole} {'goes' if len(dead) == 1 else 'go'} to the dead letters"
    return words + (f"; {plural(back, 'message')} put back" if back else "")


def _deliveries(history: Sequence[Event]) -> str:
    names = Names(history)
    sent = list(
        dict.fromkeys(names.of(event["message"], event.number) for event in history if event.kind == "sent")
    )
    given = [(names.of(delivery.message, delivery.number), delivery) for delivery in deliveries(history)]
    if not sent or not given:
        return ""
    count = Counter(name for name, _ in given)
    copies = Counter(names.of(event["message"], event.number) for event in history if event.kind == "sent")
    most = max(sent, key=lambda name: copies[name])
    if copies[most] > 2:
        return f"{most} is sent {times(copies[most])} and delivered {times(count[most])}" + _troubles(history)
    acked = {name for name, delivery in given if delivery.ended == "acked"}
    again = [name for name in sent if count[name] > 1]
    if again:
        words = f"{again[0]} is delivered {times(count[again[0]])}"
        others = len(again) - 1
        words += f", {plural(others, 'other message')} more than once" if others else ""
        whose = again if len(again) > 1 else again[:1]
    else:
        delivered = [name for name in sent if count[name]]
        each = "each delivered once" if len(delivered) == len(sent) else f"{len(delivered)} delivered once"
        words = f"{plural(len(sent), 'message')}, {each}"
        whose = sent
    missing = [name for name in whose if name not in acked]
    if not missing:
        words += " and acked" if whose is sent else ", acked in the end"
    else:
        words += f"; {missing[0]} is not acked" if len(missing) == 1 else f"; {len(missing)} are not acked"
    return words + _troubles(history)


def _calls(history: Sequence[Event]) -> str:
    nodes = list(dict.fromkeys(event.node for event in history if event.kind in ("request", "arrive")))
    count = sum(event.kind == "request" for event in history)
    words = f"{plural(count, 'call')} between {listed(nodes)}" if nodes else plural(len(history), "event")
    if history:
        words += f" in {seconds(history[-1].at)}"
    return words + _troubles(history)


def _troubles(history: Sequence[Event]) -> str:
    crashes = Counter(event.node for event in history if event.kind == "crash")
    lost = sum(event.kind == "lost" for event in history)
    words = "".join(f"; {name} crashes" + (f" {times(n)}" if n > 1 else "") for name, n in crashes.items())
    return words + (f"; {plural(lost, 'request or reply', 'requests or replies')} lost" if lost else "")
