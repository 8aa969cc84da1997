"""What connect() gives: the same names, whatever is behind them.

Idea      `async with connect(url) as broker:` gives a Queue and a Topic as a service knows them, or
          publishes and subscribes. A method that an engine has not overridden here is one
          that it lacks, and says so (capabilities.py).
Not here  Which url is which engine (connect.py), the engines (memory.py, rabbitmq.py, kafka.py, mqtt.py).
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

from minibroker.client import Queue
from minibroker.engines.capabilities import Capabilities, Capability
from minibroker.log_client import Topic


@dataclass(frozen=True, slots=True)
class Publication:
    """What a subscriber receives: `body` is a JSON value, or bytes if what was sent is not JSON."""

    subject: str
    body: Any
    retained: bool = False  # it was published before the subscription


Subscription = AbstractAsyncContextManager[AsyncIterator[Publication]]


class Engine:
    """One broker, reached. Open it by `async with`; at the end its connections are closed."""

    capabilities: ClassVar[Capabilities]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def create_queue(self, name: str, **settings: Any) -> Queue:
        """Make a queue, and its dead-letter queue if there is none; `settings` as Broker.create_queue's.

        The same name with the same settings again is no error; with others it is QueueExists.
        """
        raise self.capabilities.unsupported(Capability.QUEUES)

    def queue(self, name: str, *, consumer: str = "") -> Queue:
        """The client of a queue. If there is none of that name, its first operation says NoSuchQueue."""
        raise self.capabilities.unsupported(Capability.QUEUES)

    async def create_topic(self, name: str, *, partitions: int = 1, **cleanup: Any) -> Topic:
        """Make a topic; `cleanup` are fields of Cleanup. With other settings than before: TopicExists."""
        raise self.capabilities.unsupported(Capability.TOPICS)

    def topic(self, name: str, *, consumer: str = "") -> Topic:
        """The client of a topic, for a consumer of that name. NoSuchTopic as for a queue."""
        raise self.capabilities.unsupported(Capability.TOPICS)

    async def publish(self, subject: str, body: Any, *, retain: bool = False) -> None:
        """Send `body` (a JSON value) to all that are subscribed by a filter that fits `subject`.

        retain: keep it, as the last word on that subject, for those who come later (None: forget it).
        """
        raise self.capabilities.unsupported(Capability.PUBLISH)

    def subscribe(self, filter: str) -> Subscription:
        """`async with broker.subscribe("shop/+/orders") as publications: async for p in publications`."""
        raise self.capabilities.unsupported(Capability.PUBLISH)
