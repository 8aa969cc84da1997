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
          RabbitMQ documentation, "Queue Length Limit", for overflow; it counts what is ready.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count, islice
from typing import Any

from minibroker.arguments import group_or_none, headers_or_none, queue_name, seconds, text, whole_number
from minibroker.dead_letter import leave, with_death
from minibroker.deadlines import Deadline, Deadlines
from minibroker.dedup import DedupWindow
from minibroker.delivery_states import Event, State, next_state
from minibroker.entry import Entry, why_stale
from minibroker.errors import QueueFull, StaleReceipt
from minibroker.expiry import Expiry
from minibroker.fifo import Groups
from minibroker.lease import Lease, message_id_of
from minibroker.message import Message, Reason
from minibroker.ready_line import ReadyLine
from minibroker.settings import Overflow, QueueSettings, full
from minibroker.snapshot import QueueSnapshot

Observer = Callable[..., None]  # observer(kind, **data), for each move, after it was made


class WorkQueue:
    """Competing consumers share the messages of one queue; each message is for one of them.

    settings             see QueueSettings: visibility_timeout, max_receive_count, ttl, max_length, ...
    dead_letter_queue    where dead letters go. Without one they are dropped, and the observer sees
                         `dead` with `to=None`
    ids                  gives the next message id. Queues between which messages move must share it: by
                         default a queue counts on with its dead_letter_queue
    observer             `observer(kind, **data)` after each move; None costs nothing
    """

    def __init__(
        self,
        name: str,
        *,
        dead_letter_queue: "WorkQueue | None" = None,
        ids: Callable[[], int] | None = None,
        observer: Observer | None = None,
        **settings: Any,
    ) -> None:
        self.name = queue_name(name)
        has_dead_letter_queue = dead_letter_queue is not None
        self.settings = QueueSettings(**settings).checked(name, has_dead_letter_queue=has_dead_letter_queue)
        self.dead_letter_queue = dead_letter_queue
        self._observer = observer
        own_ids = dead_letter_queue._next_id if dead_letter_queue else count(1).__next__
        self._next_id: Callable[[], int] = ids or own_ids
        self._places = count()
        self._entries: dict[int, Entry] = {}  # by message id; in order of place, since each is put in once
        self._line = ReadyLine()
        self._deadlines = Deadlines(self._runs)
        self._expiry = Expiry(self.settings.ttl, self._line)
        self._groups = Groups()
        self._dedup = DedupWindow(self.settings.dedup_window, by_body=self.settings.dedup_by_body)
        self._counts = dict.fromkeys(State, 0)  # DONE and DEAD count all that ever got there
        self._now = 0.0  # when something was done last: a death at the head is not dated back before it

    # -- the life of a message, in order ---------------------------------------------------------

    def send(
        self,
        body: Any,
        *,
        now: float,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        ttl: float | None = None,
        group: str | None = None,
        dedup_id: str | None = None,
    ) -> int:
        """Put a message in, hidden for the first `delay` seconds. Returns its id.

        `body` is a JSON value; it is kept, not copied, so do not change it (the shells around here copy).
        `ttl` seconds from now it dies if nobody received it (expiry.py). Messages of one `group` are
        received one after the other (fifo.py). A `dedup_id` that was sent before stores nothing and
        returns the first one's id (dedup.py). QueueFull if there is no room and overflow is "reject".
        """
        delay = seconds("delay", delay)
        checked, group = headers_or_none(headers), group_or_none(group)
        expires_at = self._expiry.end(now, ttl)
        key = self._dedup.key(dedup_id, body)
        self.advance(now)
        if key is not None and (first := self._dedup.first(key, now)) is not None:
            self._observe("duplicate", message=first, dedup_id=key)
            return first
        while self.room() == 0:
            if not self._push_out(now):
                raise QueueFull(full(self.name, self.settings))
        message = Message(self._next_id(), body, checked, now, (), 0, group)
        if key is not None:
            self._dedup.remember(key, message.id, now)
        entry = self._enter(message, State.NEW, expires_at)
        if delay:
            self._hide(entry, Event.SEND_DELAYED, now + delay)
        else:
            self._show(entry, Event.SEND)
        if self._observer is not None:
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
        lasts = self.settings.visibility_timeout
        if visibility_timeout is not None:
            lasts = seconds("visibility_timeout", visibility_timeout, above_zero=True)
        self.advance(now)
        leases: list[Lease] = []
        while self._line and len(leases) < max_messages:
            leases.append(self._lease(self._line.pop(), now + lasts, consumer))
            self.advance(now)  # the next one stands at the head now, and its time may be up
        return leases

    def ack(self, receipt: str, *, now: float) -> None:
        """The message is done with: remove it. StaleReceipt if the lease is over."""
        entry = self._leased(receipt, "ack", now)
        self._move(entry, Event.ACK)
        self._leave(entry)
        if self._observer is not None:
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

    def release(self, receipt: str, *, now: float) -> None:
        """Give the message back unhandled, to its old place: this delivery does not count.

        For what a consumer fetched ahead and never began. Its receipt is used up all the same.
        """
        entry = self._leased(receipt, "release", now)
        entry.receive_count -= 1
        entry.message = leave(entry.message, 1)
        self._show(entry, Event.RELEASE)
        self._observe("released", message=entry.message.id, receipt=receipt)

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
        """Do what fell due by `now`, in the order in which it fell due: leases, delays and lives end."""
        while self.not_before() <= now and (at := self.next_deadline()) is not None and at <= now:
            self._now = max(self._now, at)
            due = self._deadlines.pop_due(at)
            if due is None:
                self._lapse()
            elif (entry := self._entries[due[-1]]).state is State.DELAYED:
                self._show(entry, Event.BECOME_VISIBLE)
            else:
                self._expire(entry)
        self._now = now

    def next_deadline(self) -> float | None:
        """When the next lease, delay or life ends, in seconds on the queue's clock; None if none runs."""
        earliest = self._deadlines.earliest()
        head = self._expiry.head()
        if head is None:
            return earliest[0] if earliest else None
        return min(head.expires_at, earliest[0]) if earliest else head.expires_at

    def not_before(self) -> float:
        """A lower bound of next_deadline(), inf for none: cheap, for whoever asks at every turn."""
        head = self._expiry.head()
        floor = self._deadlines.floor()
        return floor if head is None else min(floor, head.expires_at)

    # -- between queues: dead letters come in, redriven messages go out ------------------------

    def adopt(self, message: Message, *, now: float, redriven_from: str | None = None) -> None:
        """Take in a message of another queue with its id, enqueued_at and deaths. It gets the last place.

        A full queue makes room for it if its overflow allows that, and takes it in any case: to refuse
        would be to lose it.
        """
        while self.room() == 0 and self._push_out(now):
            pass
        self._now = max(self._now, now)
        redriven = redriven_from is not None
        entry = self._enter(message, State.DEAD if redriven else State.NEW, self._expiry.end(now))
        self._show(entry, Event.REDRIVE if redriven else Event.SEND)
        if redriven:
            self._observe("redriven", message=message.id, source=redriven_from, to=self.name)

    def withdraw(self, message_ids: Iterable[int]) -> list[Message]:
        """Take these messages out, those of them that are ready, and return them in order of place."""
        wanted = set(message_ids)
        leaving = [e for e in self._entries.values() if e.message.id in wanted and e.state is State.READY]
        for entry in leaving:
            self._counts[State.READY] -= 1
            self._leave(entry)
        self._line.keep(lambda entry: entry.message.id in self._entries)
        return [leave(entry.message, entry.receive_count) for entry in leaving]

    def room(self) -> int | None:
        """How many more messages it has room for; None: any number."""
        most = self.settings.max_length
        return None if most is None else max(0, most - len(self._entries))

    # -- looking at it counts as no receive -----------------------------------------------------

    @property
    def ready(self) -> int:
        """How many messages the next receive could take."""
        return len(self._line)

    @property
    def depth(self) -> int:
        """All messages that the queue holds, visible or not."""
        return len(self._entries)

    def count(self, state: State) -> int:
        """How many messages stand in `state`; of DONE and DEAD, how many ever got there."""
        return self._counts[state]

    def peek(
        self, max_messages: int | None = None, *, now: float, state: State = State.READY
    ) -> list[Message]:
        """The first `max_messages` (None: all) that stand in `state`, in order of place, without a lease."""
        if max_messages is not None:
            whole_number("max_messages", max_messages, at_least=1)
        self.advance(now)
        standing = (entry.message for entry in self._entries.values() if entry.state is state)
        return list(islice(standing, max_messages))

    def snapshot(self, *, now: float) -> QueueSnapshot:
        """Counts and ages at `now`. It walks all messages to find the oldest: not for a hot loop."""
        self.advance(now)
        oldest = min((entry.message.enqueued_at for entry in self._entries.values()), default=None)
        return QueueSnapshot(
            name=self.name,
            at=now,
            ready=self.ready,
            delayed=self._counts[State.DELAYED],
            in_flight=self._counts[State.IN_FLIGHT],
            acked=self._counts[State.DONE],
            dead_lettered=self._counts[State.DEAD],
            oldest_age=None if oldest is None else now - oldest,
            visibility_timeout=self.settings.visibility_timeout,
            max_receive_count=self.settings.max_receive_count,
            dead_letter_queue=self.dead_letter_queue.name if self.dead_letter_queue else None,
            blocked=self._counts[State.READY] - self.ready,
            ttl=self.settings.ttl,
            max_length=self.settings.max_length,
            overflow=self.settings.overflow,
        )

    # -- the moves ---------------------------------------------------------------------------------

    def _enter(self, message: Message, state: State, expires_at: float) -> Entry:
        entry = Entry(message, next(self._places), state, expires_at)
        self._entries[message.id] = entry
        self._counts[state] += 1
        self._groups.join(entry)
        return entry

    def _leave(self, entry: Entry) -> None:
        del self._entries[entry.message.id]
        heir = self._groups.leave(entry)
        if heir is not None and heir.state is State.READY:
            self._line.add(heir)

    def _lease(self, entry: Entry, until: float, consumer: str) -> Lease:
        entry.receive_count += 1
        entry.consumer = consumer
        self._hide(entry, Event.RECEIVE, until)
        lease = Lease(entry.message, entry.receipt, entry.receive_count, until, consumer)
        if self._observer is not None:
            self._observe(
                "leased",
                message=entry.message.id,
                receipt=lease.receipt,
                receive_count=lease.receive_count,
                until=until,
                consumer=consumer,
            )
        return lease

    def _expire(self, entry: Entry) -> None:
        """Its lease ran out."""
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

    def _lapse(self) -> None:
        """The head's time to live is over."""
        entry = self._line.pop()
        self._bury(entry, Event.LAPSE, Reason.EXPIRED, self._now)
        self._observe_death(entry, Reason.EXPIRED)

    def _push_out(self, now: float) -> bool:
        """Let the oldest ready one go, as overflow says; False if none may, or none is ready."""
        if self.settings.overflow == Overflow.REJECT:
            return False
        blocked = (entry for entry in self._entries.values() if entry.state is State.READY)
        oldest = self._line.pop() if self._line else next(blocked, None)
        if oldest is None:
            return False
        if self.settings.overflow == Overflow.DEAD_LETTER:
            self._bury(oldest, Event.OVERFLOW, Reason.MAX_LENGTH, now)
            self._observe_death(oldest, Reason.MAX_LENGTH)
        else:
            self._move(oldest, Event.OVERFLOW)
            self._leave(oldest)
            self._observe("dropped", message=oldest.message.id, reason=str(Reason.MAX_LENGTH))
        return True

    def _bury(self, entry: Entry, event: Event, reason: Reason, at: float) -> None:
        self._move(entry, event)
        self._leave(entry)
        if self.dead_letter_queue is not None:
            receives = entry.receive_count
            message = with_death(
                leave(entry.message, receives),
                queue=self.name,
                reason=reason,
                at=at,
                receive_count=receives,
                error=entry.error,
            )
            self.dead_letter_queue.adopt(message, now=at)

    def _show(self, entry: Entry, event: Event) -> None:
        self._move(entry, event)
        if self._groups.lets_go(entry):
            self._line.add(entry)

    def _hide(self, entry: Entry, event: Event, until: float) -> None:
        self._move(entry, event)
        entry.deadline = until
        running = self._counts[State.IN_FLIGHT] + self._counts[State.DELAYED]
        self._deadlines.add((until, entry.place, entry.message.id), running=running)

    def _move(self, entry: Entry, event: Event) -> None:
        after = next_state(entry.state, event)
        self._counts[entry.state] -= 1
        self._counts[after] += 1
        entry.state = after

    # -- questions ---------------------------------------------------------------------------------

    def _runs(self, deadline: Deadline) -> bool:
        """Is this deadline still that of a lease or delay? Acks and extends leave theirs in the heap."""
        when, _, message_id = deadline
        entry = self._entries.get(message_id)
        return (
            entry is not None and entry.deadline == when and entry.state in (State.IN_FLIGHT, State.DELAYED)
        )

    def _is_exhausted(self, entry: Entry) -> bool:
        most = self.settings.max_receive_count
        return most is not None and entry.receive_count >= most

    def _leased(self, receipt: str, operation: str, now: float) -> Entry:
        """The entry that this receipt holds now, or StaleReceipt."""
        message_id = message_id_of(receipt)
        self.advance(now)
        entry = self._entries.get(message_id)
        if entry is not None and entry.state is State.IN_FLIGHT and entry.receipt == receipt:
            return entry
        self._observe("stale", message=message_id, receipt=receipt, operation=operation)
        raise StaleReceipt(
            f"cannot {operation}: receipt {receipt} is not leased at t={now:g}s, for "
            f"{why_stale(entry, message_id, queue=self.name)}. Work faster, raise visibility_timeout (now "
            f"{self.settings.visibility_timeout:g}s), or make the handler idempotent and drop this "
            f"{operation}."
        )

    def _observe(self, kind: str, **data: Any) -> None:
        if self._observer is not None:
            self._observer(kind, queue=self.name, **data)

    def _observe_death(self, entry: Entry, reason: Reason) -> None:
        to = self.dead_letter_queue.name if self.dead_letter_queue else None
        self._observe(
            "dead", message=entry.message.id, reason=str(reason), to=to, receive_count=entry.receive_count
        )
