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
Journal   What must outlive the process is told to `journal`, as one list of JSON values a
          fact (queue_facts.py). A lease that ends by itself is not: its end was in its beginning.
Not here  Where each message stands (shelf.py), waiting for one (waiting.py), names of queues
          (queue_broker.py), the record of a death (dead_letter.py), one message read by many (the
          log, not a queue).
Source    Amazon SQS Developer Guide, "Visibility timeout", "Dead-letter queues". SQS
          moves a message when its receive count *exceeds* maxReceiveCount, at the next
          receive; here the end of the last lease moves it. Both deliver it that often.
          RabbitMQ documentation, "Queue Length Limit", for overflow; it counts what is ready.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import count, islice
from typing import Any

from minibroker import queue_facts
from minibroker.arguments import group_or_none, headers_or_none, queue_name, seconds, text, whole_number
from minibroker.dead_letter import leave, with_death
from minibroker.dedup import DedupWindow
from minibroker.delivery_states import ACK, DEAD, DELAYED, DONE, IN_FLIGHT, READY, SEND, Event, State
from minibroker.entry import Entry, why_stale
from minibroker.errors import QueueFull, StaleReceipt
from minibroker.expiry import Expiry
from minibroker.journal import Fact
from minibroker.lease import Lease, message_id_of
from minibroker.message import NO_HEADERS, Message, Reason, new_message
from minibroker.settings import Overflow, QueueSettings, full
from minibroker.shelf import Shelf
from minibroker.snapshot import QueueSnapshot

Observer = Callable[..., None]  # observer(kind, **data), for each move, after it was made
Journal = Callable[[Fact], None]


