"""What a history says, gathered: calls, deliveries, names of messages, and figures in words.

Idea      A request, its arrival, its reply and its answer are four events and one Call. A lease,
          what the worker did under it and how it ended are one Delivery. Every picture and every
          sentence is made from these two, so that they cannot tell different stories.
Not here  Drawing (sequence.py, timeline.py), telling (story.py).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from classroom.world.history import GAVE_UP, Event

# What the queue itself reports; a queue operation shows in these, so they are not told twice.
QUEUE_KINDS = (
    "sent",
    "leased",
    "acked",
    "nacked",
    "extended",
    "expired",
    "dead",
    "redriven",
    "stale",
    "dropped",
)
NETWORK_KINDS = ("request", "arrive", "reply", "answer", "lost", "refused", "reset", *GAVE_UP)
LIFE_KINDS = (
    "start",
    "crash",
    "exit",
    "pause",
    "resume",
    "partition",
    "heal",
    "fault",
    "fault_over",
    "error",
)
WORK_KINDS = ("commit", "handling", "handled")
BUILT_IN = frozenset((*QUEUE_KINDS, *NETWORK_KINDS, *LIFE_KINDS, *WORK_KINDS))

_QUEUE_PATH = re.compile(r"^/?(?:queues|queue|q)/([^/?]+)/?([^?]*)")
_OPERATIONS = ("receive", "extend", "nack", "ack", "reject", "redrive", "peek", "snapshot", "drain", "send")
_ASKED_BY = {
    "sent": "send",
    "acked": "ack",
    "nacked": "nack",
    "extended": "extend",
    "redriven": "redrive",
    "dropped": "send",
}
_ENDS = {"acked": "acked", "nacked": "nacked", "expired": "expired", "dead": "dead"}


# -- figures in words ---------------------------------------------------------------------


def seconds(value: float) -> str:
    """A length of time for a reader: "4 ms", "0.25 s", "31.2 s", "40 s"."""
    if 0 < abs(value) < 0.0995:
        return f"{value * 1000:.0f} ms" if abs(value) >= 0.001 else f"{value * 1000:.1f} ms"
    digits = 2 if abs(value) < 9.95 else 1
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + " s"


def clock(at: float) -> str:
    """A moment of a run, to the millisecond: "31.204 s"."""
    return f"{at:.3f} s"


def amount(value: object) -> str:
    """A whole number with its thousands apart; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}"


def ordinal(count: int) -> str:
    words = ("zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    if 0 <= count < len(words):
        return words[count]
    ending = "th" if count % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")


def plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str]) -> str:
    """ "ada, broker and card"."""
    found = list(names)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else "nobody"


def short(value: object, length: int = 60) -> str:
    """A plain value on one line, cut."""
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    shown = " ".join(shown.split())
    return shown if len(shown) <= length else shown[: length - 1] + "…"


