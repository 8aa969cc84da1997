"""RabbitMQ behind the client of a queue: quorum queues, a delivery limit, a dead-letter exchange.

Idea      A Queue is a name and one function, `call` (client.py). This is another such function, so
          that Queue, Delivery and QueueConsumer are the ones that services know.
Lease     RabbitMQ has no visibility timeout. A delivery is yours until its channel or connection
          ends; then it is given to another, counted. (Its consumer_timeout, 30 minutes by
          default, ends the channel.) So lease_until is infinite here.
Deaths    max_receive_count is x-delivery-limit + 1: a quorum queue dead-letters what was returned
          more often than the limit. What it dead-letters stays in the queue until the
          dead-letter queue has it (x-dead-letter-strategy: at-least-once), but not if the
          overflow drops from the head: then one that is on its way can be lost.
Not here  Channels and connections (rabbitmq_channels.py), what travels (rabbitmq_messages.py).
          Exchanges, bindings, priorities, streams.
Source    RabbitMQ documentation, "Quorum Queues", "Consumer Acknowledgements and Publisher
          Confirms", "Dead Letter Exchanges"; tried on 3.10. Since 4.0 a queue without
          max_receive_count has a limit of 20 by default; since 4.3 a nack does not count.
"""

import math
import random
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, ClassVar

from minibroker.arguments import headers_or_none, queue_name, seconds, text, to_json, whole_number
from minibroker.client import Delivery, Queue
from minibroker.consumer import QueueConsumer
from minibroker.engines.capabilities import Capabilities, Capability, Lack
from minibroker.engines.engine import Engine
from minibroker.engines.rabbitmq_channels import Channels
from minibroker.engines.rabbitmq_messages import lease, outgoing, queue_arguments
from minibroker.errors import InvalidArgument
from minibroker.settings import QueueSettings

CAPABILITIES = Capabilities(
    "RabbitMQ",
    {
        Capability.LEASE_TIMEOUT: Lack(
            "a delivery ends with its channel or connection, or after consumer_timeout, not after a time "
            "that a queue sets",
            "leave it out; let a worker that hangs be ended from outside, which closes its connection",
        ),
        Capability.EXTEND: Lack(
            "a delivery has no end in time that could be moved",
            "go on working; you hold it as long as your connection lives",
        ),
        Capability.RELEASE: Lack(
            "whatever is given back is counted (since 4.3 a nack is not)",
            "nack, with a max_receive_count that has room for it",
        ),
        Capability.DELAY: Lack(
            "a quorum queue has no delayed delivery",
            "a second queue with a ttl whose dead letters come back to the first, or a scheduler of your own",
        ),
        Capability.GROUP: Lack(
            "a queue gives its messages to whoever is free, related or not",
            "one queue a partition (consistent-hash exchange), each with x-single-active-consumer",
        ),
        Capability.DEDUP: Lack(
            "a queue stores what it is sent",
            "an inbox at the consumer (services.messaging.inbox), which the other duplicates need anyway",
        ),
        Capability.PEEK: Lack(
            "looking is receiving and giving back, which counts a delivery and changes the order",
            "a queue of its own, bound to the same exchange, for whoever wants to look",
        ),
        Capability.SNAPSHOT: Lack(
            "AMQP tells how many messages are ready, and nothing of those in flight",
            "rabbitmqctl list_queues, or the management plugin",
        ),
        Capability.REDRIVE: Lack(
            "there is no operation that moves messages back",
            "receive from the dead-letter queue, send to delivery.message.deaths[0].queue, ack; or a shovel",
        ),
        Capability.TOPICS: Lack(
            "this engine speaks AMQP 0-9-1 to queues; RabbitMQ's log is another protocol (streams)",
            "a kafka: url",
        ),
        Capability.PUBLISH: Lack(
            "this engine uses the default exchange alone; topic exchanges have dots and another '*'",
            "RabbitMQ's MQTT plugin, by an mqtt: url",
        ),
    },
)


