"""The broker: queues by name, and consumers that wait for them.

Idea      Each operation reads the clock once and lets the queue do it. The queue says what is ready
          now and what falls due when; so the broker knows whom to wake, and when to look
          again by itself. That is all that a shell adds to the queue's rules.
          Python callers use `broker.queue(name)`; HTTP comes in through `call`. Both
          hand over JSON values and get copies, so that a test in process sees what a
          service over the network would see.
Durable   With a `path`: then no client hears of anything that is not in the journal. Without
          one, what it holds dies with its process.
Not here  The rules (work_queue.py), JSON arguments (operations.py), HTTP (http.py), the file
          (journal.py, storage.py).
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from minibroker import dead_letter, operations
from minibroker.arguments import from_json, seconds, to_json
from minibroker.client import Queue
from minibroker.delivery_states import State
from minibroker.entry import Entry
from minibroker.errors import InvalidArgument, NoSuchQueue, QueueExists
from minibroker.journal import Fact, Found, Journal
from minibroker.lease import Lease
from minibroker.local import LocalQueue
from minibroker.local_topic import LocalTopic
from minibroker.log_broker import LogBroker
from minibroker.log_client import Topic
from minibroker.log_operations import LOOKS
from minibroker.markup import table
from minibroker.message import Message
from minibroker.publisher import Publisher
from minibroker.publishing import Bindings, deliver, target_of
from minibroker.recovery import Tables
from minibroker.snapshot import QueueSnapshot
from minibroker.storage import FileStorage, Storage
from minibroker.waiting import Alarm, SteadyClock, WaitingLine
from minibroker.work_queue import Observer, WorkQueue

if TYPE_CHECKING:
    from ssl import SSLContext

    from minibroker.mqtt import Limits, Listener, Server
    from minibroker.mqtt.access import Authenticate, Authorize


class Broker:
    """One broker, in one event loop.

    clock       () -> seconds, never going back: `loop.time`, a simulated clock. By default time.monotonic; of
                a durable broker time.time, since its seconds must mean the same after a restart (it is
                held back where it would go back, and goes on from the journal's last moment)
    path        a folder for the journal: the broker knows again what it knew. Then use `async with`, or
                close() it at the end. StorageInUse if another broker has the folder
    fsync       whether an answer waits for the device, or for the operating system alone: see storage.py
    storage     instead of a path, another place for the journal
    observer    observer(kind, **data), called after each move of a message: `sent`, `leased`, `acked`,
                `nacked`, `extended`, `expired`, `released`, `dead`, `dropped`, `redriven`; for a `stale`
                receipt, and for a send that was a `duplicate`. It must not raise. None costs nothing.
                What topics and groups tell it stands in partition.py, topic.py and consumer_group.py
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] | None = None,
        observer: Observer | None = None,
        path: str | os.PathLike[str] | None = None,
        fsync: bool = True,
        storage: Storage | None = None,
    ) -> None:
        if path is not None:
            storage = FileStorage(path, fsync=fsync)
        self._steady = None if storage is None else SteadyClock(clock or time.time)
        self.now: Callable[[], float] = self._steady or clock or time.monotonic  # seconds on its clock
        self._observer = observer
        self._lines: dict[str, WaitingLine] = {}
        self._alarm = Alarm(self.now, self._sweep)
        self._closed = False
        self._mqtt: Server | None = None
        self.journal: Journal | None = None
        self.found: Found | None = None  # what reading the journal met; None if there is none
        if storage is not None:
            self.journal = Journal(
                storage,
                clock=self.now,
                everything=self._facts,
                things=self._things,
                on_failure=self._forget,
            )
        self._write = None if self.journal is None else self.journal.write
        self.logs = LogBroker(clock=self.now, observer=observer, journal=self._write)
        self._remember()

    # -- durable ----------------------------------------------------------------------------------

    def _remember(self) -> None:
        """Know what the journal knows; without one, nothing."""
        self._bindings = Bindings(self._write)
        tables, found = Tables(self.logs.restore, self._bindings.restore), Found()
        if self.journal is not None and self._steady is not None:
            self.found = found
            tables.take(self.journal.read(found), found)
            self._steady.not_before(found.at)
        self._next_id = count(tables.last_id + 1).__next__  # one sequence for all: a dead letter keeps its id
        self._queues: dict[str, WorkQueue] = {}
        for name, known in tables.queues.items():
            self._queues[name] = self._made(name, known.settings)
            self._queues[name].restore(known, now=found.at)
        self._recovered = self.journal is not None  # and no alarm is set for what it brought back

    def _forget(self) -> None:
        """The journal could not be written: what it does not know did not happen."""
        self._alarm.stop()
        self.logs.forget()
        self._remember()
        self.logs.settle()
        self._set_alarm()
        if self._mqtt is not None:
            self._mqtt.forget()
        if self._observer is not None:
            self._observer("storage_failed")

    def _facts(self) -> Iterator[Fact]:
        """All that is true now, for a journal that begins anew."""
        yield ["ids", self._next_id()]  # a number is passed over, and no harm done
        for queue in self._queues.values():
            yield ["queue", queue.name, _settings(queue)]
            yield from queue.facts()
        yield from self.logs.facts()
        yield from self._bindings.facts()

    def _things(self) -> int:
        return sum(queue.depth for queue in self._queues.values()) + self.logs.things()

    async def written(self) -> None:
        """Return when all that was done so far is safe. StorageFailed if it could not be written, and so
        was not done. The clients do this before they return; whoever calls send and the like does it himself.
        """
        if self.journal is not None:
            await self.journal.written()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- queues -----------------------------------------------------------------------------------

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
        self._bindings.forget(("queue", name))
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

    # -- subjects: publishing.py ------------------------------------------------------------------------

    def bind(self, filter: str, *, queue: str | None = None, topic: str | None = None) -> bool:
        """Let `queue` or `topic` get what is published to subjects that fit `filter` (topic_filter.py).

        False if it did already. NoSuchQueue or NoSuchTopic if there is none of that name.
        """
        target = target_of(queue, topic)
        self.open(target[1]) if queue is not None else self.logs.find(target[1])
        return self._bindings.bind(filter, target)

    def unbind(self, filter: str, *, queue: str | None = None, topic: str | None = None) -> bool:
        """Take that binding back. False if there was none."""
        return self._bindings.unbind(filter, target_of(queue, topic))

    def bindings(self) -> list[dict[str, str]]:
        """All of them, in the order in which they were made: [{"filter": "orders/#", "queue": "audit"}]."""
        return self._bindings.to_json()

    def publish(
        self, subject: str, body: Any, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Give `body` to all queues and topics that are bound by a filter that fits, and to MQTT's clients.

        Returns where it went, a line each (publishing.deliver); what one of them refused is in its line.
        `key` is for topics, `headers` for both. MQTT's clients get it at QoS 1, as JSON.
        """
        lines = self._deliver(subject, body, key=key, headers=headers)
        if self._mqtt is not None:
            self._mqtt.publish_json(subject, to_json(body))
        return lines

    def publisher(self) -> Publisher:
        """The client of the subjects in this process: JSON values in, copies of JSON values out."""

        async def ask(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            answer = await operations.on_subjects(self, operation, from_json(to_json(arguments)))
            copy: dict[str, Any] = from_json(to_json(answer))
            return copy

        return Publisher(ask)

    def published_by_mqtt(self, subject: str, payload: bytes) -> None:
        """A client of MQTT has published: to what is bound, as the JSON value that it is, or else as text."""
        if self._bindings.match(subject):
            try:
                body = from_json(payload)
            except InvalidArgument:
                body = payload.decode("utf-8", "replace")
            self._deliver(subject, body)

    def _deliver(
        self, subject: str, body: Any, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        def append(topic: str) -> tuple[int, int]:
            record = self.logs.append(topic, key, body, headers=headers)
            return record.partition, record.offset

        return deliver(
            self._bindings.match(subject), lambda queue: self.send(queue, body, headers=headers), append
        )

    # -- MQTT: all of it is in mqtt/ ------------------------------------------------------------------

    def listen_mqtt(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: "SSLContext | None" = None,
        limits: "Limits | None" = None,
        authenticate: "Authenticate | None" = None,
        authorize: "Authorize | None" = None,
    ) -> "Listener":
        """Speak MQTT 3.1.1 and 5: `async with broker.listen_mqtt() as listener`, then listener.port.

        `port=0` takes a free one; `ssl` makes it TLS. Whoever reaches the port may do everything, unless
        `authenticate` and `authorize` (mqtt/access.py) say no; so it is this machine alone by default.
        `limits`: mqtt/limits.py. All listeners of a broker share the limits and hooks of the first.
        """
        from minibroker.mqtt import Listener, Server

        if self._mqtt is None:
            self._mqtt = Server(self, limits=limits, authenticate=authenticate, authorize=authorize)
        elif (limits, authenticate, authorize) != (None, None, None):
            raise InvalidArgument("limits and hooks are the first listener's, for all; leave them out here")
        return Listener(self._mqtt, host=host, port=port, ssl=ssl)

    # -- topics: all else of them is in log_broker.py --------------------------------------------------

    def create_topic(self, name: str, *, partitions: int = 1, **cleanup: Any) -> Topic:
        """Make a topic; `cleanup` are the fields of Cleanup: `retention=3600`, `compact=True`..."""
        self.logs.create_topic(name, partitions=partitions, **cleanup)
        return self.topic(name)

    def topic(self, name: str, *, consumer: str = "") -> Topic:
        """The client of a topic in this process, for a consumer of that name."""
        self.logs.find(name)
        return LocalTopic(name, self, self._call_topic_with_copies, consumer=consumer)

    async def call_topic(self, topic: str, operation: str, arguments: Any) -> dict[str, Any]:
        """Do one operation on a topic: JSON values in, JSON values out (log_operations.py has the table)."""
        self.check_topic(operation)
        answer = await self.logs.call(topic, operation, arguments)
        await self.written()
        return answer

    def check_topic(self, operation: str) -> None:
        """StorageFailed for an operation that changes a log, while that could not be written down."""
        if self.journal is not None and operation not in LOOKS:
            self.journal.check()

    def __repr__(self) -> str:
        counts = [f"{name}: {queue.depth}" for name, queue in sorted(self._queues.items())]
        return f"Broker({', '.join(counts) or 'no queues'})"

    def _repr_html_(self) -> str:
        """A notebook shows the queues and topics as tables. Looking moves nothing, not even what is due."""
        columns = ("queue", "ready", "delayed", "in flight", "acked", "dead-lettered")
        rows = [
            (name, *(queue.count(state) for state in State if state is not State.NEW))
            for name, queue in sorted(self._queues.items())
        ]
        shown = table("Broker", columns, rows)
        if topics := self.logs.snapshots():
            lines = [(topic.name, len(topic.partitions), topic.records) for topic in topics]
            shown += table("Topics", ("topic", "partitions", "records"), lines)
        return shown

    def close(self) -> None:
        """Stop the timer, send waiting consumers home, and write what is not yet written.

        What it holds stays; from now on no receive waits, and a durable broker takes nothing more.
        """
        self._closed = True
        if self._mqtt is not None:
            self._mqtt.stop()
        self.logs.close()
        self._alarm.stop()
        for line in self._lines.values():
            line.dissolve()
        if self.journal is not None:
            self.journal.close()

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

    async def _call_topic_with_copies(
        self, topic: str, operation: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        result = await self.call_topic(topic, operation, from_json(to_json(arguments)))
        copy: dict[str, Any] = from_json(to_json(result))
        return copy


def _settings(queue: WorkQueue) -> dict[str, Any]:
    dead_letter_queue = queue.dead_letter_queue.name if queue.dead_letter_queue else None
    return {**queue.settings.to_json(), "dead_letter_queue": dead_letter_queue}