class WorkQueue:
    """Competing consumers share the messages of one queue; each message is for one of them.

    settings             see QueueSettings: visibility_timeout, max_receive_count, ttl, max_length, ...
    dead_letter_queue    where dead letters go. Without one they are dropped, and the observer sees
                         `dead` with `to=None`
    ids                  gives the next message id. Queues between which messages move must share it: by
                         default a queue counts on with its dead_letter_queue
    observer             `observer(kind, **data)` after each move; None costs nothing
    journal              `journal(fact)` for each fact that must outlive the process; None costs nothing
    on_ready             `on_ready()` for each message that can be received from now on. It and on_due are
                         called in the middle of things: they may take note, and not call the queue
    on_due               `on_due(at)` when something falls due at `at` that is earlier than what was told
                         before, or when that is over
    """

    def __init__(
        self,
        name: str,
        *,
        dead_letter_queue: "WorkQueue | None" = None,
        ids: Callable[[], int] | None = None,
        observer: Observer | None = None,
        journal: Journal | None = None,
        on_ready: Callable[[], None] | None = None,
        on_due: Callable[[float], None] | None = None,
        **settings: Any,
    ) -> None:
        self.name = queue_name(name)
        has_dead_letter_queue = dead_letter_queue is not None
        self.settings = QueueSettings(**settings).checked(name, has_dead_letter_queue=has_dead_letter_queue)
        self.dead_letter_queue = dead_letter_queue
        self._observer = observer
        self._journal = journal
        own_ids = dead_letter_queue._next_id if dead_letter_queue else count(1).__next__
        self._next_id: Callable[[], int] = ids or own_ids
        self._on_due = on_due
        self._shelf = Shelf(on_ready)
        self._expiry = Expiry(self.settings.ttl, self._shelf.line)
        self._dedup = DedupWindow(self.settings.dedup_window, by_body=self.settings.dedup_by_body)
        self._due = math.inf  # nothing falls due before this
        self._head_since = 0.0  # whoever is there does not die of its ttl before this

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
        if delay != 0.0:
            delay = seconds("delay", delay)
        checked = NO_HEADERS if headers is None else headers_or_none(headers)
        if group is not None:
            group = group_or_none(group)
        settings, shelf, key, expires_at = self.settings, self._shelf, None, math.inf
        if ttl is not None or settings.ttl is not None:
            expires_at = self._expiry.end(now, ttl)
        if dedup_id is not None or settings.dedup_by_body:
            key = self._dedup.key(dedup_id, body)
        if now >= self._due:
            self.advance(now)
        if key is not None and (first := self._dedup.first(key, now)) is not None:
            self._observe("duplicate", message=first, dedup_id=key)
            return first
        if settings.max_length is not None and len(shelf.entries) >= settings.max_length:
            self._make_room(now)
        message_id = self._next_id()
        message = new_message((message_id, body, checked, now, (), 0, group))
        if key is not None:
            self._dedup.remember(key, message_id, now)
        if delay:
            entry = shelf.enter(message, Event.SEND_DELAYED, expires_at, until=now + delay)
            self._no_later_than(now + delay)
        else:
            entry = shelf.enter(message, SEND, expires_at)
        if expires_at < self._due:
            self._no_later_than(expires_at)
        if self._journal is not None:
            self._journal(queue_facts.came_in(self.name, entry, dedup_key=key))
        if self._observer is not None:
            self._observer("sent", queue=self.name, message=message_id, body=body, delay=delay)
        return message_id

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
        taken = self.take(max_messages, visibility_timeout, consumer, now=now)
        return [entry.lease() for entry in taken]

    def take(
        self, max_messages: int, visibility_timeout: float | None, consumer: str, *, now: float
    ) -> list[Entry]:
        """As receive, for a shell that makes its own of what the entries know: look, and change nothing."""
        whole_number("max_messages", max_messages, at_least=1)
        text("consumer", consumer)
        lasts = self.settings.visibility_timeout
        if visibility_timeout is not None:
            lasts = seconds("visibility_timeout", visibility_timeout, above_zero=True)
        self.advance(now)
        until = now + lasts
        taken = self._lease(max_messages, until, consumer, now)
        while len(taken) < max_messages and (late := self._shelf.line.pop()) is not None:
            self._lapse(late, now)  # it has come to the head just now, and its time is up
            taken += self._lease(max_messages - len(taken), until, consumer, now)
        if self._expiry.in_use:
            self._look_at_head(now)
            self.advance(now)
        if taken:
            self._no_later_than(until)
            if self._journal is not None:
                self._journal(queue_facts.leased(self.name, taken, until, consumer))
        return taken

    def ack(self, receipt: str, *, now: float) -> None:
        """The message is done with: remove it. StaleReceipt if the lease is over."""
        entry = self._leased(receipt, "ack", now)
        self._shelf.leave(entry, ACK)
        if entry.message.group is not None:
            self._look_at_head(now)
        if self._journal is not None:
            self._journal(queue_facts.went_out(self.name, entry))
        if self._observer is not None:
            self._observer("acked", queue=self.name, message=entry.message.id, receipt=receipt)

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
            self._show(entry, Event.NACK, now)
        if not last:
            self._write_down(entry)
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
        self._show(entry, Event.RELEASE, now)
        self._write_down(entry)
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
        self._write_down(entry)
        self._observe("extended", message=entry.message.id, receipt=receipt, until=entry.deadline)
        return entry.deadline

    # -- time --------------------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Do what fell due by `now`, in the order in which it fell due: leases, delays and lives end."""
        if now < self._due:
            return
        self._due = -math.inf  # what falls due meanwhile is seen to here, and no news
        while (at := self._first_deadline()) <= now:
            due = self._shelf.pop_due(at)
            if due is None:
                head = self._shelf.line.pop()
                assert head is not None  # else no time at the head could be up
                self._lapse(head, at)
            elif due.state is DELAYED:
                self._show(due, Event.BECOME_VISIBLE, at)
            else:
                self._expire(due)
        self._due = math.inf
        self._no_later_than(at)

    def next_deadline(self) -> float | None:
        """When the next lease, delay or life ends, in seconds on the queue's clock; None if none runs."""
        at = self._first_deadline()
        return None if at == math.inf else at

    # -- between queues: dead letters come in, redriven messages go out ------------------------

    def adopt(self, message: Message, *, now: float, redriven_from: str | None = None) -> None:
        """Take in a message of another queue with its id, enqueued_at and deaths. It gets the last place.

        A full queue makes room for it if its overflow allows that, and takes it in any case: to refuse
        would be to lose it.
        """
        while self.room() == 0 and self._push_out(now):
            pass
        redriven = redriven_from is not None
        expires_at = self._expiry.end(now)
        if redriven:
            entry = self._shelf.enter(message, Event.REDRIVE, expires_at, before=DEAD)
        else:
            entry = self._shelf.enter(message, SEND, expires_at)
        self._no_later_than(expires_at)
        if self._journal is not None:
            self._journal(queue_facts.came_in(self.name, entry))
        if redriven:
            self._observe("redriven", message=message.id, source=redriven_from, to=self.name)

    def withdraw(self, message_ids: Iterable[int], *, now: float) -> list[Message]:
        """Take these messages out, those of them that are ready, and return them in order of place."""
        leaving = self._shelf.withdraw(set(message_ids))
        self._look_at_head(now)
        if self._journal is not None:
            for entry in leaving:
                self._journal(queue_facts.went_out(self.name, entry))
        return [leave(entry.message, entry.receive_count) for entry in leaving]

    def room(self) -> int | None:
        """How many more messages it has room for; None: any number."""
        most = self.settings.max_length
        return None if most is None else max(0, most - len(self._shelf))

    # -- a journal: all that it holds, and back -------------------------------------------------

    def facts(self) -> Iterable[Fact]:
        """What a journal must know to make this queue anew, and no more."""
        yield from queue_facts.all_of(self.name, self._shelf, self._dedup)

    def restore(self, table: queue_facts.QueueTable, *, now: float) -> None:
        """Take over what a journal knew when it was written last, `now`. The queue must be new; nothing is
        observed or written.
        """
        self._head_since = now  # leases that ended before, of which nothing is written, end first
        shelf = self._shelf
        for kept in table.entries.values():
            shelf.place(kept)
            if kept.expires_at < math.inf:
                self._expiry.in_use = True
        shelf.acked, shelf.died = table.acked, table.dead
        self._dedup.restore(table.dedup)
        self._due = self._first_deadline()

    # -- looking at it counts as no receive -----------------------------------------------------

    @property
    def ready(self) -> int:
        """How many messages the next receive could take."""
        return len(self._shelf.line)

    @property
    def depth(self) -> int:
        """All messages that the queue holds, visible or not."""
        return len(self._shelf.entries)

    def count(self, state: State) -> int:
        """How many messages stand in `state`; of DONE and DEAD, how many ever got there."""
        return self._shelf.count(state)

    def peek(self, max_messages: int | None = None, *, now: float, state: State = READY) -> list[Message]:
        """The first `max_messages` (None: all) that stand in `state`, in order of place, without a lease."""
        if max_messages is not None:
            whole_number("max_messages", max_messages, at_least=1)
        self.advance(now)
        standing = (entry.message for entry in self._shelf if entry.state is state)
        return list(islice(standing, max_messages))

    def leases(self, *, now: float) -> list[Lease]:
        """All leases that run, in order of place: for whoever held them before a restart."""
        self.advance(now)
        return [entry.lease() for entry in self._shelf if entry.state is IN_FLIGHT]

    def snapshot(self, *, now: float) -> QueueSnapshot:
        """Counts and ages at `now`. It walks all messages to find the oldest: not for a hot loop."""
        self.advance(now)
        count = self._shelf.count
        oldest = min((entry.message.enqueued_at for entry in self._shelf), default=None)
        return QueueSnapshot(
            name=self.name,
            at=now,
            ready=self.ready,
            delayed=count(DELAYED),
            in_flight=count(IN_FLIGHT),
            acked=count(DONE),
            dead_lettered=count(DEAD),
            oldest_age=None if oldest is None else now - oldest,
            visibility_timeout=self.settings.visibility_timeout,
            max_receive_count=self.settings.max_receive_count,
            dead_letter_queue=self.dead_letter_queue.name if self.dead_letter_queue else None,
            blocked=count(READY) - self.ready,
            ttl=self.settings.ttl,
            max_length=self.settings.max_length,
            overflow=self.settings.overflow,
        )

    # -- the moves ---------------------------------------------------------------------------------

    def _lease(self, most: int, until: float, consumer: str, now: float) -> list[Entry]:
        """Lease up to `most`, as far as the time to live of the first one is not over."""
        taken = self._shelf.lease(most, until, consumer, now)
        if self._observer is not None:
            for entry in taken:
                self._observe_lease(entry)
        return taken

    def _expire(self, entry: Entry) -> None:
        """Its lease ran out."""
        receipt, last = entry.receipt, self._is_exhausted(entry)
        if last:
            self._bury(entry, Event.EXHAUST, Reason.MAX_RECEIVE_COUNT, entry.deadline)
        else:
            self._show(entry, Event.EXPIRE, entry.deadline)
        self._observe(
            "expired",
            message=entry.message.id,
            receipt=receipt,
            receive_count=entry.receive_count,
            consumer=entry.consumer,
        )
        if last:
            self._observe_death(entry, Reason.MAX_RECEIVE_COUNT)

    def _lapse(self, entry: Entry, at: float) -> None:
        """It stood at the head when its time to live was over, and was taken out of the line."""
        self._bury(entry, Event.LAPSE, Reason.EXPIRED, at)
        self._observe_death(entry, Reason.EXPIRED)

    def _make_room(self, now: float) -> None:
        """Let the oldest go, as overflow says, until there is room for one; QueueFull if it does not."""
        while self.room() == 0:
            if not self._push_out(now):
                raise QueueFull(full(self.name, self.settings))

    def _push_out(self, now: float) -> bool:
        """Let the oldest ready one go, as overflow says; False if none may, or none is ready."""
        if self.settings.overflow == Overflow.REJECT:
            return False
        oldest = self._shelf.line.pop()
        if oldest is None:  # what is ready stands behind others of its group
            oldest = next((entry for entry in self._shelf if entry.state is READY), None)
        if oldest is None:
            return False
        if self.settings.overflow == Overflow.DEAD_LETTER:
            self._bury(oldest, Event.OVERFLOW, Reason.MAX_LENGTH, now)
            self._observe_death(oldest, Reason.MAX_LENGTH)
        else:
            self._take_out(oldest, Event.OVERFLOW, now)
            self._observe("dropped", message=oldest.message.id, reason=str(Reason.MAX_LENGTH))
        self._look_at_head(now)
        return True

    def _bury(self, entry: Entry, event: Event, reason: Reason, at: float) -> None:
        self._take_out(entry, event, at)
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

    def _take_out(self, entry: Entry, event: Event, at: float) -> None:
        self._shelf.leave(entry, event)
        if entry.message.group is not None:  # the next one of its group may stand at the head now
            self._look_at_head(at)
        if self._journal is not None:
            self._journal(queue_facts.went_out(self.name, entry))

    def _show(self, entry: Entry, event: Event, at: float) -> None:
        self._shelf.show(entry, event)
        self._look_at_head(at)

    def _hide(self, entry: Entry, event: Event, until: float) -> None:
        self._shelf.hide(entry, event, until)
        self._no_later_than(until)

    def _write_down(self, entry: Entry) -> None:
        """Where it stands now must outlive the process."""
        if self._journal is not None:
            self._journal(queue_facts.stands(self.name, entry))

    # -- questions ---------------------------------------------------------------------------------

    def _first_deadline(self) -> float:
        return min(self._shelf.first_deadline(), max(self._expiry.head_ends(), self._head_since))

    def _look_at_head(self, at: float) -> None:
        """Another message may stand at the head since `at`, and its time be up sooner than all else."""
        if self._expiry.in_use:
            self._head_since = max(self._head_since, at)
            self._no_later_than(self._expiry.head_ends())

    def _no_later_than(self, at: float) -> None:
        """Something falls due at `at`: that is news if nothing falls due before."""
        if at < self._due:
            self._due = at
            if self._on_due is not None:
                self._on_due(at)

    def _is_exhausted(self, entry: Entry) -> bool:
        most = self.settings.max_receive_count
        return most is not None and entry.receive_count >= most

    def _leased(self, receipt: str, operation: str, now: float) -> Entry:
        """The entry that this receipt holds now, or StaleReceipt."""
        if now >= self._due:
            self.advance(now)
        try:
            return self._shelf.leased[receipt]
        except (KeyError, TypeError):  # a list, say, is no receipt
            raise self._stale(receipt, operation, now) from None

    def _stale(self, receipt: str, operation: str, now: float) -> StaleReceipt:
        message_id = message_id_of(receipt)
        self._observe("stale", message=message_id, receipt=receipt, operation=operation)
        why = why_stale(self._shelf.get(message_id), message_id, queue=self.name)
        return StaleReceipt(
            f"cannot {operation}: receipt {receipt} is not leased at t={now:g}s, for {why}. Work faster, "
            f"raise visibility_timeout (now {self.settings.visibility_timeout:g}s), or make the handler "
            f"idempotent and drop this {operation}."
        )

    def _observe(self, kind: str, **data: Any) -> None:
        if self._observer is not None:
            self._observer(kind, queue=self.name, **data)

    def _observe_lease(self, entry: Entry) -> None:
        assert self._observer is not None
        self._observer(
            "leased",
            queue=self.name,
            message=entry.message.id,
            receipt=entry.receipt,
            receive_count=entry.receive_count,
            until=entry.deadline,
            consumer=entry.consumer,
        )

    def _observe_death(self, entry: Entry, reason: Reason) -> None:
        to = self.dead_letter_queue.name if self.dead_letter_queue else None
        self._observe(
            "dead", message=entry.message.id, reason=str(reason), to=to, receive_count=entry.receive_count
        )