class RabbitMQ(Engine):
    """One connection. After a loss the next operation connects again; what was leased is then stale.

    url      amqp://user:password@host:port/vhost
    timeout  seconds for an answer; then NoAnswer: it may have been done
    clock    () -> seconds since 1970, for enqueued_at: AMQP's timestamps are the sender's
    ids      gives the next message id. RabbitMQ gives none, and senders do not know of each other, so
             it is drawn at random from 2**53
    """

    capabilities: ClassVar[Capabilities] = CAPABILITIES

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
        ids: Callable[[], int] | None = None,
    ) -> None:
        self._channels = Channels(url, timeout=timeout)
        self._clock = clock
        self._next_id = ids or (lambda: random.SystemRandom().getrandbits(53))
        self._operations: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
            "create": self._create,
            "send": self._send,
            "receive": self._receive,
            "ack": self._ack,
            "nack": self._nack,
            "reject": self._reject,
        }

    async def __aenter__(self) -> "RabbitMQ":
        await self._channels.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channels.close()

    def queue(self, name: str, *, consumer: str = "") -> Queue:
        return RabbitQueue(name, self.call, consumer=consumer)

    async def create_queue(self, name: str, **settings: Any) -> Queue:
        dead_letter_queue = settings.pop("dead_letter_queue", None)
        if dead_letter_queue == name:
            raise InvalidArgument(f"queue {name!r} cannot be its own dead-letter queue; name another")
        if "visibility_timeout" in settings:
            self.capabilities.require(Capability.LEASE_TIMEOUT)
        if settings.keys() & {"dedup_window", "dedup_by_body"}:
            self.capabilities.require(Capability.DEDUP)
        checked = QueueSettings(**settings).checked(name, has_dead_letter_queue=dead_letter_queue is not None)
        asked_for = queue_arguments(checked, dead_letter_queue)
        if dead_letter_queue is not None and not await self._channels.exists(queue_name(dead_letter_queue)):
            await self._channels.declare(dead_letter_queue, queue_arguments(QueueSettings(), None))
        await self._channels.declare(queue_name(name), asked_for)
        return self.queue(name)

    async def call(self, queue: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do one operation of operations.py on that queue, as far as RabbitMQ has it."""
        if operation in tuple(Capability):
            self.capabilities.require(Capability(operation))
        if operation not in self._operations:
            raise InvalidArgument(
                f"no operation {operation[:40]!r}; there are: {', '.join(self._operations)}"
            )
        return await self._operations[operation](queue, **arguments)

    # -- the operations ------------------------------------------------------------------------------------

    async def _create(self, queue: str, **settings: Any) -> dict[str, Any]:
        await self.create_queue(queue, **settings)
        return {}

    async def _send(
        self,
        queue: str,
        *,
        body: Any,
        headers: Any = None,
        delay: Any = 0.0,
        ttl: Any = None,
        group: Any = None,
        dedup_id: Any = None,
    ) -> dict[str, Any]:
        """Done when a majority of the queue's nodes have it on disk: a confirm."""
        if seconds("delay", delay):
            self.capabilities.require(Capability.DELAY)
        if group is not None:
            self.capabilities.require(Capability.GROUP)
        if dedup_id is not None:
            self.capabilities.require(Capability.DEDUP)
        message_id = self._next_id()
        message = outgoing(
            to_json(body).encode(),
            headers=headers_or_none(headers),
            message_id=str(message_id),
            timestamp=self._clock(),
            ttl=None if ttl is None else seconds("ttl", ttl, above_zero=True),
        )
        await self._channels.publish(queue, message)
        return {"id": message_id}

    async def _receive(
        self,
        queue: str,
        *,
        max_messages: Any = 1,
        wait: Any = 0.0,
        visibility_timeout: Any = None,
        consumer: Any = "",
    ) -> dict[str, Any]:
        """What is there by basic.get; if nothing is, a consumer for the time of the wait."""
        whole_number("max_messages", max_messages, at_least=1)
        if visibility_timeout not in (None, math.inf):
            self.capabilities.require(Capability.LEASE_TIMEOUT)
        leased = await self._channels.take(queue, max_messages, wait=seconds("wait", wait))
        return {"leases": [lease(receipt, message) for receipt, message in leased]}

    async def _ack(self, queue: str, *, receipt: str) -> dict[str, Any]:
        """RabbitMQ does not answer an ack: if the connection ends right now, nobody will know."""
        async with self._channels.settling(receipt, "ack") as message:
            await message.ack()
        return {}

    async def _nack(self, queue: str, *, receipt: str, delay: Any = 0.0, reason: Any = "") -> dict[str, Any]:
        """The reason is for nobody: AMQP has no place for it."""
        if seconds("delay", delay):
            self.capabilities.require(Capability.DELAY)
        async with self._channels.settling(receipt, "nack") as message:
            await message.nack(requeue=True)
        return {}

    async def _reject(self, queue: str, *, receipt: str, reason: Any) -> dict[str, Any]:
        text("reason", reason)
        async with self._channels.settling(receipt, "reject") as message:
            await message.reject(requeue=False)
        return {}


class RabbitQueue(Queue):
    """As Queue. A consumer of it gives back by nack what it fetched ahead, which counts a delivery."""

    def consume(
        self, *, prefetch: int = 10, wait: float = 1.0, visibility_timeout: float | None = None
    ) -> QueueConsumer:
        if visibility_timeout is not None:
            CAPABILITIES.require(Capability.LEASE_TIMEOUT)
        return RabbitConsumer(self, prefetch=prefetch, wait=wait, visibility_timeout=math.inf)


class RabbitConsumer(QueueConsumer):
    """As QueueConsumer: the window is kept here, by asking for no more than there is room for."""

    async def give_back(self, delivery: Delivery) -> None:
        await delivery.nack()
