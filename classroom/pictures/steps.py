"""A history as steps that a reader can follow: one line each, with who, to whom, and what in words.

Idea      The sequence picture draws these steps and its text twin lists them, so the two cannot
          differ. Receives that brought nothing are left out. A long history is folded to what
          went otherwise than planned, and what was left out is counted and said.
Not here  Where a step stands on the paper (sequence.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from classroom.pictures.facts import (
    BUILT_IN,
    NETWORK_KINDS,
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
    troubled,
)
from classroom.world.history import GAVE_UP, Event


@dataclass(slots=True)
class Step:
    """One thing to see. `tone` is "plain", "quiet", "broken" or "kept".

    kind: request, arrive, reply, answer, lost, refused, mark (on a lane), crash, start, exit,
    pause, resume, commit, note, band (about several nodes), handling, handled.
    about: the orders or message ids of which it speaks.
    """

    kind: str
    event: Event
    words: str = ""
    node: str = ""
    to: str = ""
    call: Call | None = None
    tone: str = "plain"
    about: frozenset[str] = frozenset()

    @property
    def at(self) -> float:
        return self.event.at


@dataclass(slots=True)
class Told:
    """The steps of a history and what was left out of them, in words."""

    steps: list[Step] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class _Teller:
    def __init__(self, history: Sequence[Event]) -> None:
        self.names = Names(history)
        self.calls = calls(history)
        self.receipts = {str(d.receipt): d.message for d in deliveries(history) if d.receipt is not None}
        again = repeated_effects(history)
        self.repeats = {event.number for events in again.values() for event in events[1:]}
        self.working: dict[str, frozenset[str]] = {}  # node -> what it handles just now
        self.leases = {fact.number: call for call in self.calls.values() for fact in call.facts}

    # -- of what a step speaks ---------------------------------------------------------

    def of_message(self, message: object, number: int | None = None) -> frozenset[str]:
        order = self.names.order(message, number)
        return frozenset({str(message), order} if order is not None else {str(message)})

    def message_of(self, call: Call) -> str | None:
        for fact in call.facts:
            if fact.get("message") is not None:
                return str(fact["message"])
        if isinstance(call.body, dict):
            if call.body.get("message") is not None and not isinstance(call.body["message"], dict):
                return str(call.body["message"])
            return self.receipts.get(str(call.body.get("receipt")))
        return next(
            (message for receipt, message in self.receipts.items() if f"/{receipt}" in call.path), None
        )

    def about(self, call: Call) -> frozenset[str]:
        found: set[str] = set()
        order = order_of(call.body)
        if order is not None:
            found.add(order)
        message = self.message_of(call)
        if message is not None:
            found |= self.of_message(message, _at(call))
        for fact in call.facts:
            if fact.get("message") is not None:
                found |= self.of_message(fact["message"], fact.number)
        return frozenset(found)

    # -- words -------------------------------------------------------------------------

    def request(self, call: Call) -> str:
        order = order_of(call.body)
        message = self.message_of(call)
        name = (
            f"order {order}"
            if order is not None
            else self.names.of(message, _at(call))
            if message is not None
            else ""
        )
        if call.operation:
            if call.operation == "receive":
                return f"receive {call.queue}"
            if call.operation in ("redrive", "peek", "snapshot", "drain", "look at"):
                return f"{call.operation} {call.queue}"
            return f"{call.operation} {name or call.queue}"
        path = call.path.split("?")[0]
        return f"{call.method} {path}" + (f" {name}" if name else "")

    def reply(self, call: Call, reply: Event) -> tuple[str, str]:
        """What a reply says, and in which tone; "" for a plain yes."""
        leased = [fact for fact in call.facts if fact.kind == "leased"]
        if call.end is not None and call.end.kind in GAVE_UP and call.end.number < reply.number:
            return "comes too late: nobody waits for it", "broken"
        if leased:
            words = []
            for fact in leased:
                count = fact.get("receive_count") or 1
                words.append(self.names.of(fact["message"], fact.number) + f" ({ordinal(count)} time)")
            return listed(words), "plain"
        if any(fact.kind == "stale" for fact in call.facts):
            return "too late: the lease is over", "broken"
        status = reply.get("status") or 200
        if status >= 400:
            body = reply.get("body")
            why = body.get("error") or body.get("detail") if isinstance(body, dict) else None
            return f"{status}" + (f" {short(why, 44)}" if why else ""), "broken"
        redriven = sum(fact.kind == "redriven" for fact in call.facts)
        return (plural(redriven, "message") + " put back", "plain") if redriven else ("", "plain")

    def recorded(self, event: Event) -> tuple[str, str]:
        """A service's own event in words: "charge order 1: 1,990"."""
        data = {key: value for key, value in event.data.items() if value is not None}
        order = data.pop("order", data.pop("order_id", None))
        words = event.kind.replace("_", " ") + (f" order {order}" if order is not None else "")
        money = data.pop("amount", None)
        repeated = data.pop("repeated", None)
        data.pop("key", None)
        if repeated:
            return (
                f"{words}: known key, nothing charged" if event.kind == "charge" else f"{words}: known",
                "kept",
            )
        again = event.number in self.repeats
        words += " again" if again else ""
        rest = ([amount(money)] if money is not None else []) + [
            f"{key} {short(value, 30)}" for key, value in sorted(data.items()) if value is not False
        ]
        return words + (f": {', '.join(rest)}" if rest else ""), "broken" if again else "plain"

    # -- one event ---------------------------------------------------------------------

    def steps(self, event: Event) -> Iterable[Step]:
        kind, node = event.kind, event.node
        call = self.calls.get(event.get("call", -1)) if event.get("call") is not None else None
        if kind in NETWORK_KINDS:
            if call is not None:
                yield from self.network(event, call)
        elif kind == "start":
            if event.get("incarnation", 1) > 1:
                yield Step("start", event, "starts again", node, tone="quiet")
            elif event.at > 0.05:
                yield Step("start", event, "starts", node, tone="quiet")
        elif kind == "crash":
            yield Step(
                "crash", event, "crash", node, tone="broken", about=self.working.pop(node, frozenset())
            )
        elif kind == "exit":
            why = event.get("error")
            yield Step("exit", event, f"ends: {short(why, 60)}" if why else "ends", node,
                       tone="broken" if why else "quiet")  # fmt: skip
        elif kind == "pause":
            lasts = event.get("lasts")
            yield Step("pause", event, f"pauses {seconds(lasts)}" if lasts is not None else "pauses", node,
                       tone="broken", about=self.working.get(node, frozenset()))  # fmt: skip
        elif kind == "resume":
            yield Step(
                "resume", event, "goes on", node, tone="quiet", about=self.working.get(node, frozenset())
            )
        elif kind in ("partition", "heal"):
            a, b = event.get("a"), event.get("b")
            ends = f"from {a} to {b}" if event.get("one_way") else f"between {a} and {b}"
            words = f"the network {ends} {'is cut' if kind == 'partition' else 'is whole again'}"
            yield Step("band", event, words, node, tone="broken" if kind == "partition" else "quiet")
        elif kind == "error":
            yield Step("note", event, short(event.get("error"), 90), node, tone="broken")
        elif kind == "commit":
            yield Step("commit", event, statement(event.get("statements") or ()), node,
                       about=self.working.get(node, frozenset()))  # fmt: skip
        elif kind == "handling":
            self.working[node] = self.of_message(event.get("message"), event.number)
            yield Step("handling", event, "", node, about=self.working[node])
        elif kind == "handled":
            about = self.working.pop(node, frozenset())
            outcome = str(event.get("outcome") or "ok")
            yield Step("handled", event, "", node, about=about)
            if outcome != "ok":
                words = f"{self.names.of(event.get('message'))} fails: {short(outcome, 80)}"
                yield Step("note", event, words, node, tone="broken", about=about)
        elif kind == "expired":
            words = f"the lease of {self.names.of(event['message'])} ends, no ack"
            yield Step(
                "note",
                event,
                words,
                node,
                tone="broken",
                about=self.of_message(event["message"], event.number),
            )
        elif kind == "dead":
            to = f" goes to {event['to']}" if event.get("to") else " is given up"
            why = f": {event['reason']}" if event.get("reason") else ""
            words = f"{self.names.of(event['message'])}{to}{why}"
            yield Step(
                "note",
                event,
                words,
                node,
                tone="broken",
                about=self.of_message(event["message"], event.number),
            )
        elif kind == "dropped":
            yield Step(
                "note", event, f"{self.names.of(event.get('message'))} is dropped", node, tone="broken"
            )
        elif kind not in BUILT_IN:
            order = event.get("order", event.get("order_id"))
            words, tone = self.recorded(event)
            about = frozenset({str(order)}) if order is not None else frozenset()
            yield Step("band" if node == "world" else "note", event, words, node, tone=tone, about=about)

    def network(self, event: Event, call: Call) -> Iterable[Step]:
        common: dict[str, Any] = {"call": call, "about": self.about(call)}
        kind, to = event.kind, str(event.get("to") or "")
        if kind == "request":
            yield Step("request", event, self.request(call), event.node, call.callee, **common)
        elif kind == "arrive":
            again = "a second copy" if (event.get("copy") or 1) > 1 else ""
            yield Step("arrive", event, again, call.caller, event.node, **common)
        elif kind == "reply":
            words, tone = self.reply(call, event)
            yield Step("reply", event, words, event.node, call.caller, tone=tone, **common)
        elif kind == "answer":
            yield Step("answer", event, "", call.callee, event.node, **common)
        elif kind == "lost":
            why = {"drop": "", "partition": " (the network is cut)"}.get(
                str(event.get("why")), f" ({event.get('why')})"
            )
            yield Step(
                "lost", event, f"{event.get('part')} lost{why}", event.node, to, tone="broken", **common
            )
        elif kind == "refused":
            yield Step(
                "refused", event, "refused: nobody listens", event.node, call.callee, tone="broken", **common
            )
        elif kind == "reset":
            words = f"connection reset: {call.callee} died"
            yield Step("mark", event, words, event.node, call.callee, tone="broken", **common)
        else:
            after = event.get("after")
            words = f"gives up after {seconds(after)}" if after is not None else "gives up"
            yield Step("mark", event, words, event.node, call.callee, tone="broken", **common)


