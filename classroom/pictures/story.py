"""A run in words: a few lines in plain present tense, and its one-line finding.

Idea      A story tells what bears on one order: sent, received (which time), done, died, lease
          over, again. All else (polls, commits of other orders, replies that said yes) is left
          out, and what repeats is said once with its count.
Not here  Every event (table.py).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from classroom.pictures.facts import (
    BUILT_IN,
    Names,
    amount,
    calls,
    deliveries,
    listed,
    ordinal,
    plural,
    repeated_effects,
    seconds,
    short,
    subjects,
    times,
)
from classroom.pictures.picture import history_of
from classroom.world.history import Event

DONE = {"charge": "charged", "mail": "mailed", "reserve": "reserved", "ship": "shipped", "refund": "refunded",
        "book": "booked", "pay": "paid", "send": "sent"}  # fmt: skip


def headline(history: Sequence[Event]) -> str:
    """The finding of a run in one sentence, computed; plain counts where nothing stands out."""
    again = repeated_effects(history)
    if again:
        (_, kind, order), events = next(iter(again.items()))
        verb = DONE.get(kind)
        if verb:
            words = f"Order {order} is {verb} {times(len(events))}"
        else:
            words = f"{kind} happens {times(len(events))} for order {order}"
        others = len({key[2] for key in again}) - 1
        return words + (f", and {plural(others, 'other order')} more than once" if others else "")
    names = Names(history)
    dead = list(dict.fromkeys(names.of(event["message"]) for event in history if event.kind == "dead"))
    if dead:
        whole = listed(dead) if len(dead) <= 3 else plural(len(dead), "message")
        return f"{whole[0].upper()}{whole[1:]} {'goes' if len(dead) == 1 else 'go'} to the dead letters"
    nodes = list(dict.fromkeys(event.node for event in history if event.kind in ("request", "arrive")))
    count = sum(event.kind == "request" for event in history)
    crashes = [event.node for event in history if event.kind == "crash"]
    lost = sum(event.kind == "lost" for event in history)
    words = f"{plural(count, 'call')} between {listed(nodes)}" if nodes else plural(len(history), "event")
    if history:
        words += f" in {seconds(history[-1].at)}"
    if crashes:
        per = dict.fromkeys(crashes)
        words += "; " + listed(f"{name} crashes {times(crashes.count(name))}" for name in per)
    return words + (f"; {plural(lost, 'message')} lost" if lost else "")


def story(run: Any, *, about: object = None, lines: int = 8) -> list[str]:
    """The run in 3 to `lines` lines.

    about: orders or message ids, or events, to which the story keeps; by default the ones that
    were in trouble, or the first if none was.
    """
    history = history_of(run)
    teller = _Storyteller(history, about)
    told = [line for event in history for line in teller.tell(event)]
    return _shorten(_join(told), lines)


class _Storyteller:
    def __init__(self, history: Sequence[Event], about: object) -> None:
        self.names = Names(history)
        self.calls = calls(history)
        self.about, self.numbers = subjects(about)
        if not self.about and self.numbers:
            self.about = self._spoken_of([e for e in history if e.number in self.numbers])
        if not self.about and not self.numbers:
            self.about = self._worth_telling(history)
        self.again = repeated_effects(history)
        self.given = deliveries(history)
        self.hands: dict[str, tuple[str, int]] = {}  # node -> the message that it handles, which time
        self.down: dict[str, float] = {}
        self.paused: dict[str, float] = {}
        self.count: dict[tuple[str, str, str], int] = {}
        self.done: set[str] = set()  # what has been done for the message in hand: node/kind
        self.last_seen = 0.0

    def _spoken_of(self, events: Iterable[Event]) -> frozenset[str]:
        found = set()
        for event in events:
            for key in ("order", "order_id", "message"):
                if event.get(key) is not None:
                    found.add(str(event[key]))
        return frozenset(found)

    def _worth_telling(self, history: Sequence[Event]) -> frozenset[str]:
        from classroom.pictures.steps import troubled

        again = [order for _, _, order in repeated_effects(history)]
        if again:
            return frozenset(again[:1])
        odd = troubled(history)
        for event in history:
            if event.kind == "sent" and (not odd or str(event["message"]) in odd):
                return frozenset({self.names.orders.get(str(event["message"]), str(event["message"]))})
        return frozenset()

    def tells(self, event: Event) -> bool:
        if event.number in self.numbers or not self.about:
            return True
        return self.names.is_about(event, self.about)

    def tell(self, event: Event) -> Iterable[str]:
        kind, node = event.kind, event.node
        if kind in ("handling", "handled"):
            self._hands(event)
        name = self.names.of(event["message"]) if event.get("message") is not None else ""
        if kind == "sent" and self.tells(event):
            delay = f", to be seen after {seconds(event['delay'])}" if event.get("delay") else ""
            yield f"{name} is sent to the queue {event['queue']}{delay}"
        elif kind == "leased" and self.tells(event):
            count = event.get("receive_count") or 1
            yield f"{event.get('consumer') or 'a consumer'} receives {name} ({ordinal(count)} time)"
        elif kind == "handled" and self.tells(event) and str(event.get("outcome") or "ok") != "ok":
            yield f"{node} fails at {name}: {short(event['outcome'], 90)}"
        elif kind == "acked" and self.tells(event):
            yield f"{self._holder(event)} acks {name}: it is gone from the queue"
        elif kind == "nacked" and self.tells(event):
            delay = f" for {seconds(event['delay'])}" if event.get("delay") else ""
            yield f"{self._holder(event)} gives {name} back{delay}"
        elif kind == "stale" and self.tells(event):
            yield f"the {event.get('operation') or 'ack'} of {name} comes too late: its lease is over"
        elif kind == "extended" and self.tells(event):
            yield f"the lease of {name} is extended until {seconds(event.get('until') or event.at)}"
        elif kind == "expired" and self.tells(event):
            since = [
                each
                for each in self.given
                if each.ended_at == event.at and each.message == str(event["message"])
            ]
            after = f"{seconds(event.at - since[-1].leased)} after it was received " if since else ""
            yield f"{after}the lease of {name} ends without an ack"
        elif kind == "dead" and self.tells(event):
            to = f"goes to {event['to']}" if event.get("to") else "is given up"
            often = event.get("receive_count")
            why = str(event.get("reason") or "").replace("_", " ")
            yield (
                f"{name} {to} after {plural(often, 'delivery', 'deliveries')} ({why})"
                if often
                else f"{name} {to} ({why})"
            )
        elif kind == "redriven" and self.tells(event):
            yield f"{name} is put back from {event.get('source')} to {event.get('to')}"
        elif kind in ("crash", "pause", "start", "exit"):
            yield from self._life(event)
        elif kind in ("lost", "refused", "reset", "timeout"):
            yield from self._network(event)
        elif kind in ("partition", "heal") and (not self.about or kind == "partition"):
            what = "is cut" if kind == "partition" else "is whole again"
            yield f"the network between {event.get('a')} and {event.get('b')} {what}"
        elif (
            kind not in BUILT_IN
            and self.tells(event)
            and (event.node != "world" or not self.about or self.names_it(event))
        ):
            yield self._recorded(event)
        elif kind == "commit" and node in self.hands and self._in_hand(node):
            yield from self._commit(event)

    def names_it(self, event: Event) -> bool:
        return self.names.is_about(event, self.about)

    def _hands(self, event: Event) -> None:
        if event.kind == "handling":
            self.hands[event.node] = (str(event["message"]), event.get("receive_count") or 1)
        else:
            self.hands.pop(event.node, None)

    def _in_hand(self, node: str) -> bool:
        message = self.hands.get(node, ("", 0))[0]
        return bool(message) and (
            not self.about or bool({message, self.names.orders.get(message)} & self.about)
        )

    def _holder(self, event: Event) -> str:
        for delivery in reversed(self.given):
            if delivery.message == str(event["message"]) and delivery.leased <= event.at:
                if event.get("receipt") in (None, delivery.receipt):
                    return delivery.consumer
        return "the consumer"

    def _commit(self, event: Event) -> Iterable[str]:
        wrote = [
            words
            for words in event.get("statements") or ()
            if not words.lstrip().upper().startswith("CREATE")
        ]
        if wrote and any(
            words.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")) for words in wrote
        ):
            message, _ = self.hands[event.node]
            tables = listed(dict.fromkeys(filter(None, (_table(words) for words in wrote))))
            yield f"{event.node} commits to {tables} for {self.names.of(message)}"

    def _life(self, event: Event) -> Iterable[str]:
        node, kind = event.node, event.kind
        holds = self._in_hand(node) if node in self.hands else False
        bears = holds or not self.about or event.number in self.numbers or self._serves(node)
        message = self.hands.get(node, ("", 0))[0]
        if kind == "crash":
            self.hands.pop(node, None)
            if bears:
                self.down[node] = event.at
                what = f", with {self.names.of(message)} in hand and no ack sent" if holds and not self._was_acked(
                    message, event.at) else ""  # fmt: skip
                yield f"{node} crashes{what}"
        elif kind == "start" and node in self.down:
            yield f"{seconds(event.at - self.down.pop(node))} later {node} starts again"
        elif kind == "pause" and bears:
            lasts = f" for {seconds(event['lasts'])}" if event.get("lasts") is not None else ""
            yield f"{node} pauses{lasts}" + (f" with {self.names.of(message)} in hand" if holds else "")
        elif kind == "exit" and event.get("error") and bears:
            yield f"{node} ends by an error: {short(event['error'], 80)}"

    def _was_acked(self, message: str, at: float) -> bool:
        return any(
            d.message == message and d.ended == "acked" and (d.ended_at or 0) <= at for d in self.given
        )

    def _serves(self, node: str) -> bool:
        """Whether a node that holds no message has a part in this: it is called, and not a worker."""
        return any(call.callee == node for call in self.calls.values())

    def _network(self, event: Event) -> Iterable[str]:
        call = self.calls.get(event["call"])
        if call is None:
            return
        spoken = {str(fact["message"]) for fact in call.facts if fact.get("message") is not None}
        order = None
        if isinstance(call.body, dict):
            from classroom.pictures.facts import order_of

            order = order_of(call.body)
        subject = {order} | spoken | {self.names.orders.get(message) for message in spoken}
        in_hand = self._in_hand(call.caller) if call.caller in self.hands else False
        if self.about and not (subject & self.about) and not in_hand:
            return
        what = (
            f"{call.operation} to {call.queue}"
            if call.operation
            else f"{call.method} {call.path.split('?')[0]}"
        )
        if event.kind == "lost":
            if event.get("part") == "reply":
                yield f"{call.callee} has done the {what}, but its reply to {call.caller} is lost"
            else:
                yield f"the {what} from {call.caller} to {call.callee} is lost"
        elif event.kind == "refused":
            yield f"{call.callee} is down: the {what} from {call.caller} is refused"
        elif event.kind == "reset":
            yield f"{call.callee} dies at the {what} from {call.caller}, who cannot know whether it was done"
        else:
            yield f"{call.caller} gives up waiting for {call.callee} after {seconds(event.get('after') or 0)}"

    def _recorded(self, event: Event) -> str:
        order = event.get("order", event.get("order_id"))
        key = (event.node, event.kind, str(order))
        verb = DONE.get(event.kind)
        money = f" {amount(event['amount'])}" if event.get("amount") is not None else ""
        forwhat = f" for order {order}" if order is not None else ""
        if event.get("repeated"):
            return (
                f"the {event.node} is asked to {event.kind} again{forwhat}, knows the key, and does nothing"
            )
        self.count[key] = self.count.get(key, 0) + 1
        again = {1: "", 2: " again"}.get(self.count[key], f" for the {ordinal(self.count[key])} time")
        if verb and event.node == "card":
            return (
                f"the card is {verb}{again}{money}{forwhat}"
                if not again
                else f"the card is {verb}{again}{forwhat}"
            )
        rest = [
            f"{k} {short(v, 30)}"
            for k, v in event.data.items()
            if k not in ("order", "order_id") and v is not None
        ]
        if verb and order is not None:
            return f"{event.node}: order {order} is {verb}{again}"
        words = event.kind.replace("_", " ")
        return f"{event.node}: {words}{forwhat}{again}" + (
            f" ({', '.join(rest)})" if rest and order is None else ""
        )


def _table(statement: str) -> str:
    words = statement.replace("(", " ").split()
    upper = [word.upper() for word in words]
    for key in ("INTO", "UPDATE", "FROM"):
        if key in upper and upper.index(key) + 1 < len(words):
            return words[upper.index(key) + 1]
    return ""


def _join(told: list[str]) -> list[str]:
    """The same line twice in a row is said once, with its count."""
    found: list[tuple[str, int]] = []
    for line in told:
        if found and found[-1][0] == line:
            found[-1] = (line, found[-1][1] + 1)
        else:
            found.append((line, 1))
    return [line + (f" ({times(count)})" if count > 1 else "") for line, count in found]


def _shorten(told: list[str], lines: int) -> list[str]:
    """The beginning and the end; what is between is counted."""
    if len(told) <= lines:
        return told
    told = [line for line in told if " commits to " not in line] if len(told) > lines else told
    if len(told) <= lines:
        return told
    head = lines // 2
    tail = lines - head - 1
    return [
        *told[:head],
        f"… {plural(len(told) - head - tail, 'more step')} of the same kind …",
        *told[-tail:],
    ]
