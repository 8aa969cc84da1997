"""Two queues and their dead-letter queue against a model that shares no idea with them.

The model keeps one flat list of rows and finds everything by looking through it: no heap, no
counters, no table. A third witness is the history: each message's events, walked along TRANSITIONS,
must end where the model has it. Now and then all queues are made anew from their journal, which the
model takes no notice of.
"""

import math
import sys
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from minibroker import TRANSITIONS, Event, Message, QueueFull, StaleReceipt, State, WorkQueue
from minibroker.dead_letter import redrive
from minibroker.journal import Fact, Found, frame, read
from minibroker.recovery import Tables

NEVER = math.inf
LIMITS = {"charges": 3, "mails": None, "dead": None}
TTLS = {"charges": NEVER, "mails": 15, "dead": NEVER}
LENGTHS = {"charges": 5, "mails": 4, "dead": NEVER}
OVERFLOWS = {"charges": "dead-letter", "mails": "drop-oldest"}
WINDOW = 20
WINDOWS = {"charges": WINDOW, "mails": WINDOW, "dead": 300}
TIMEOUT = 10
times = st.integers(0, 12)
queues = st.sampled_from(sorted(LIMITS))
moves_of_a_worker = st.sampled_from(["ack", "nack", "nack", "reject", "extend", "release"])


@dataclass
class Row:
    """What the model believes of one message."""

    id: int
    queue: str  # where it is; "" when it is acked
    rank: int  # place: the larger, the later it came into that queue
    holder: str = ""  # the receipt of its lease
    hidden_until: int = 0
    receives: int = 0  # in this queue
    receipts: int = 0  # ever
    last_words: str = ""
    group: str | None = None
    expires: float = NEVER
    deaths: tuple[tuple[str, str, int, str], ...] = ()  # queue, reason, count, error; newest first


