"""A queue of a broker in this process: the same client, without the way through JSON.

Idea      send calls the broker's send, and nothing is put into words and read again. What could
          tell the two apart is a value that is changed after it was handed over, so:
          a str, a bool and None pass as they are, since nobody can change them; any other body
          is copied through JSON when it comes in (which also says whether it can travel at
          all) and again whenever it goes out. Headers likewise.
Not here  The operations that are rare: they take the way of all others (client.py).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minibroker.arguments import json_copy
from minibroker.client import Call, Delivery, Queue
from minibroker.errors import StaleReceipt
from minibroker.message import NO_HEADERS, Message
from minibroker.snapshot import QueueSnapshot

if TYPE_CHECKING:
    from minibroker.queue_broker import QueueBroker


class LocalDelivery(Delivery):
    """As Delivery; its ack goes straight to the broker."""

    __slots__ = ()
    queue: "LocalQueue"

    async def ack(self) -> None:
        broker = self.queue.broker
        try:
            broker.open(self.queue.name).ack(self.receipt, now=broker.now())
            if broker.journal is not None:
                await broker.journal.written()
        except StaleReceipt:
            self.over()
            raise
        if self.consumer is not None:
            self.consumer.over(self)


class LocalQueue(Queue):
    """As Queue; `broker` is in this process and event loop."""

    def __init__(self, name: str, broker: "QueueBroker", call: Call, *, consumer: str = "") -> None:
        super().__init__(name, call, consumer=consumer)
        self.broker = broker

    async def send(
        self,
        body: Any,
        *,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        ttl: float | None = None,
        group: str | None = None,
        dedup_id: str | None = None,
    ) -> int:
        broker = self.broker
        message_id = broker.open(self.name).send(
            body if type(body) is str else json_copy(body),
            now=broker.now(),
            headers=headers,
            delay=delay,
            ttl=ttl,
            group=group,
            dedup_id=dedup_id,
        )
        if broker.journal is not None:
            await broker.journal.written()
        return message_id

    async def receive(
        self, *, max_messages: int = 1, wait: float = 0.0, visibility_timeout: float | None = None
    ) -> list[Delivery]:
        taken = await self.broker.take(self.name, max_messages, wait, visibility_timeout, self.consumer)
        deliveries: list[Delivery] = [
            LocalDelivery(
                it.message
                if type(it.message.body) is str and it.message.headers is NO_HEADERS
                else _handed_out(it.message),
                it.receipt,
                it.receive_count,
                it.deadline,
                self,
            )
            for it in taken
        ]
        if self.broker.journal is not None:
            await self.broker.journal.written()
        return deliveries

    async def ack(self, receipt: str) -> None:
        self.broker.ack(self.name, receipt)
        if self.broker.journal is not None:
            await self.broker.journal.written()

    async def snapshot(self) -> QueueSnapshot:
        return self.broker.snapshot(self.name)


def _handed_out(message: Message) -> Message:
    """`message` such that nothing of it leads back into the broker."""
    body = json_copy(message.body)
    if body is message.body and not message.headers:
        return message
    return message._replace(body=body, headers=dict(message.headers))