# -- calls --------------------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """One exchange between two nodes, as far as it came.

    operation, queue: "receive" and "charges" where it is a queue operation, else None.
    facts: what the queue reported while it served this call.
    """

    number: int
    caller: str
    callee: str
    method: str
    path: str
    body: Any
    request: Event | None = None
    arrives: list[Event] = field(default_factory=list)
    replies: list[Event] = field(default_factory=list)
    losses: list[Event] = field(default_factory=list)
    end: Event | None = None  # answer, refused, reset, timeout or cancelled
    operation: str | None = None
    queue: str | None = None
    facts: list[Event] = field(default_factory=list)

    @property
    def is_empty_poll(self) -> bool:
        """A receive that brought nothing, and to which nothing happened; perhaps it was not waited for."""
        if self.operation != "receive" or self.losses or any(fact.kind == "leased" for fact in self.facts):
            return False
        if any((reply.get("status") or 200) >= 400 for reply in self.replies):
            return False
        return self.end is None or self.end.kind in ("answer", "cancelled")


def queue_operation(method: str, path: str) -> tuple[str, str] | None:
    """("receive", "charges") of a path of the broker; None for any other path."""
    found = _QUEUE_PATH.match(path)
    if not found:
        return None
    rest = re.split(r"[/:]", found[2])
    for name in _OPERATIONS:
        if name in rest:
            return name, found[1]
    if method == "POST":
        return "send", found[1]
    return {"DELETE": "ack", "PUT": "send"}.get(method, "look at"), found[1]


def calls(history: Iterable[Event]) -> dict[int, Call]:
    """Every call of a history by its number, in order."""
    found: dict[int, Call] = {}
    at_work: dict[str, list[Call]] = {}  # calls that arrived at a node and have no reply yet
    pending: list[Event] = []  # leases that wait for the reply that carries them
    for event in history:
        kind = event.kind
        if kind == "request":
            call = Call(event["call"], event.node, event["to"], str(event.get("method") or ""),
                        str(event.get("path") or ""), event.get("body"), request=event)  # fmt: skip
            operation = queue_operation(call.method, call.path)
            if operation:
                call.operation, call.queue = operation
            found[call.number] = call
        elif kind in NETWORK_KINDS and event.get("call") in found:
            call = found[event["call"]]
            if kind == "arrive":
                call.arrives.append(event)
                at_work.setdefault(event.node, []).append(call)
            elif kind == "reply":
                call.replies.append(event)
                if call in at_work.get(event.node, []):
                    at_work[event.node].remove(call)
                if call.operation == "receive":
                    mine = [lease for lease in pending if lease.get("consumer") in (None, call.caller)]
                    mine = [lease for lease in mine if lease["queue"] == call.queue]
                    call.facts += mine
                    pending = [lease for lease in pending if lease not in mine]
            elif kind == "lost":
                call.losses.append(event)
            else:
                call.end = event
        elif kind == "leased":
            pending.append(event)
        elif kind in QUEUE_KINDS and kind not in ("expired", "dead"):
            wanted = str(event.get("operation")) if kind == "stale" else _ASKED_BY[kind]
            for call in reversed(at_work.get(event.node, [])):
                if call.operation == wanted or (kind == "nacked" and call.operation == "reject"):
                    call.facts.append(event)
                    break
    return found


# -- deliveries ---------------------------------------------------------------------------


@dataclass(slots=True)
class Delivery:
    """One lease of a message, what was done under it, and how it ended.

    until:   when the lease was to end, seconds; moved by extend.
    ended:   "acked", "nacked", "expired", "dead", "crash" (of the broker), or None while it runs.
    started, finished: when the worker handled it; outcome "ok" or the error.
    stale:   what the worker tried with the receipt when it was no longer valid: (at, operation).
    """

    queue: str
    message: str
    count: int
    consumer: str
    leased: float
    number: int = 0  # of the event that began it
    broker: str = "broker"
    until: float | None = None
    receipt: Any = None
    ended: str | None = None
    ended_at: float | None = None
    started: float | None = None
    finished: float | None = None
    outcome: str | None = None
    broken_off: float | None = None  # the worker crashed while at it
    stale: list[tuple[float, str]] = field(default_factory=list)


def deliveries(history: Iterable[Event]) -> list[Delivery]:
    """Every delivery of a history, in the order of the leases."""
    found: list[Delivery] = []

    def last(event: Event, *, open_: bool = False) -> Delivery | None:
        receipt, count = event.get("receipt"), event.get("receive_count")
        for delivery in reversed(found):
            same = delivery.queue == event.get("queue") and delivery.message == str(event.get("message"))
            if not same or (open_ and delivery.ended):
                continue
            if receipt is not None and delivery.receipt is not None and receipt != delivery.receipt:
                continue
            if receipt is None and count is not None and count != delivery.count:
                continue
            return delivery
        return None

    for event in history:
        kind = event.kind
        if kind == "leased":
            consumer = str(event.get("consumer") or "a consumer")
            count, until = event.get("receive_count") or 1, event.get("until")
            queue, message = event["queue"], str(event["message"])
            found.append(
                Delivery(
                    queue,
                    message,
                    count,
                    consumer,
                    event.at,
                    event.number,
                    event.node,
                    until,
                    event.get("receipt"),
                )
            )
        elif kind in _ENDS:
            delivery = last(event, open_=True)
            if delivery:
                delivery.ended, delivery.ended_at = _ENDS[kind], event.at
            elif kind == "dead" and (before := last(event)):
                before.ended = "dead"
        elif kind == "extended" and (delivery := last(event, open_=True)):
            delivery.until = event.get("until") or delivery.until
        elif kind == "stale" and (delivery := last(event)):
            delivery.stale.append((event.at, str(event.get("operation") or "ack")))
        elif kind == "handling" and (delivery := last(event)):
            delivery.started = event.at
            if delivery.consumer == "a consumer":
                delivery.consumer = event.node
        elif kind == "handled" and (delivery := last(event)):
            delivery.finished, delivery.outcome = event.at, str(event.get("outcome"))
        elif kind == "crash":
            for delivery in found:
                if delivery.broker == event.node and delivery.ended is None:
                    delivery.ended, delivery.ended_at = "crash", event.at
                mine = delivery.consumer == event.node and delivery.finished is None
                held = delivery.ended is None or (
                    delivery.ended == "expired" and delivery.started is not None
                )
                if mine and held and delivery.broken_off is None:
                    delivery.broken_off = event.at
    return found


# -- names --------------------------------------------------------------------------------


def order_of(body: Any) -> str | None:
    """The order that a body speaks of, if it is an object (or JSON text of one) with such a key."""
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    if isinstance(body, Mapping):
        for key in ("order", "order_id"):
            if isinstance(body.get(key), str | int) and not isinstance(body.get(key), bool):
                return str(body[key])
        if "body" in body:
            return order_of(body["body"])
    return None


class Names:
    """What messages are called: by the order in their body, else by their id.

    A broker that lost its memory may give an id twice, so a name holds from one event on.
    """

    def __init__(self, history: Iterable[Event]) -> None:
        self._orders: dict[str, list[tuple[int, str | None]]] = {}
        for event in history:
            if event.kind == "sent" and event.get("message") is not None:
                self._orders.setdefault(str(event["message"]), []).append(
                    (event.number, order_of(event.get("body")))
                )

    def order(self, message: object, number: int | None = None) -> str | None:
        """The order of which a message speaks, at event `number` (by default at the end)."""
        found = self._orders.get(str(message), ())
        for since, order in reversed(found):
            if number is None or since <= number:
                return order
        return found[0][1] if found else None

    def of(self, message: object, number: int | None = None) -> str:
        """ "order 7", or "message 3" where the body names no order."""
        order = self.order(message, number)
        return f"order {order}" if order is not None else f"message {message}"

    def is_about(self, event: Event, about: frozenset[str]) -> bool:
        """Whether an event speaks of one of these orders or message ids."""
        message = event.get("message")
        if message is not None:
            order = self.order(message, event.number)
            return order in about if order is not None else str(message) in about
        named = event.get("order", event.get("order_id"))
        if named is not None:
            return str(named) in about
        return order_of(event.get("body")) in about if event.get("body") is not None else False


def subjects(about: object) -> tuple[frozenset[str], frozenset[int]]:
    """`about=` as (orders and message ids, numbers of events).

    A whole number, a string, an Event, or any list of these. "order 7" is order 7; an Event
    stands for itself and for the order or message that it names.
    """
    if about is None or about == () or about == "":
        return frozenset(), frozenset()
    items = [about] if isinstance(about, str | int | Event) else list(about)  # type: ignore[call-overload]
    names: set[str] = set()
    numbers: set[int] = set()
    for item in items:
        if isinstance(item, Event):
            numbers.add(item.number)
            named = item.get("order", item.get("message"))
            if named is not None:
                names.add(str(named))
        else:
            names.add(re.sub(r"^(order|message)\s+", "", str(item)))
    return frozenset(names), frozenset(numbers)


def effects_of(history: Iterable[Event]) -> list[Event]:
    """What services recorded themselves about an order: charges, mails, reservations."""
    return [event for event in history if event.kind not in BUILT_IN]


def repeated_effects(history: Iterable[Event]) -> dict[tuple[str, str, str], list[Event]]:
    """(node, kind, order) -> events, where the same thing really happened more than once.

    An event with repeated=True was recognised by its key and did nothing; it does not count.
    """
    count: Counter[tuple[str, str, str]] = Counter()
    found: dict[tuple[str, str, str], list[Event]] = {}
    for event in effects_of(history):
        order = event.get("order", event.get("order_id"))
        if order is None or event.get("repeated"):
            continue
        key = (event.node, event.kind, str(order))
        count[key] += 1
        found.setdefault(key, []).append(event)
    return {key: events for key, events in found.items() if count[key] > 1}


def troubled(history: Sequence[Event]) -> frozenset[str]:
    """The orders and messages to which more happened than one delivery and one ack."""
    names = Names(history)
    found: set[str] = set()
    for event in history:
        odd = event.kind in ("expired", "dead", "nacked", "stale", "dropped", "redriven")
        if odd or (event.kind == "leased" and (event.get("receive_count") or 1) > 1):
            order = names.order(event.get("message"), event.number)
            found.add(order if order is not None else str(event.get("message")))
    found |= {order for _, _, order in repeated_effects(history)}
    return frozenset(found)
