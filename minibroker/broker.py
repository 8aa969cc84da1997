"""One broker: queues, topics, the subjects that they are bound to, MQTT, and one journal for all.

Idea      Each part is made of rules that know neither a file nor a socket. Here they are put together: one
          clock, one observer, and one journal to which every change goes before anybody is told of it.
Durable   With a `path`: then no client hears of anything that is not in the journal. Without
          one, what it holds dies with its process.
Not here  The queues by name (queue_broker.py), the topics (log_broker.py), HTTP (http.py), the file
          (journal.py, storage.py).
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from minibroker import operations
from minibroker.arguments import from_json, headers_or_none, to_json
from minibroker.delivery_states import State
from minibroker.errors import InvalidArgument
from minibroker.journal import Fact, Found, Journal
from minibroker.local_topic import LocalTopic
from minibroker.log_broker import LogBroker
from minibroker.log_client import Topic
from minibroker.log_operations import LOOKS
from minibroker.markup import table
from minibroker.publisher import Publisher
from minibroker.publishing import SUBJECT, Bindings, deliver, target_of
from minibroker.queue_broker import QueueBroker
from minibroker.recovery import Tables
from minibroker.storage import FileStorage, Storage
from minibroker.waiting import SteadyClock
from minibroker.work_queue import Observer

if TYPE_CHECKING:
    from ssl import SSLContext

    from minibroker.mqtt import Limits, Listener, Server
    from minibroker.mqtt.access import Authenticate, Authorize


class Broker(QueueBroker):
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
        now: Callable[[], float] = self._steady or clock or time.monotonic
        journal = None
        if storage is not None:
            journal = Journal(
                storage, clock=now, everything=self.facts, things=self._things, on_failure=self._forget
            )
        super().__init__(clock=now, observer=observer, journal=journal)
        self.logs = LogBroker(clock=now, observer=observer, journal=self._write)
        self._bindings = Bindings(self._write)
        self._mqtt: Server | None = None
        self.found: Found | None = None  # what reading the journal met; None if there is none
        if journal is not None:
            self._remember()

    # -- durable ----------------------------------------------------------------------------------

    def _remember(self) -> None:
        """Know what the journal knows, and nothing else."""
        assert self.journal is not None and self._steady is not None
        self._bindings = Bindings(self._write)
        tables, self.found = Tables(self.logs.restore, self._bindings.restore), Found()
        tables.take(self.journal.read(self.found), self.found)
        self._steady.not_before(self.found.at)
        self.restore(tables.queues, last_id=tables.last_id, now=self.found.at)

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

    def facts(self) -> Iterator[Fact]:
        """All that is true now, for a journal that begins anew."""
        yield from super().facts()
        yield from self.logs.facts()
        yield from self._bindings.facts()

    def _things(self) -> int:
        return sum(queue.depth for queue in self._queues.values()) + self.logs.things()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def remove_queue(self, name: str) -> None:
        """Take a queue away, and all that it holds; who waits is told. NoSuchQueue if there is none."""
        super().remove_queue(name)
        self._bindings.forget(("queue", name))

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
        `key` is for topics, `headers` for both, with the subject added (publishing.SUBJECT). MQTT's clients
        get it at QoS 1, as JSON.
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
        headers = {**(headers_or_none(headers)), SUBJECT: subject}

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
        super().close()
        if self._mqtt is not None:
            self._mqtt.stop()
        self.logs.close()
        if self.journal is not None:
            self.journal.close()

    async def _call_topic_with_copies(
        self, topic: str, operation: str, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        result = await self.call_topic(topic, operation, from_json(to_json(arguments)))
        copy: dict[str, Any] = from_json(to_json(result))
        return copy
