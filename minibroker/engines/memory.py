"""minibroker itself as an engine: what the others are measured against.

Idea      The broker of this process behind the names of engine.py. Its clock is the event loop's,
          so that it can be put on a virtual one; that of a durable broker the wall's.
Not here  All that it does: broker.py.
"""

import asyncio
from types import TracebackType
from typing import Any, ClassVar, Self

from minibroker.broker import Broker
from minibroker.client import Queue
from minibroker.engines.capabilities import Capabilities, Capability, Lack
from minibroker.engines.engine import Engine
from minibroker.log_client import Topic

_NOT_YET = Lack(
    "its router is not yet joined to its queues and logs",
    "send to the queue, or append to the topic, by name",
)


class Memory(Engine):
    """A Broker for each `async with`: new and empty, and gone afterwards; or that of the folder `path`."""

    capabilities: ClassVar[Capabilities] = Capabilities("minibroker", {Capability.PUBLISH: _NOT_YET})

    def __init__(self, path: str | None = None) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        clock = asyncio.get_running_loop().time if self._path is None else None
        self.broker = Broker(clock=clock, path=self._path)
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