class QueueModel(RuleBasedStateMachine):
    @initialize()
    def build(self) -> None:
        self.now = 0
        self.events: list[dict[str, Any]] = []
        self.facts: list[Fact] = [["queue", name, {"dedup_window": w}] for name, w in WINDOWS.items()]
        self.make_queues(next_id=1)
        self.rows: list[Row] = []
        self.receipts: list[tuple[str, str]] = []  # every receipt that was ever given, with its queue
        self.ranks = 0
        self.sends: list[tuple[str, str, int, int]] = []  # queue, dedup_id, when, message

    def make_queues(self, *, next_id: int) -> None:
        observer = lambda kind, **data: self.events.append({"kind": kind, **data})  # noqa: E731
        share = {"ids": count(next_id).__next__, "observer": observer, "journal": self.facts.append}
        dead = WorkQueue("dead", visibility_timeout=TIMEOUT, **share)
        self.queues = {"dead": dead}
        for name in ("charges", "mails"):
            self.queues[name] = WorkQueue(
                name,
                visibility_timeout=TIMEOUT,
                max_receive_count=LIMITS[name],
                dead_letter_queue=dead,
                ttl=None if TTLS[name] == NEVER else TTLS[name],
                max_length=LENGTHS[name],
                overflow=OVERFLOWS[name],
                dedup_window=WINDOW,
                **share,
            )

    # -- the model's own moves

    def rank(self) -> int:
        self.ranks += 1
        return self.ranks

    def die(self, row: Row, reason: str) -> None:
        earlier = [d for d in row.deaths if d[:2] == (row.queue, reason)]
        count = earlier[0][2] + 1 if earlier else 1
        others = tuple(d for d in row.deaths if d[:2] != (row.queue, reason))
        row.deaths = ((row.queue, reason, count, row.last_words), *others)
        row.holder, row.hidden_until, row.receives, row.last_words, row.expires = "", 0, 0, "", NEVER
        row.queue, row.rank = ("dead" if row.queue != "dead" else ""), self.rank()

    def release(self, row: Row) -> None:
        """Its lease is over, unacked."""
        limit = LIMITS[row.queue]
        row.holder = ""
        if limit is not None and row.receives >= limit:
            self.die(row, "max_receive_count")

    def settle(self, queue: str) -> None:
        while True:
            hidden = [r for r in self.rows if r.queue == queue and r.hidden_until]
            due = min(hidden, key=lambda r: (r.hidden_until, r.rank), default=None)
            head = next(iter(self.receivable(queue)), None)
            ends = NEVER if due is None else due.hidden_until
            lapses = NEVER if head is None else head.expires
            if min(ends, lapses) > self.now:
                return
            if due is not None and ends <= lapses:
                due.hidden_until = 0
                if due.holder:
                    self.release(due)
            elif head is not None:
                self.die(head, "expired")

    def receivable(self, queue: str) -> list[Row]:
        """Not hidden, and nobody of its group ahead."""
        mine = [r for r in self.rows if r.queue == queue]
        found = [
            r
            for r in mine
            if not r.hidden_until
            and not (r.group and any(o.group == r.group and o.rank < r.rank for o in mine))
        ]
        return sorted(found, key=lambda r: r.rank)

    def ready(self, queue: str) -> list[Row]:
        self.settle(queue)
        found = [r for r in self.rows if r.queue == queue and not r.hidden_until]
        return sorted(found, key=lambda r: r.rank)

    def make_room(self, queue: str) -> bool:
        while sum(r.queue == queue for r in self.rows) >= LENGTHS[queue]:
            standing = [r for r in self.rows if r.queue == queue and not r.hidden_until]
            candidates = self.receivable(queue) or sorted(standing, key=lambda r: r.rank)
            if not candidates:
                return False
            if OVERFLOWS[queue] == "dead-letter":
                self.die(candidates[0], "max_length")
            else:
                candidates[0].queue = ""
        return True

    def held(self, queue: str, receipt: str) -> Row | None:
        self.settle(queue)
        return next((r for r in self.rows if r.queue == queue and r.holder == receipt), None)

    # -- the same move on both sides

    @rule(
        queue=queues,
        delay=st.just(0) | times,
        ttl=st.none() | st.integers(1, 25),
        group=st.sampled_from([None, "ada", "bob"]),
        dedup_id=st.sampled_from([None, None, "x", "y"]),
    )
    def send(self, queue: str, delay: int, ttl: int | None, group: str | None, dedup_id: str | None) -> None:
        self.settle(queue)
        sending = lambda: self.queues[queue].send(  # noqa: E731
            "body", now=self.now, delay=delay, ttl=ttl, group=group, dedup_id=dedup_id
        )
        known = [
            m for q, d, at, m in self.sends if (q, d) == (queue, dedup_id) and self.now < at + WINDOWS[queue]
        ]
        if known:
            assert sending() == known[0]
            return
        if not self.make_room(queue):
            with pytest.raises(QueueFull):
                sending()
            return
        message_id = sending()
        assert message_id == len(self.rows) + 1
        if dedup_id:
            self.sends.append((queue, dedup_id, self.now, message_id))
        row = Row(message_id, queue, self.rank(), hidden_until=self.now + delay if delay else 0, group=group)
        row.expires = self.now + min(ttl or NEVER, TTLS[queue])
        self.rows.append(row)

    @rule(queue=queues, max_messages=st.integers(1, 4), timeout=st.none() | st.integers(1, 12))
    def receive(self, queue: str, max_messages: int, timeout: int | None) -> None:
        self.settle(queue)
        expected: list[Row] = []
        while len(expected) < max_messages and (standing := self.receivable(queue)):
            expected.append(standing[0])
            standing[0].hidden_until = self.now + (timeout or TIMEOUT)
            standing[0].receives += 1
            standing[0].receipts += 1
            standing[0].holder = f"{standing[0].id}.{standing[0].receipts}"
            self.settle(queue)
        leases = self.queues[queue].receive(
            now=self.now, max_messages=max_messages, visibility_timeout=timeout
        )
        assert [lease.message.id for lease in leases] == [row.id for row in expected]
        for row, lease in zip(expected, leases, strict=True):
            assert (lease.receipt, lease.receive_count) == (row.holder, row.receives)
            assert lease.until == row.hidden_until
            self.receipts.append((queue, lease.receipt))

    @precondition(lambda self: self.receipts)
    @rule(data=st.data(), move=moves_of_a_worker, seconds=times, silent=st.booleans())
    def answer(self, data: st.DataObject, move: str, seconds: int, silent: bool) -> None:
        """Any receipt that was ever given, so most of them are stale."""
        queue, receipt = data.draw(st.sampled_from(self.receipts[-6:]))
        row = self.held(queue, receipt)
        real, now, words = self.queues[queue], self.now, "" if silent else f"at {self.now}"
        calls = {
            "ack": lambda: real.ack(receipt, now=now),
            "nack": lambda: real.nack(receipt, delay=seconds, reason=words, now=now),
            "reject": lambda: real.reject(receipt, words, now=now),
            "release": lambda: real.release(receipt, now=now),
            "extend": lambda: real.extend(receipt, seconds + 1, now=now),
        }
        if row is None:
            with pytest.raises(StaleReceipt):
                calls[move]()
            return
        calls[move]()
        if move == "ack":
            row.queue, row.holder, row.hidden_until = "", "", 0
        elif move == "release":
            row.holder, row.hidden_until, row.receives = "", 0, row.receives - 1
        elif move == "extend":
            row.hidden_until = now + seconds + 1
        elif move == "reject":
            row.last_words = words
            self.die(row, "rejected")
        else:
            row.last_words = words or row.last_words
            row.hidden_until = now + seconds if seconds else 0
            self.release(row)

    @rule(seconds=st.integers(1, 12))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds
        due = sorted(self.queues)
        for name in due:
            self.queues[name].advance(self.now)
            self.settle(name)

    @rule(to=st.sampled_from([None, "charges", "mails"]), limit=st.none() | st.integers(1, 3))
    def redrive(self, to: str | None, limit: int | None) -> None:
        standing = self.ready("dead")
        held = {r.group for r in self.rows if r.queue == "dead" and r.hidden_until and r.group}
        moving = [
            r for r in standing if r.group not in held and (to or any(d[0] != "dead" for d in r.deaths))
        ]
        moving = moving[:limit]
        moved = redrive(self.queues["dead"], now=self.now, find=self.queues.__getitem__, to=to, limit=limit)
        assert list(moved) == [row.id for row in moving]
        for row in moving:
            row.queue = "on its way"
        for row in moving:
            self.make_room(to or next(d[0] for d in row.deaths if d[0] != "dead"))
            row.queue = to or next(d[0] for d in row.deaths if d[0] != "dead")
            row.rank, row.receives, row.last_words = self.rank(), 0, ""
            row.expires = self.now + TTLS[row.queue]
            assert moved[row.id].name == row.queue

    @rule(compacted=st.booleans())
    def restart(self, compacted: bool) -> None:
        """All memory is lost, but what the journal knows: by its whole history, or by the present alone."""
        made = self.facts[: len(WINDOWS)]
        if compacted:
            present = [fact for queue in self.queues.values() for fact in queue.facts()]
            self.facts = [*made, ["ids", len(self.rows)], *present]
        tables, found = Tables(log=lambda fact: None, bindings=lambda *of: None), Found()
        tables.take(read(frame(self.facts, now=self.now), found), found)
        self.make_queues(next_id=tables.last_id + 1)
        for name, queue in self.queues.items():
            queue.restore(tables.queues[name], now=found.at)

    # -- what must hold after each of them

    @invariant()
    def each_message_is_where_the_model_has_it(self) -> None:
        for name, queue in self.queues.items():
            ready = self.ready(name)
            mine = [r for r in self.rows if r.queue == name]
            seen = queue.peek(now=self.now)
            assert [(m.id, deaths_of(m)) for m in seen] == [(r.id, r.deaths) for r in ready]
            snapshot = queue.snapshot(now=self.now)
            receivable = self.receivable(name)
            assert (snapshot.ready, snapshot.ready + snapshot.blocked) == (len(receivable), len(ready))
            assert snapshot.in_flight == sum(1 for r in mine if r.holder)
            assert snapshot.delayed == sum(1 for r in mine if r.hidden_until and not r.holder)
            ends = [float(r.hidden_until) for r in mine if r.hidden_until]
            ends += [r.expires for r in receivable[:1] if r.expires < NEVER]
            assert queue.next_deadline() == min(ends, default=None)

    def teardown(self) -> None:
        """The history, walked along the table, ends where the model ends."""
        if sys.exc_info()[0] is not None:
            return  # a step has failed: that is to be told, and not what comes of it
        states = walk(self.events) if hasattr(self, "events") else {}
        for row in self.rows if states else []:
            if row.id in states:
                assert states[row.id] in possible(row), (row, states[row.id])