def _at(call: Call) -> int:
    """The number of the last event of a call, by which the message that it speaks of is known."""
    events = [*([call.request] if call.request else []), *call.arrives, *call.facts]
    return max((event.number for event in events), default=0)


def statement(statements: Sequence[str]) -> str:
    """What a commit made durable, in short: "INSERT INTO charges" (without the tables made beside it)."""
    told = [words for words in statements if not words.lstrip().upper().startswith("CREATE")] or list(
        statements
    )
    if not told:
        return "commit"
    words = " ".join(told[0].split())
    for cut in ("(", " VALUES", " SET ", " WHERE "):
        words = (
            words.split(cut)[0]
            if words.upper().startswith(("INSERT", "UPDATE", "DELETE", "CREATE"))
            else words
        )
    words = words.replace("OR IGNORE ", "").replace("IF NOT EXISTS ", "").strip()
    return f"commit {short(words, 34)}" + (f" + {len(told) - 1}" if len(told) > 1 else "")


def _without_empty_polls(told: Told) -> None:
    """Leave out receives that brought nothing, and those that were refused after one that was."""
    empty: set[int] = set()
    refused: set[int] = set()
    knows: set[tuple[str, str]] = (
        set()
    )  # (caller, callee): the caller was refused and nothing came of it since
    for step in told.steps:
        call = step.call
        if step.kind != "request" or call is None:
            continue
        pair = call.caller, call.callee
        if call.is_empty_poll:
            empty.add(call.number)
        elif call.operation == "receive" and call.end is not None and call.end.kind == "refused":
            if pair in knows:
                refused.add(call.number)
            knows.add(pair)
            continue
        if call.replies:
            knows.discard(pair)
    told.steps = [s for s in told.steps if s.call is None or s.call.number not in empty | refused]
    if empty:
        told.left_out.append(plural(len(empty), "receive") + " that brought nothing")
    if refused:
        told.left_out.append(plural(len(refused), "receive") + " refused like the one before")


