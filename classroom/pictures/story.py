"""A run in words: a few lines in plain present tense.

Idea      A story tells what bears on one order: sent, received (which time), done, died, lease
          over, again. All else (polls, commits of other orders, replies that said yes) is left
          out. Each line has a weight; where there are too many, the lightest go first, so that
          what broke is always told.
Not here  Every event (table.py); the finding in one sentence (headline.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from classroom.pictures.facts import (
    BUILT_IN,
    Call,
    Names,
    amount,
    calls,
    deliveries,
    listed,
    order_of,
    ordinal,
    plural,
    repeated_effects,
    seconds,
    short,
    subjects,
    troubled,
)
from classroom.pictures.headline import DONE
from classroom.pictures.picture import history_of
from classroom.world.history import GAVE_UP, Event

TURN, STEP, DETAIL, ASIDE = 3, 2, 1, 0  # weights: what turns the story, a step of it, a detail, an aside


@dataclass(frozen=True, slots=True)
class Told:
    words: str
    weight: int
    message: str = ""
    kind: str = ""


def story(run: Any, *, about: object = None, lines: int = 8) -> list[str]:
    """The run in at most `lines` lines.

    about: orders, message ids or events, to which the story keeps; by default one that was in
    trouble, or the first if none was.
    """
    history = history_of(run)
    teller = _Storyteller(history, about)
    told = [line for event in history for line in teller.tell(event)]
    return [line.words for line in _shorten(_again_and_again(_joined(told)), lines)]


class _Storyteller:
    def __init__(self, history: Sequence[Event], about: object) -> None:
        self.names = Names(history)
        self.calls = calls(history)
        self.given = deliveries(history)
        self.called = {call.callee for call in self.calls.values()}
        self.about, self.numbers = subjects(about)
        if not self.about:
            self.about = _named_by(event for event in history if event.number in self.numbers)
        if not self.about:
            self.about = _worth_telling(history, self.names)
        self.hands: dict[str, tuple[str, int]] = {}  # node -> the message that it handles, since which event
        self.down: dict[str, float] = {}
        self.count: dict[tuple[str, str, str], int] = {}

    # -- what bears on it --------------------------------------------------------------

    def bears(self, event: Event) -> bool:
        return event.number in self.numbers or not self.about or self.names.is_about(event, self.about)

    def is_subject(self, message: str, number: int) -> bool:
        return not self.about or (self.names.order(message, number) or message) in self.about

    def holds(self, node: str) -> bool:
        return node in self.hands and self.is_subject(*self.hands[node])

    def in_hand(self, node: str) -> str:
        return self.names.of(*self.hands[node])

    def serves(self, call: Call) -> bool:
        """Whether a call was made for the sake of what the story is about."""
        if not self.about or self.holds(call.caller):
            return True
        spoken = [
            (str(fact["message"]), fact.number) for fact in call.facts if fact.get("message") is not None
        ]
        return order_of(call.body) in self.about or any(self.is_subject(*each) for each in spoken)

    # -- one event ---------------------------------------------------------------------

    def tell(self, event: Event) -> Iterable[Told]:
        kind = event.kind
        if kind == "handling":
            self.hands[event.node] = str(event["message"]), event.number
        if kind in (
            "sent",
            "leased",
            "acked",
            "nacked",
            "stale",
            "extended",
            "expired",
            "dead",
            "redriven",
            "dropped",
        ):
            if self.bears(event):
                yield self._queue(event)
        elif kind == "handled":
            outcome = str(event.get("outcome") or "ok")
            if self.bears(event) and outcome != "ok":
                name = self.names.of(event["message"], event.number)
                yield Told(f"{event.node} fails at {name}: {_first_words(outcome)}", DETAIL)
            self.hands.pop(event.node, None)
        elif kind in ("crash", "pause", "start", "exit"):
            yield from self._life(event)
        elif kind == "arrive" and (event.get("copy") or 1) > 1 and self.serves(self.calls[event["call"]]):
            yield Told(f"the {_asked(self.calls[event['call']])} arrives at {event.node} a second time", TURN)
        elif kind in ("lost", "refused", "reset", *GAVE_UP) and event["call"] in self.calls:
            yield from self._network(event, self.calls[event["call"]])
        elif kind == "partition":
            a, b = event.get("a"), event.get("b")
            ends = f"from {a} to {b}" if event.get("one_way") else f"between {a} and {b}"
            yield Told(f"the network {ends} is cut", STEP)
        elif kind == "error" and (self.holds(event.node) or not self.about):
            yield Told(f"{event.node}: {short(event.get('error'), 90)}", STEP)
        elif kind == "commit" and self.holds(event.node):
            yield from self._commit(event)
        elif kind not in BUILT_IN and self.bears(event):
            yield self._recorded(event)

    def _queue(self, event: Event) -> Told:
        kind, message = event.kind, str(event["message"])
        name = self.names.of(message, event.number)
        if kind == "sent":
            delay = f", hidden for {seconds(event['delay'])}" if event.get("delay") else ""
            return Told(f"{name} is sent to the queue {event['queue']}{delay}", STEP, message, kind)
        if kind == "leased":
            count = event.get("receive_count") or 1
            words = f"{event.get('consumer') or 'a consumer'} receives {name} ({ordinal(count)} time)"
            return Told(words, TURN if count > 1 else STEP, message, kind)
        if kind == "acked":
            return Told(f"{self._holder(event)} acks {name}: it leaves the queue", STEP, message, kind)
        if kind == "nacked":
            delay = f" for {seconds(event['delay'])}" if event.get("delay") else ""
            return Told(f"{self._holder(event)} gives {name} back{delay}", STEP, message, kind)
        if kind == "stale":
            what = event.get("operation") or "ack"
            words = f"{self._holder(event)}'s {what} of {name} comes too late: its lease is over"
            return Told(words, STEP, message, kind)
        if kind == "extended":
            until = seconds(event.get("until") or event.at)
            return Told(f"the lease of {name} is extended until {until}", DETAIL, message, kind)
        if kind == "expired":
            held = [d for d in self.given if d.message == message and d.ended_at == event.at]
            after = f"{seconds(event.at - held[-1].leased)} after it was received, " if held else ""
            return Told(f"{after}the lease of {name} ends without an ack", TURN, message, kind)
        if kind == "dead":
            to = f"goes to {event['to']}" if event.get("to") else "is given up"
            often = event.get("receive_count")
            after = f" after {plural(often, 'delivery', 'deliveries')}" if often else ""
            return Told(f"{name} {to}{after} ({_plain(event.get('reason'))})", TURN, message, kind)
        if kind == "redriven":
            return Told(
                f"{name} is put back from {event.get('source')} to {event.get('to')}", TURN, message, kind
            )
        return Told(f"the queue {event.get('queue')} drops {name}", TURN, message, kind)

    def _holder(self, event: Event) -> str:
        for delivery in reversed(self.given):
            same = delivery.message == str(event["message"]) and delivery.leased <= event.at
            if same and event.get("receipt") in (None, delivery.receipt):
                return delivery.consumer
        return "the consumer"

    def _commit(self, event: Event) -> Iterable[Told]:
        wrote = [words for words in event.get("statements") or () if _writes(words)]
        if wrote:
            name = self.in_hand(event.node)
            yield Told(
                f"{event.node} commits to {listed(dict.fromkeys(map(_table, wrote)))} for {name}", DETAIL
            )

    def _life(self, event: Event) -> Iterable[Told]:
        node, kind = event.node, event.kind
        holds = self.holds(node)
        told = holds or not self.about or node in self.called or event.number in self.numbers
        if kind == "crash":
            unacked = self._unacked(node, event.at) if holds else ""
            self.hands.pop(node, None)
            if told:
                self.down[node] = event.at
                yield Told(f"{node} crashes{unacked}", TURN)
        elif kind == "start" and node in self.down:
            yield Told(f"{seconds(event.at - self.down.pop(node))} later {node} starts again", DETAIL)
        elif kind == "pause" and told:
            lasts = f" for {seconds(event['lasts'])}" if event.get("lasts") is not None else ""
            yield Told(
                f"{node} pauses{lasts}" + (f" with {self.in_hand(node)} in hand" if holds else ""), TURN
            )
        elif kind == "exit" and event.get("error") and told:
            yield Told(f"{node} ends by an error: {_first_words(event['error'])}", TURN)

    def _unacked(self, node: str, at: float) -> str:
        message, _ = self.hands[node]
        acked = any(
            d.message == message and d.ended == "acked" and (d.ended_at or 0) <= at for d in self.given
        )
        return ", after the ack" if acked else f" with {self.in_hand(node)} in hand, before any ack"

    def _network(self, event: Event, call: Call) -> Iterable[Told]:
        if not self.serves(call):
            return
        what = _asked(call)
        if event.kind == "lost" and event.get("part") == "reply":
            yield Told(f"{call.callee} has done the {what}, but its reply to {call.caller} is lost", TURN)
        elif event.kind == "lost":
            yield Told(f"the {what} from {call.caller} to {call.callee} is lost", TURN)
        elif event.kind == "refused":
            yield Told(f"{call.callee} is down: the {what} from {call.caller} is refused", STEP)
        elif event.kind == "reset":
            yield Told(
                f"{call.callee} dies at the {what}: {call.caller} cannot know whether it was done", STEP
            )
        else:
            after = f" after {seconds(event['after'])}" if event.get("after") is not None else ""
            yield Told(f"{call.caller} gives up waiting for {call.callee}{after}", DETAIL)

    def _recorded(self, event: Event) -> Told:
        order = event.get("order", event.get("order_id"))
        verb, who = DONE.get(event.kind), event.node
        of_order = f" for order {order}" if order is not None else ""
        if event.get("repeated"):
            words = f"the {who} is asked to {event.kind} again{of_order}, knows the key, and does nothing"
            if event.kind not in DONE:
                words = f"{who} is asked again{of_order}, has done its part, and does nothing"
            return Told(words, STEP)
        key = (who, event.kind, str(order))
        self.count[key] = count = self.count.get(key, 0) + 1
        again = {1: "", 2: " again"}.get(count, f" for the {ordinal(count)} time")
        weight = TURN if count > 1 or verb else STEP
        if verb and who == "card":
            money = f" {amount(event['amount'])}" if event.get("amount") is not None else ""
            return Told(f"the card is {verb}{again}{money if not again else ''}{of_order}", weight)
        if verb and order is not None:
            return Told(f"{who}: order {order} is {verb}{again}", weight)
        rest = [
            f"{key} {short(value, 30)}"
            for key, value in event.data.items()
            if "order" not in key and value is not None and (key, value) != ("repeated", False)
        ]
        facts = f" ({', '.join(rest)})" if rest else ""
        name = "" if who == "world" else f"{who}: "
        return Told(f"{name}{event.kind.replace('_', ' ')}{of_order}{again}{facts}", weight)


# -- which, and in what words -------------------------------------------------------------


def _named_by(events: Iterable[Event]) -> frozenset[str]:
    keys = ("order", "order_id", "message")
    return frozenset(str(event[key]) for event in events for key in keys if event.get(key) is not None)


def _worth_telling(history: Sequence[Event], names: Names) -> frozenset[str]:
    again = [order for _, _, order in repeated_effects(history)]
    if again:
        return frozenset(again[:1])
    odd = troubled(history)
    for event in history:
        name = (
            str(names.order(event["message"], event.number) or event["message"])
            if event.kind == "sent"
            else ""
        )
        if name and (not odd or name in odd):
            return frozenset({name})
    return frozenset()


def _asked(call: Call) -> str:
    return (
        f"{call.operation} on {call.queue}" if call.operation else f"{call.method} {call.path.split('?')[0]}"
    )


def _plain(reason: object) -> str:
    return str(reason or "no reason given").replace("_", " ")


def _first_words(error: object) -> str:
    """An error, as far as its first sentence or clause."""
    words = short(error, 200)
    for end in (". ", ", for ", "; "):
        words = words.split(end)[0]
    return short(words, 90)


def _writes(statement: str) -> bool:
    return statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE", "REPLACE"))


def _table(statement: str) -> str:
    words = statement.replace("(", " ").split()
    upper = [word.upper() for word in words]
    for key in ("INTO", "UPDATE", "FROM"):
        if key in upper and upper.index(key) + 1 < len(words):
            return words[upper.index(key) + 1]
    return "its database"


# -- making it short ----------------------------------------------------------------------


def _joined(told: list[Told]) -> list[Told]:
    """A lease that ends and the delivery that follows at once are one line."""
    found: list[Told] = []
    for line in told:
        before = found[-1] if found else None
        if before and before.kind == "expired" and line.kind == "leased" and line.message == before.message:
            found[-1] = Told(f"{before.words}; {line.words}", TURN, line.message, "again")
        else:
            found.append(line)
    return found


def _again_and_again(told: list[Told]) -> list[Told]:
    """A round of the same lines is told once, with how often it comes again.

    Two lines are the same if they differ only in their counts (second, third) and times.
    """
    found: list[Told] = []
    index = 0
    shapes = [_shape(line.words) for line in told]
    while index < len(told):
        for length in (1, 2, 3, 4):
            rounds = 1
            while (
                shapes[index : index + length]
                == shapes[index + rounds * length : index + (rounds + 1) * length]
            ):
                rounds += 1
            if rounds > 1 and rounds * length >= 3:
                found += told[index : index + length]
                last = told[index + rounds * length - 1]
                more = f"the same happens {plural(rounds - 1, 'more time', 'more times')}"
                ends = f", until: {last.words}" if length == 1 or last.kind in ("again", "leased") else ""
                found.append(Told(more + ends, TURN))
                index += rounds * length
                break
        else:
            found.append(told[index])
            index += 1
    return found


def _shape(words: str) -> str:
    kept = []
    for word in words.split():
        counts = any(letter.isdigit() for letter in word) or word.strip("(;,") in _COUNTS
        kept.append("#" if counts else word)
    return " ".join(kept)


_COUNTS = frozenset(ordinal(count) for count in range(10)) | {"again", "for", "the", "time", "ms", "s"}


def _shorten(told: list[Told], lines: int) -> list[Told]:
    """At most `lines`: the lightest lines go first, and among equals those in the middle."""
    for weight in (ASIDE, DETAIL, STEP, TURN):
        light = [i for i, line in enumerate(told) if line.weight <= weight and 0 < i < len(told) - 1]
        light.sort(key=lambda i: (abs(i - len(told) / 2), i))
        gone = set(light[: max(len(told) - lines, 0)])
        told = [line for i, line in enumerate(told) if i not in gone]
    return told
