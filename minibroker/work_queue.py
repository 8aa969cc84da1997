"""At-least-once queue: receive() takes a lease, it does not remove.

Idea      A received message is hidden for visibility_timeout seconds. If nobody acks it
          in time it becomes visible again: delivered twice, never lost. After
          max_receive_count deliveries it goes to the dead-letter queue instead.
Order     A message has one place for as long as it is in the queue, given when it came
          in. What is nacked, expired or was delayed goes back to that place, ahead of
          all that came later (RabbitMQ: "to its original position, if possible").
Time      Nothing here reads a clock or waits: `now` (seconds, never going back) is
          handed in, and every call first does what has fallen due by then. A lease
          that lasts until t is over at t. Between calls, next_deadline() says when
          somebody should call advance().
Not here  Waiting for a message (waiting.py), names of queues (broker.py), the record of
          a death (dead_letter.py), one message read by many (the log, not a queue).
Source    Amazon SQS Developer Guide, "Visibility timeout", "Dead-letter queues". SQS
          moves a message when its receive count *exceeds* maxReceiveCount, at the next
          receive; here the end of the last lease moves it. Both deliver it that often.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from minibroker.arguments import headers_or_none, queue_name, seconds, text, whole_number
from minibroker.dead_letter import leave, with_death
from minibroker.deadlines import Deadline, Deadlines
from minibroker.delivery_states import Event, State, next_state
from minibroker.errors import InvalidArgument, StaleReceipt
from minibroker.lease import Lease, message_id_of, receipt_for
from minibroker.message import Message, Reason
from minibroker.snapshot import QueueSnapshot

Observer = Callable[..., None]  # observer(kind, **data), for each move, after it was made


@dataclass(slots=True, eq=False)
class _Entry:
    """What the queue knows of a message while it holds it."""

    message: Message
    place: int
    state: State
    receive_count: int = 0
    deadline: float = 0.0  # the end of the lease or delay that runs now, or ran last
    consumer: str = ""
    error: str = ""  # the last reason that a nack gave

    @property
    def receipt(self) -> str:
        return receipt_for(self.message, self.receive_count)


class WorkQueue:
    """Competing consumers share the messages of one queue; each message is for one of them.

    visibility_timeout   seconds that a lease lasts (default 30, as SQS)
    max_receive_count    deliveries before a message is dead-lettered; None for no end. It needs a
                         dead_letter_queue: without one, reaching the limit would be a silent loss
    dead_letter_queue    where dead letters go. Without one a *rejected* message is dropped: its
                         consumer said so, and the observer sees `dead` with `to=None`
    ids                  gives the next message id. Queues between which messages move must share it: by
                         default a queue counts on with its dead_letter_queue
    observer             `observer(kind, **data)` after each move; None costs nothing
    """

    def __init__(
        self,
        name: str,
        *,
        visibility_timeout: float = 30.0,
        max_receive_count: int | None = None,
        dead_letter_queue: "WorkQueue | None" = None,
        ids: Callable[[], int] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.name = queue_name(name)
        self.visibility_timeout = seconds("visibility_timeout", visibility_timeout, above_zero=True)
        if max_receive_count is not None:
            whole_number("max_receive_count", max_receive_count, at_least=1)
            if dead_letter_queue is None:
                raise InvalidArgument(
                    f"queue {name!r}: max_receive_count={max_receive_count} needs a dead_letter_queue, or a "
                    f"message would be lost after delivery {max_receive_count}. Name one, or set no limit."
                )
        self.max_receive_count = max_receive_count
        self.dead_letter_queue = dead_letter_queue
        self._observer = observer
        own_ids = dead_letter_queue._next_id if dead_letter_queue else count(1).__next__
        self._next_id: Callable[[], int] = ids or own_ids
        self._places = count()
        self._entries: dict[int, _Entry] = {}  # by message id; in order of place, since each is put in once
        self._ready: list[tuple[int, int]] = []  # heap of (place, id)
        self._deadlines = Deadlines(self._runs)
        self._counts = dict.fromkeys(State, 0)  # DONE and DEAD count all that ever got there

    # -- the life of a message, in order ---------------------------------------------------------

    def send(
        self, body: Any, *, now: float, headers: Mapping[str, str] | None = None, delay: float = 0.0
    ) -> int:
        """Put a message in, hidden for the first `delay` seconds. Returns its id.

        `body` is a JSON value; it is kept, not copied, so do not change it (the shells around here copy).
        """
        delay = seconds("delay", delay)
        checked = headers_or_none(headers)
        self.advance(now)
        message = Message(id=self._next_id(), body=body, headers=checked, enqueued_at=now)
        self._put(message, State.NEW, Event.SEND_DELAYED if delay else Event.SEND, visible_at=now + delay)
        self._observe("sent", message=message.id, body=body, delay=delay)
        return message.id

    def receive(
        self,
        *,
        now: float,
        max_messages: int = 1,
        visibility_timeout: float | None = None,
        consumer: str = "",
    ) -> list[Lease]:
        """Lease up to `max_messages` (1 or more), the first in place first; [] if none is ready.

        `visibility_timeout` (seconds) overrides the queue's for these leases; `consumer` is a name for
        the history.
        """
        whole_number("max_messages", max_messages, at_least=1)
        text("consumer", consumer)
        lasts = self.visibility_timeout
        if visibility_timeout is not None:
            lasts = seconds("visibility_timeout", visibility_timeout, above_zero=True)
        self.advance(now)
        leases: list[Lease] = []
        while self._ready and len(leases) < max_messages:
            _, message_id = heapq.heappop(self._ready)
            leases.append(self._lease(self._entries[message_id], now + lasts, consumer))
        return leases

    def ack(self, receipt: str, *, now: float) -> None:
        """The message is done with: remove it. StaleReceipt if the lease is over."""
        entry = self._leased(receipt, "ack", now)
        self._move(entry, Event.ACK)
        self._observe("acked", message=entry.message.id, receipt=receipt)

    def nack(self, receipt: str, *, now: float, delay: float = 0.0, reason: str = "") -> None:
        """Give the message back, to be received again after `delay` seconds, from its old place.

        If this was the last of max_receive_count deliveries it is dead-lettered, with `reason` as its
        error. A nack without delay makes a loop as fast as the worker: prefer a delay that grows.
        """
        delay = seconds("delay", delay)
        text("reason", reason)
        entry = self._leased(receipt, "nack", now)
        entry.error = reason or entry.error
        last = self._is_exhausted(entry)
        if last:
            self._bury(entry, Event.EXHAUST, Reason.MAX_RECEIVE_COUNT, now)
        elif delay:
            self._hide(entry, Event.NACK_DELAYED, now + delay)
        else:
            self._show(entry, Event.NACK)
        self._observe("nacked", message=entry.message.id, delay=delay, reason=reason)
        if last:
            self._observe_death(entry, Reason.MAX_RECEIVE_COUNT)

    def reject(self, receipt: str, reason: str, *, now: float) -> None:
        """Dead-letter the message at once, `reason` as its error: for what no retry can cure."""
        text("reason", reason)
        entry = self._leased(receipt, "reject", now)
        entry.error = reason
        self._bury(entry, Event.REJECT, Reason.REJECTED, now)
        self._observe_death(entry, Reason.REJECTED)

    def extend(self, receipt: str, timeout: float, *, now: float) -> float:
        """Let the lease last `timeout` seconds counted from this call (as SQS does). Returns its new end."""
        timeout = seconds("timeout", timeout, above_zero=True)
        entry = self._leased(receipt, "extend", now)
        self._hide(entry, Event.EXTEND, now + timeout)
        self._observe("extended", message=entry.message.id, receipt=receipt, until=entry.deadline)
        return entry.deadline

    def advance(self, now: float) -> None:
        """Do what fell due by `now`, in the order in which it fell due: leases expire, delays end."""
        while due := self._deadlines.pop_due(now):
            entry = self._entries[due[-1]]
            if entry.state is State.DELAYED:
                self._show(entry, Event.BECOME_VISIBLE)
            else:
                self._expire(entry)

    def next_deadline(self) -> float | None:
        """When the next lease or delay ends, in seconds on the queue's clock; None if none runs."""
        earliest = self._deadlines.earliest()
        return earliest[0] if earliest else None

    # -- between queues: dead letters come in, redriven messages go out ------------------------

    def adopt(self, message: Message, *, redriven_from: str | None = None) -> None:
        """Take in a message of another queue with its id, enqueued_at and deaths. It gets the last place."""
        if redriven_from is None:
            self._put(message, State.NEW, Event.SEND)
        else:
            self._put(message, State.DEAD, Event.REDRIVE)
            self._observe("redriven", message=message.id, source=redriven_from, to=self.name)

    def withdraw(self, message_ids: Iterable[int]) -> list[Message]:
        """Take these messages out, those of them that are ready, and return them in order of place."""
        wanted = set(message_ids)
        leaving = [e for e in self._entries.values() if e.message.id in wanted and e.state is State.READY]
        for entry in leaving:
            del self._entries[entry.message.id]
            self._counts[State.READY] -= 1
        self._ready = [(e.place, e.message.id) for e in self._entries.values() if e.state is State.READY]
        return [leave(entry.message, entry.receive_count) for entry in leaving]

    # -- looking at it counts as no receive -----------------------------------------------------

    @property
    def ready(self) -> int:
        """How many messages the next receive could take."""
        return self._counts[State.READY]

    def peek(
        self, max_messages: int | None = None, *, now: float, state: State = State.READY
    ) -> list[Message]:
        """The first `max_messages` (None: all) that stand in `state`, in order of place, without a lease."""
        if max_messages is not None:
            whole_number("max_messages", max_messages, at_least=1)
        self.advance(now)
        found: list[Message] = []
        for entry in self._entries.values():
            if max_messages is not None and len(found) == max_messages:
                break
            if entry.state is state:
                found.append(entry.message)
        return found

    def snapshot(self, *, now: float) -> QueueSnapshot:
        """Counts and ages at `now`. It walks all messages to find the oldest: not for a hot loop."""
        self.advance(now)
        oldest = min((entry.message.enqueued_at for entry in self._entries.values()), default=None)
        return QueueSnapshot(
            name=self.name,
            at=now,
            ready=self._counts[State.READY],
            delayed=self._counts[State.DELAYED],
            in_flight=self._counts[State.IN_FLIGHT],
            acked=self._counts[State.DONE],
            dead_lettered=self._counts[State.DEAD],
            oldest_age=None if oldest is None else now - oldest,
            visibility_timeout=self.visibility_timeout,
            max_receive_count=self.max_receive_count,
            dead_letter_queue=self.dead_letter_queue.name if self.dead_letter_queue else None,
        )

    # -- the moves ---------------------------------------------------------------------------------

    def _put(self, message: Message, state: State, event: Event, visible_at: float = 0.0) -> None:
        entry = _Entry(message, place=next(self._places), state=state)
        self._entries[message.id] = entry
        if event is Event.SEND_DELAYED:
            self._hide(entry, event, visible_at)
        else:
            self._show(entry, event)

    def _lease(self, entry: _Entry, until: float, consumer: str) -> Lease:
        entry.receive_count += 1
        entry.consumer = consumer
        self._hide(entry, Event.RECEIVE, until)
        lease = Lease(entry.message, entry.receipt, entry.receive_count, until, consumer)
        self._observe(
            "leased",
            message=entry.message.id,
            receipt=lease.receipt,
            receive_count=lease.receive_count,
            until=until,
            consumer=consumer,
        )
        return lease

    def _expire(self, entry: _Entry) -> None:
        receipt, last = entry.receipt, self._is_exhausted(entry)
        if last:
            self._bury(entry, Event.EXHAUST, Reason.MAX_RECEIVE_COUNT, entry.deadline)
        else:
            self._show(entry, Event.EXPIRE)
        self._observe(
            "expired",
            message=entry.message.id,
            receipt=receipt,
            receive_count=entry.receive_count,
            consumer=entry.consumer,
        )
        if last:
            self._observe_death(entry, Reason.MAX_RECEIVE_COUNT)

    def _bury(self, entry: _Entry, event: Event, reason: Reason, at: float) -> None:
        self._move(entry, event)
        if self.dead_letter_queue is not None:
            message = leave(entry.message, entry.receive_count)
            self.dead_letter_queue.adopt(
                with_death(
                    message,
                    queue=self.name,
                    reason=reason,
                    at=at,
                    receive_count=entry.receive_count,
                    error=entry.error,
                )
            )

    def _show(self, entry: _Entry, event: Event) -> None:
        self._move(entry, event)
        heapq.heappush(self._ready, (entry.place, entry.message.id))

    def _hide(self, entry: _Entry, event: Event, until: float) -> None:
        self._move(entry, event)
        entry.deadline = until
        running = self._counts[State.IN_FLIGHT] + self._counts[State.DELAYED]
        self._deadlines.add((until, entry.place, entry.message.id), running=running)

    def _move(self, entry: _Entry, event: Event) -> None:
        before, after = entry.state, next_state(entry.state, event)
        if before in (State.READY, State.DELAYED, State.IN_FLIGHT):
            self._counts[before] -= 1
        self._counts[after] += 1
        entry.state = after
        if after in (State.DONE, State.DEAD):
            del self._entries[entry.message.id]

    # -- questions ---------------------------------------------------------------------------------

    def _runs(self, deadline: Deadline) -> bool:
        """Is this deadline still that of a lease or delay? Acks and extends leave theirs in the heap."""
        when, _, message_id = deadline
        entry = self._entries.get(message_id)
        return (
            entry is not None and entry.deadline == when and entry.state in (State.IN_FLIGHT, State.DELAYED)
        )

    def _is_exhausted(self, entry: _Entry) -> bool:
        return self.max_receive_count is not None and entry.receive_count >= self.max_receive_count

    def _leased(self, receipt: str, operation: str, now: float) -> _Entry:
        """The entry that this receipt holds now, or StaleReceipt."""
        message_id = message_id_of(receipt)
        self.advance(now)
        entry = self._entries.get(message_id)
        if entry is not None and entry.state is State.IN_FLIGHT and entry.receipt == receipt:
            return entry
        self._observe("stale", message=message_id, receipt=receipt, operation=operation)
        raise StaleReceipt(
            f"cannot {operation}: receipt {receipt} is not leased at t={now:g}s, for "
            f"{self._why_stale(message_id, entry, receipt)}. Work faster, raise visibility_timeout (now "
            f"{self.visibility_timeout:g}s), or make the handler idempotent and drop this {operation}."
        )

    def _why_stale(self, message_id: int, entry: _Entry | None, receipt: str) -> str:
        if entry is None:
            return f"message {message_id} has left queue {self.name!r} (acked, dead-lettered or redriven)"
        if entry.state is State.IN_FLIGHT:
            holder = f" to {entry.consumer}" if entry.consumer else ""
            return (
                f"message {message_id} is now leased{holder} as {entry.receipt}, until t={entry.deadline:g}s"
            )
        return f"message {message_id} is {entry.state} again: its lease ended or it was given back"

    def _observe(self, kind: str, **data: Any) -> None:
        if self._observer is not None:
            self._observer(kind, queue=self.name, **data)

    def _observe_death(self, entry: _Entry, reason: Reason) -> None:
        to = self.dead_letter_queue.name if self.dead_letter_queue else None
        self._observe(
            "dead", message=entry.message.id, reason=str(reason), to=to, receive_count=entry.receive_count
        )
