"""The client: a queue as a service sees it, wherever the broker is.

Idea      A client is a name and one function, `call(queue, operation, arguments)`, which
          reaches the broker: in this process (Broker.queue) or over HTTP (http.http_call).
          Nothing is buffered here: each receive asks the broker, so what you did not
          ask for is not leased to you, and a crash of yours keeps no message hidden but
          those in your hands. consume() does fetch ahead, up to the window that you say.
Not here  A loop that receives, handles and acks: that is a worker, and yours to write.
          The window (consumer.py). A broker in the same process (local.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from minibroker.arguments import seconds
from minibroker.consumer import QueueConsumer
from minibroker.delivery_states import State
from minibroker.errors import StaleReceipt
from minibroker.message import Message
from minibroker.snapshot import QueueSnapshot

Call = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


@dataclass(slots=True, eq=False)
class Delivery:
    """A message in your hands until `lease_until` (seconds on the broker's clock).

    `receive_count` above 1 says that somebody had it before you: it may have been handled already. Each
    of the five methods raises StaleReceipt if the lease is over; the message may be in other hands then.
    """

    message: Message
    receipt: str
    receive_count: int
    lease_until: float
    queue: "Queue"
    consumer: QueueConsumer | None = None  # whose window it takes up a place in

    @property
    def body(self) -> Any:
        """What was sent: a JSON value."""
        return self.message.body

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that it was sent with."""
        return self.message.headers

    async def ack(self) -> None:
        """Done: remove the message. Ack *after* the effect; if before, a crash between loses the message."""
        try:
            await self.queue.ack(self.receipt)
        except StaleReceipt:
            self.over()
            raise
        self.over()

    async def nack(self, delay: float = 0.0, reason: str = "") -> None:
        """Not done: give it back, to be received again after `delay` seconds. `reason` is for its death."""
        arguments = {"receipt": self.receipt, "delay": delay, "reason": reason}
        await self._settle(self.queue.ask("nack", arguments))

    async def release(self) -> None:
        """Not begun: give it back as if it had not been received. For what was fetched ahead."""
        await self._settle(self.queue.ask("release", {"receipt": self.receipt}))

    async def reject(self, reason: str) -> None:
        """Never to be done: dead-letter it at once, with `reason`."""
        await self._settle(self.queue.ask("reject", {"receipt": self.receipt, "reason": reason}))

    async def extend(self, timeout: float) -> float:
        """Keep it for `timeout` seconds from now. Returns (and sets) lease_until."""
        answer = await self.queue.ask("extend", {"receipt": self.receipt, "timeout": timeout})
        self.lease_until = answer["until"]
        if self.consumer is not None:
            self.consumer.extended(self, timeout)
        return self.lease_until

    async def _settle(self, answer: Awaitable[Any]) -> None:
        """As ack: await the answer; if the lease is over by it, leave the window."""
        try:
            await answer
        except StaleReceipt:
            self.over()
            raise
        self.over()

    def over(self) -> None:
        """It is settled, or its lease is over: leave the consumer's window."""
        if self.consumer is not None:
            self.consumer.over(self)


class Queue:
    """One queue of a broker. `consumer` is your name in its history.

    Each method may raise NoSuchQueue or InvalidArgument; over a network also BrokerUnreachable (it surely
    did not happen) and NoAnswer (it may have: a send may be stored, a receive may have leased to you what
    you never got).
    """

    def __init__(self, name: str, call: Call, *, consumer: str = "") -> None:
        self.name = name
        self.consumer = consumer
        self._call = call

    def __repr__(self) -> str:
        return f"Queue({self.name!r}, consumer={self.consumer!r})"

    async def ask(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One operation of operations.py on this queue; the methods below say it better."""
        return await self._call(self.name, operation, arguments)

    async def create(self, **settings: Any) -> None:
        """Make the queue, if there is none of that name; `settings` are those of Broker.create_queue.

        QueueExists if there is one with other settings.
        """
        await self.ask("create", settings)

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
        """Put `body` (a JSON value) into the queue, hidden for `delay` seconds. Returns the message's id.

        ttl         seconds; if nobody received it by then, it dies ("expired")
        group       messages of one group are delivered one after the other, in order
        dedup_id    sent again within the queue's dedup_window, nothing is stored, and the first id returned

        QueueFull if it has max_length messages and its overflow is "reject": wait, and send again.
        """
        arguments = {"body": body, "headers": dict(headers or {}), "delay": delay}
        asked = {"ttl": ttl, "group": group, "dedup_id": dedup_id}
        arguments |= {name: value for name, value in asked.items() if value is not None}
        message_id: int = (await self.ask("send", arguments))["id"]
        return message_id

    async def receive(
        self, *, max_messages: int = 1, wait: float = 0.0, visibility_timeout: float | None = None
    ) -> list[Delivery]:
        """Lease up to `max_messages`; if none is ready, wait up to `wait` seconds for the first.

        Over a network, let `wait` be shorter than the HTTP client's timeout, or else the broker may lease
        a message to a caller that has gone. `visibility_timeout` (seconds) overrides the queue's.
        """
        answer = await self.ask(
            "receive",
            {
                "max_messages": max_messages,
                "wait": wait,
                "visibility_timeout": visibility_timeout,
                "consumer": self.consumer,
            },
        )
        return [
            Delivery(
                message=Message.from_json(lease["message"]),
                receipt=lease["receipt"],
                receive_count=lease["receive_count"],
                lease_until=lease["until"],
                queue=self,
            )
            for lease in answer["leases"]
        ]

    def consume(
        self, *, prefetch: int = 10, wait: float = 1.0, visibility_timeout: float | None = None
    ) -> QueueConsumer:
        """Deliveries, one by one, at most `prefetch` of them unacked: `async for delivery in ...`.

        `wait` and `visibility_timeout` (seconds) are those of receive. See QueueConsumer for how to stop.
        """
        return QueueConsumer(self, prefetch=prefetch, wait=wait, visibility_timeout=visibility_timeout)

    async def ack(self, receipt: str) -> None:
        """The message of this receipt is done with; Delivery.ack() says it better."""
        await self.ask("ack", {"receipt": receipt})

    async def peek(self, max_messages: int | None = None, *, state: State = State.READY) -> list[Message]:
        """The first `max_messages` (None: all) in that state, without a lease: it counts as no receive."""
        answer = await self.ask("peek", {"max_messages": max_messages, "state": state})
        return [Message.from_json(message) for message in answer["messages"]]

    async def snapshot(self) -> QueueSnapshot:
        """Counts, ages and settings, now."""
        return QueueSnapshot.from_json(await self.ask("snapshot", {}))

    async def redrive(
        self,
        *,
        to: str | None = None,
        limit: int | None = None,
        messages: list[int] | None = None,
        match: Callable[[Message], bool] | None = None,
        rate: float | None = None,
    ) -> dict[int, str]:
        """Move this queue's dead letters back: message id -> the queue where it is now.

        to         the queue to move them to; None: each to the one in which it died
        limit      at most so many
        messages   only these (ids)
        match      only those for which match(message) is true; they are looked at from here
        rate       at most so many a second, so that what just recovered is not flooded. It takes as long as
                   it takes; what died after it began is left for the next time
        """
        if match is None and rate is None:
            answer = await self.ask("redrive", {"to": to, "limit": limit, "messages": messages})
            return {int(message_id): name for message_id, name in answer["moved"].items()}
        chosen = [
            message.id
            for message in await self.peek()
            if (messages is None or message.id in messages) and (match is None or match(message))
        ]
        at_once = len(chosen) or 1
        if rate is not None:
            at_once = max(1, int(seconds("rate", rate, above_zero=True) / 10))  # ten steps a second, or fewer
        moved: dict[int, str] = {}
        for first in range(0, len(chosen), at_once):
            if limit is not None and len(moved) >= limit:
                break
            if first and rate is not None:
                await asyncio.sleep(at_once / rate)
            left = None if limit is None else limit - len(moved)
            moved |= await self.redrive(to=to, limit=left, messages=chosen[first : first + at_once])
        return moved
