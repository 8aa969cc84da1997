"""minibroker itself as an engine: what the others are measured against.

Idea      The broker of this process behind the names of engine.py. Its clock is the event loop's,
          so that it can be put on a virtual one; that of a durable broker the wall's.
          A subscription is a queue of its own, bound to its filter for as long as it is open; what was
          retained is a log compacted by subject.
Not here  All that it does: broker.py. Subscribers over a network: Broker.listen_mqtt, and the engine mqtt:.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from types import TracebackType
from typing import Any, ClassVar, Self

from minibroker.arguments import json_copy
from minibroker.broker import Broker
from minibroker.client import Queue
from minibroker.engines.capabilities import Capabilities
from minibroker.engines.engine import Engine, Publication, Subscription
from minibroker.log_client import Topic
from minibroker.publishing import SUBJECT
from minibroker.topic_filter import checked_filter, checked_subject, matches

RETAINED = "engine.retained"  # a topic
SUBSCRIPTION = "engine.subscription"  # queues: this and a number


class Memory(Engine):
    """A Broker for each `async with`: new and empty, and gone afterwards; or that of the folder `path`."""

    capabilities: ClassVar[Capabilities] = Capabilities("minibroker", {})

    def __init__(self, path: str | None = None) -> None:
        self._path = path
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        clock = asyncio.get_running_loop().time if self._path is None else None
        self.broker = Broker(clock=clock, path=self._path)
        for name in self.broker.queue_names():
            if name.startswith(SUBSCRIPTION):  # its subscriber died with the process that was here before
                self.broker.remove_queue(name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.broker.close()

    async def create_queue(self, name: str, **settings: Any) -> Queue:
        queue = self.broker.create_queue(name, **settings)
        await self.broker.written()
        return queue

    def queue(self, name: str, *, consumer: str = "") -> Queue:
        return self.broker.queue(name, consumer=consumer)

    async def create_topic(self, name: str, *, partitions: int = 1, **cleanup: Any) -> Topic:
        return self.broker.create_topic(name, partitions=partitions, **cleanup)

    def topic(self, name: str, *, consumer: str = "") -> Topic:
        return self.broker.topic(name, consumer=consumer)

    async def publish(self, subject: str, body: Any, *, retain: bool = False) -> None:
        body = json_copy(body)
        self.broker.publish(checked_subject(subject), body)
        if retain:
            self.broker.create_topic(RETAINED, compact=True)
            self.broker.logs.append(RETAINED, subject, body)  # None is a tombstone
        await self.broker.written()

    def subscribe(self, filter: str) -> Subscription:
        return self._subscribed(checked_filter(filter))

    @asynccontextmanager
    async def _subscribed(self, filter: str) -> AsyncIterator[AsyncIterator[Publication]]:
        name = f"{SUBSCRIPTION}.{next(self._numbers)}"
        queue = self.broker.create_queue(name)
        self.broker.bind(filter, queue=name)
        publications = self._publications(self._retained(filter), queue)
        try:
            yield publications
        finally:
            await publications.aclose()
            self.broker.remove_queue(name)

    async def _publications(
        self, retained: list[Publication], queue: Queue
    ) -> AsyncGenerator[Publication, None]:
        for publication in retained:
            yield publication
        async with queue.consume() as deliveries:
            async for delivery in deliveries:
                await delivery.ack()
                yield Publication(delivery.headers[SUBJECT], delivery.body)

    def _retained(self, filter: str) -> list[Publication]:
        """The last word on each subject that fits, in order of the first."""
        if RETAINED not in self.broker.logs.names():
            return []
        records = self.broker.logs.find(RETAINED).partition(0).records()
        last = {str(record.key): record.value for record in records}
        return [
            Publication(subject, json_copy(body), retained=True)
            for subject, body in last.items()
            if body is not None and matches(filter, subject)
        ]
