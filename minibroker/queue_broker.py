"""Queues by name, and consumers that wait for them.

Idea      Each operation reads the clock once and lets the queue do it. The queue says what is ready
          now and what falls due when; so the broker knows whom to wake, and when to look
          again by itself. That is all that is added here to the queue's rules.
          Python callers use `broker.queue(name)`; HTTP comes in through `call`. Both
          hand over JSON values and get copies, so that a test in process sees what a
          service over the network would see.
Not here  The rules (work_queue.py), JSON arguments (operations.py), HTTP (http.py); topics, and what
          makes all of it one broker (log_broker.py, broker.py).
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from minibroker import dead_letter, operations
from minibroker.arguments import from_json, seconds, to_json
from minibroker.client import Queue
from minibroker.delivery_states import State
from minibroker.entry import Entry
from minibroker.errors import InvalidArgument, NoSuchQueue, QueueExists
from minibroker.journal import Fact, Journal
from minibroker.lease import Lease
from minibroker.local import LocalQueue
from minibroker.message import Message
from minibroker.queue_facts import QueueTable
from minibroker.snapshot import QueueSnapshot
from minibroker.waiting import Alarm, WaitingLine
from minibroker.work_queue import Observer, WorkQueue


class QueueBroker:
    """The queues of a broker, in one event loop. `clock` () -> seconds, never going back.

    observer, journal: see Broker.
    """

    def __init__(
        self, *, clock: Callable[[], float], observer: Observer | None = None, journal: Journal | None = None
    ) -> None:
        self.now = clock  # seconds on the broker's clock
        self.journal = journal
        self._write = None if journal is None else journal.write
        self._observer = observer
        self._queues: dict[str, WorkQueue] = {}
        self._lines: dict[str, WaitingLine] = {}
        self._next_id: Callable[[], int] = count(1).__next__  # for all queues: a dead letter keeps its id
        self._alarm = Alarm(clock, self._sweep)
        self._recovered = False  # no alarm is set yet for what a journal brought back
        self._closed = False

    # -- the queues, by name ----------------------------------------------------------------------

    def create_queue(
        self,
        name: str,
        *,
        visibility_timeout: float = 30.0,
        max_receive_count: int | None = None,
        dead_letter_queue: str | None = None,
        ttl: float | None = None,
        max_length: int | None = None,
        overflow: str = "reject",
        dedup_window: float = 300.0,
        dedup_by_body: bool = False,
    ) -> Queue:
        """Make a queue (see QueueSettings) and, if there is none yet, its dead-letter queue.

        The same name with the same settings again is no error; with others it is QueueExists. A
        dead-letter queue made here has the defaults; to give it others, create it first.
        """
        if dead_letter_queue == name:
            raise InvalidArgument(f"queue {name!r} cannot be its own dead-letter queue; name another")
        queue = self._made(
            name,
            {
                "visibility_timeout": visibility_timeout,
                "max_receive_count": max_receive_count,
                "dead_letter_queue": dead_letter_queue,
                "ttl": ttl,
                "max_length": max_length,
                "overflow": overflow,
                "dedup_window": dedup_window,
                "dedup_by_body": dedup_by_body,
            },
        )
        existing = self._queues.get(name)
        if existing is not None and _settings(existing) != _settings(queue):
            raise QueueExists(
                f"queue {name!r} exists with {_settings(existing)}; asked for {_settings(queue)}. "
                f"Use it as it is, or choose another name"
            )
        if queue.dead_letter_queue is not None:
            self._add(queue.dead_letter_queue)
        self._add(queue)
        return self.queue(name)

    def work_queue(self, name: str, **settings: Any) -> WorkQueue:
        """The queue of that name itself, made with these settings if there is none: for a shell that never
        waits, like MQTT's. Whoever changes it tells nobody before `written()`; after a failed write it is
        another object.
        """
        if name not in self._queues:
            self._add(self._made(name, settings))
        return self._queues[name]

    def remove_queue(self, name: str) -> None:
        """Take a queue away, and all that it holds; who waits is told. NoSuchQueue if there is none."""
        queue = self.open(name)
        if any(other.dead_letter_queue is queue for other in self._queues.values()):
            raise InvalidArgument(f"queue {name!r} is a dead-letter queue of others; it cannot be removed")
        del self._queues[name]
        self._lines.pop(name).dissolve()
        if self._write is not None:
            self._write(["removed", name])

    def queue_names(self) -> list[str]:
        """The names of all queues, sorted."""
        return sorted(self._queues)

    def queue(self, name: str, *, consumer: str = "") -> Queue:
        """The client of a queue in this process. It speaks JSON values like any other, and gets copies."""
        self._find(name)
        return LocalQueue(name, self, self._call_with_copies, consumer=consumer)

    async def call(self, queue: str, operation: str, arguments: Any) -> dict[str, Any]:
        """Do one operation: JSON values in, JSON values out (operations.py has the table).

        Every refusal is a BrokerError. Bodies are handed on as they are, not copied.
        """
        answer = await operations.perform(self, queue, operation, arguments)
        await self.written()
        return answer

    async def written(self) -> None:
        """Return when all that was done so far is safe. StorageFailed if it could not be written, and so
        was not done. The clients do this before they return; whoever calls send and the like does it himself.
        """
        if self.journal is not None:
            await self.journal.written()

    def close(self) -> None:
        """Stop the timer, and send waiting consumers home. What it holds stays; no receive waits any more."""
        self._closed = True
        self._alarm.stop()
        for line in self._lines.values():
            line.dissolve()

    # -- what one can do with a queue: the rules are WorkQueue's, under the same names -----------------

    def send(
        self,
        queue: str,
        body: Any,
        *,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        ttl: float | None = None,
        group: str | None = None,
        dedup_id: str | None = None,
    ) -> int:
        """Put a message in; returns its id. A consumer that waits gets it at once."""
        return self.open(queue).send(
            body, now=self.now(), headers=headers, delay=delay, ttl=ttl, group=group, dedup_id=dedup_id
        )

    async def receive(
        self,
        queue: str,
        *,
        max_messages: int = 1,
        wait: float = 0.0,
        visibility_timeout: float | None = None,
        consumer: str = "",
    ) -> list[Lease]:
        """Lease up to `max_messages`; if none is ready, wait up to `wait` seconds for the first one."""
        taken = await self.take(queue, max_messages, wait, visibility_timeout, consumer)
        return [entry.lease() for entry in taken]

    async def take(
        self, queue: str, max_messages: int, wait: float, visibility_timeout: float | None, consumer: str
    ) -> list[Entry]:
        """As receive; what the entries say is true until somebody else has his turn."""

        def attempt() -> list[Entry]:  # opened each time: after a failed write it is another object
            return self.open(queue).take(max_messages, visibility_timeout, consumer, now=self.now())

        self._find(queue)
        wait = seconds("wait", wait)
        if self._recovered:
            self._set_alarm()
        return await self._lines[queue].first(attempt, wait=0.0 if self._closed else wait)

    def ack(self, queue: str, receipt: str) -> None:
        """The message is done with: remove it."""
        self.open(queue).ack(receipt, now=self.now())

    def nack(self, queue: str, receipt: str, *, delay: float = 0.0, reason: str = "") -> None:
        """Give the message back, to be received again after `delay` seconds."""
        self.open(queue).nack(receipt, now=self.now(), delay=delay, reason=reason)

    def release(self, queue: str, receipt: str) -> None:
        """Give the message back unhandled: this delivery does not count."""
        self.open(queue).release(receipt, now=self.now())

    def reject(self, queue: str, receipt: str, reason: str) -> None:
        """Dead-letter the message at once."""
        self.open(queue).reject(receipt, reason, now=self.now())

    def extend(self, queue: str, receipt: str, timeout: float) -> float:
        """Let the lease last `timeout` seconds from now. Returns its new end."""
        return self.open(queue).extend(receipt, timeout, now=self.now())

    def peek(
        self, queue: str, max_messages: int | None = None, *, state: State = State.READY
    ) -> list[Message]:
        """The first messages that stand in `state`, without a lease."""
        return self._find(queue).peek(max_messages, now=self.now(), state=state)

    def snapshot(self, queue: str) -> QueueSnapshot:
        """Counts, ages and settings of a queue, now."""
        return self._find(queue).snapshot(now=self.now())

    def redrive(
        self,
        queue: str,
        *,
        to: str | None = None,
        limit: int | None = None,
        match: Callable[[Message], bool] | None = None,
    ) -> dict[int, str]:
        """Move dead letters back, each to its origin or all `to` one queue: message id -> where it is."""
        moved = dead_letter.redrive(
            self.open(queue), now=self.now(), find=self._find, to=to, limit=limit, match=match
        )
        return {message_id: target.name for message_id, target in moved.items()}

    # -- time ------------------------------------------------------------------------------------------

    def _falls_due(self, at: float) -> None:
        """A queue has something to do at `at`."""
        if not self._closed:
            self._alarm.no_later_than(at)

    def _sweep(self) -> None:
        """The alarm rang: let every queue do what is due."""
        now = self.now()
        try:
            for queue in self._queues.values():
                queue.advance(now)
        finally:
            self._set_alarm()

    def _set_alarm(self) -> None:
        """For what falls due first in any queue."""
        self._recovered = False
        for queue in self._queues.values():
            if (at := queue.next_deadline()) is not None:
                self._falls_due(at)

    # -- a journal: all that they hold, and back --------------------------------------------------

    def facts(self) -> Iterator[Fact]:
        """What a journal must know to make the queues anew, and no more."""
        yield ["ids", self._next_id()]  # a number is passed over, and no harm done
        for queue in self._queues.values():
            yield ["queue", queue.name, _settings(queue)]
            yield from queue.facts()

    def restore(self, tables: Mapping[str, QueueTable], *, last_id: int, now: float) -> None:
        """Be what a journal knew when it was written last, `now`, and nothing else."""
        self._next_id = count(last_id + 1).__next__
        self._queues = {}
        for name, known in tables.items():
            self._queues[name] = self._made(name, known.settings)
            self._queues[name].restore(known, now=now)
        self._recovered = True

    # -- names ------------------------------------------------------------------------------------------

    def open(self, name: str) -> WorkQueue:
        """The queue of that name itself: bring the time along, now().

        For what changes it: StorageFailed while a change could not be written down.
        """
        if self.journal is not None:
            self.journal.check()
        try:
            return self._queues[name]
        except (KeyError, TypeError):
            raise self._no_such_queue(name) from None

    def _find(self, name: str) -> WorkQueue:
        try:
            return self._queues[name]
        except (KeyError, TypeError):  # a list, say, is no name
            raise self._no_such_queue(name) from None

    def _no_such_queue(self, name: Any) -> NoSuchQueue:
        there_are = ", ".join(self.queue_names()) or "none yet"
        return NoSuchQueue(f"no queue {str(name)[:80]!r}; there are: {there_are}")

    def _made(self, name: str, settings: Mapping[str, Any]) -> WorkQueue:
        """A queue of these settings, its dead-letter queue named among them; not yet in the table."""
        own = dict(settings)
        dead = own.pop("dead_letter_queue", None)
        dead_letter_queue = None
        if dead is not None:
            dead_letter_queue = self._queues.get(dead) or WorkQueue(dead, **self._shared(dead))
        return WorkQueue(name, dead_letter_queue=dead_letter_queue, **self._shared(name), **own)

    def _shared(self, name: str) -> dict[str, Any]:
        """What a queue of that name has from its broker. For each message that becomes ready, one in line
        may look; nobody waits longer than till something falls due.
        """
        return {
            "ids": self._next_id,
            "observer": self._observer,
            "journal": self._write,
            "on_ready": self._lines.setdefault(name, WaitingLine()).wake,
            "on_due": self._falls_due,
        }

    def _add(self, queue: WorkQueue) -> None:
        """Into the table, unless there is one of that name."""
        if queue.name not in self._queues:
            self._queues[queue.name] = queue
            if self._write is not None:
                self._write(["queue", queue.name, _settings(queue)])

    async def _call_with_copies(
        self, queue: str, operation: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        result = await self.call(queue, operation, from_json(to_json(arguments)))
        copy: dict[str, Any] = from_json(to_json(result))
        return copy


def _settings(queue: WorkQueue) -> dict[str, Any]:
    dead_letter_queue = queue.dead_letter_queue.name if queue.dead_letter_queue else None
    return {**queue.settings.to_json(), "dead_letter_queue": dead_letter_queue}