def deaths_of(message: Message) -> tuple[tuple[str, str, int, str], ...]:
    return tuple((d.queue, str(d.reason), d.count, d.error) for d in message.deaths)


def walk(events: list[dict[str, Any]]) -> dict[int, State]:
    """Each message's last state, as seen from the queues that do the work (not the dead-letter queue)."""
    states: dict[int, State] = {}
    expired: set[str] = set()
    for number, event in enumerate(events):
        if event["queue"] == "dead":
            continue
        if event["kind"] == "expired":
            if event["receipt"] in expired:  # not written down, so after a restart it is seen once more
                continue
            expired.add(event["receipt"])
        message, following = event["message"], events[number + 1 : number + 2]
        dies = any(
            (e["kind"], e["message"], e.get("reason")) == ("dead", message, "max_receive_count")
            for e in following
        )
        for move in moves(event, states.get(message), dies):
            start = State.DEAD if move is Event.REDRIVE else State.NEW
            states[message] = TRANSITIONS[states.get(message, start), move]
    return states


def moves(event: dict[str, Any], state: State | None, dies: bool) -> list[Event]:
    match event["kind"]:
        case "sent":
            return [Event.SEND_DELAYED if event["delay"] else Event.SEND]
        case "leased":  # that a delay ended shows only in the lease after it
            return [Event.BECOME_VISIBLE, Event.RECEIVE] if state is State.DELAYED else [Event.RECEIVE]
        case "nacked" if not dies:
            return [Event.NACK_DELAYED if event["delay"] else Event.NACK]
        case "expired" if not dies:
            return [Event.EXPIRE]
        case "nacked" | "expired":
            return [Event.EXHAUST]
        case "dead" if event["reason"] == "rejected":
            return [Event.REJECT]
        case "dead" if event["reason"] == "max_receive_count":
            return []
        case "dead" | "dropped":
            out = Event.LAPSE if event["reason"] == "expired" else Event.OVERFLOW
            return [Event.BECOME_VISIBLE, out] if state is State.DELAYED else [out]
        case "released":
            return [Event.RELEASE]
        case "duplicate":
            return []
        case "acked" | "extended" | "redriven":
            return [{"acked": Event.ACK, "extended": Event.EXTEND, "redriven": Event.REDRIVE}[event["kind"]]]
        case "stale":
            return []
    raise AssertionError(f"a kind that the table does not have: {event}")


def possible(row: Row) -> tuple[State, ...]:
    if row.queue == "":
        return (State.DONE, State.DEAD)  # the latter: dropped from the dead-letter queue
    if row.queue == "dead":
        return (State.DEAD,)
    if row.holder:
        return (State.IN_FLIGHT,)
    return (State.DELAYED,) if row.hidden_until else (State.READY, State.DELAYED)


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(stateful_step_count=40)