def _is_set_up(commit: Event) -> bool:
    """Whether nothing but tables was made."""
    made = [words.lstrip().upper().startswith("CREATE") for words in commit.get("statements") or ()]
    return bool(made) and all(made)


def arrows(steps: Iterable[Step]) -> int:
    return sum(step.kind in ("request", "reply", "refused") for step in steps)


def tell(history: Sequence[Event], *, nodes: Iterable[str] | None = None,
         between: tuple[float, float] | None = None, highlight: frozenset[str] = frozenset(),
         limit: int = 60) -> Told:  # fmt: skip
    """The steps of a history, folded to about `limit` arrows.

    nodes: only these. between: (from, to) in seconds. highlight: orders or messages to keep.
    """
    teller = _Teller(history)
    told = Told([step for event in history for step in teller.steps(event)])
    if nodes is not None:
        wanted = set(nodes)
        told.steps = [
            s for s in told.steps if (s.node in wanted and (not s.to or s.to in wanted)) or s.kind == "band"
        ]
    if between is not None:
        start, end = between
        told.steps = [step for step in told.steps if start <= step.at <= end]
    _without_empty_polls(told)
    seen = [step for step in told.steps if step.kind != "commit" or not _is_set_up(step.event)]
    if len(seen) < len(told.steps):
        told.left_out.append(plural(len(told.steps) - len(seen), "commit") + " that only made a table")
        told.steps = seen
    if arrows(told.steps) > limit:
        _fold(told, troubled(history) | highlight, limit)
    return told


def _fold(told: Told, keep: frozenset[str], limit: int) -> None:
    """Leave out what went as planned; if that is not enough, what comes late."""
    if keep:
        before = arrows(told.steps)
        dropped = {
            step.call.number
            for step in told.steps
            if step.call and not step.about & keep and _is_plain(step.call)
        }
        steps = [
            step for step in told.steps
            if (step.call is None or step.call.number not in dropped)
            and (step.call is not None or not step.about or step.about & keep)
            and not (step.kind == "commit" and not step.about)
        ]  # fmt: skip
        if dropped and arrows(steps) > 0:
            told.steps = steps
            gone = before - arrows(steps)
            told.left_out.append(plural(gone, "arrow") + " of what went as planned")
    if arrows(told.steps) <= limit:
        return
    count = 0
    for index, step in enumerate(told.steps):
        count += step.kind in ("request", "reply", "refused")
        if count > limit:
            rest = told.steps[index:]
            last = rest[-1].at
            more = plural(arrows(rest), "arrow")
            since = seconds(told.steps[index - 1].at)
            told.left_out.append(
                f"{more} after {since}, until {seconds(last)}: between=(from, to) shows them"
            )
            told.steps = told.steps[:index]
            return


def _is_plain(call: Call) -> bool:
    return not call.losses and (call.end is None or call.end.kind == "answer")
