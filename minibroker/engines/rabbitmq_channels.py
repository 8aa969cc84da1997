"""The connection to RabbitMQ: one channel to send, one to receive from each queue, opened when needed.

Idea      A plain connection, and not one that repairs itself: a loss of it is a fact that a
          consumer must see, since all that it had leased is in other hands then. Whatever finds no
          connection makes one. A receipt belongs to the channel of its delivery, and ends with it.
Errors    aio-pika's are put into minibroker's words here, and nowhere else. What was asked and not
          answered is NoAnswer; what could not even be asked is BrokerUnreachable.
Not here  What the messages mean (rabbitmq_messages.py).
Source    RabbitMQ documentation, "Channels", "Consumers", "Publisher Confirms".
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import Any, TypeAlias, TypeVar

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import (
    AMQPError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    PublishError,
)

from minibroker.errors import (
    BrokerError,
    BrokerUnreachable,
    NoAnswer,
    NoSuchQueue,
    QueueExists,
    QueueFull,
    StaleReceipt,
)

SENDING = ""  # the channel that no queue has

T = TypeVar("T")
Arrived: TypeAlias = "asyncio.Queue[AbstractIncomingMessage | None]"  # None: wait no more


class Channels:
    """One connection and its channels. Times in seconds."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._connection: AbstractConnection | None = None
        self._channels: dict[str, AbstractChannel] = {}  # by queue
        self._opening = asyncio.Lock()
        self._starting = asyncio.Lock()  # a consumer: set_qos is for the next one that starts
        self._tasks: set[asyncio.Task[Any]] = set()
        self._receipts = count(1)
        self._leased: dict[str, tuple[AbstractChannel, AbstractIncomingMessage]] = {}  # by receipt

    async def open(self) -> None:
        """Connect. BrokerUnreachable if nobody listens, or does not let us in."""
        await self._channel(SENDING)

    async def close(self) -> None:
        """End the connection: RabbitMQ gives what is leased here to others."""
        if self._connection is not None:
            await self._connection.close()
        self._leased.clear()

    # -- what one can do with a queue -------------------------------------------------------------------

    async def exists(self, queue: str) -> bool:
        """Is there a queue of that name?"""
        try:
            with _translated(queue, "look for it"):
                async with self._aside() as channel:
                    await channel.declare_queue(queue, passive=True, timeout=self._timeout)
        except NoSuchQueue:
            return False
        return True

    async def declare(self, queue: str, arguments: dict[str, Any]) -> None:
        """Make the queue. QueueExists if there is one with other arguments."""
        with _translated(queue, "create it"):
            async with self._aside() as channel:
                await channel.declare_queue(queue, durable=True, arguments=arguments, timeout=self._timeout)

    async def publish(self, queue: str, message: aio_pika.Message) -> None:
        """Send, and wait for the confirm. NoSuchQueue if it came back, QueueFull if it was refused."""
        with _translated(queue, "send to it"):
            channel = await self._channel(SENDING)
            await channel.default_exchange.publish(message, queue, mandatory=True, timeout=self._timeout)

    async def take(
        self, queue: str, at_most: int, *, wait: float
    ) -> list[tuple[str, AbstractIncomingMessage]]:
        """Up to `at_most` messages, each with a new receipt; if there are none, wait for the first.

        It runs in a task of its own, since aiormq closes a channel, and so ends all leases on it, when
        a question to the broker is cancelled. Who is cancelled here ends the wait, and holds nothing.
        """
        arrived: Arrived = asyncio.Queue()
        taking = self._started(self._take(queue, at_most, wait, arrived))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            arrived.put_nowait(None)
            await asyncio.shield(self._started(self._give_back(taking)))
            raise

    @asynccontextmanager
    async def settling(self, receipt: str, operation: str) -> AsyncIterator[AbstractIncomingMessage]:
        """The message of this receipt, to be acked or given back. StaleReceipt if its channel is gone."""
        channel, message = self._leased.pop(receipt, (None, None))
        if channel is None or message is None or channel.is_closed:
            raise StaleReceipt(
                f"cannot {operation}: receipt {receipt} is over. It was settled before, or the connection "
                f"ended, and RabbitMQ gives the message to another. Make the handler idempotent and drop "
                f"this {operation}."
            )
        try:
            yield message
        except (AMQPError, OSError) as lost:
            raise StaleReceipt(
                f"cannot {operation}: the connection of receipt {receipt} ended just now ({lost}); RabbitMQ "
                f"gives the message to another"
            ) from lost

    # -- below ------------------------------------------------------------------------------------------

    def _started(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _take(
        self, queue: str, at_most: int, wait: float, arrived: Arrived
    ) -> list[tuple[str, AbstractIncomingMessage]]:
        with _translated(queue, "receive from it"):
            channel = await self._channel(queue)
            source = await channel.get_queue(queue, ensure=False)
            got: list[AbstractIncomingMessage] = []
            while len(got) < at_most and (message := await source.get(fail=False, timeout=self._timeout)):
                got.append(message)
            if not got and wait:
                got = await self._wait_for(channel, source, at_most, wait, arrived)
        leased = [(str(next(self._receipts)), message) for message in got]
        self._leased |= {receipt: (channel, message) for receipt, message in leased}
        return leased

    async def _wait_for(
        self,
        channel: AbstractChannel,
        source: AbstractQueue,
        at_most: int,
        wait: float,
        arrived: Arrived,
    ) -> list[AbstractIncomingMessage]:
        """Consume until the first message is here, or a None (the wait shall end), or `wait` is over."""
        over = False

        async def deliver(message: AbstractIncomingMessage) -> None:
            if over:  # it was under way when the wait ended
                await message.nack(requeue=True)
            else:
                arrived.put_nowait(message)

        def lost(*_: Any) -> None:
            arrived.put_nowait(None)

        channel.close_callbacks.add(lost)
        try:
            async with self._starting:
                await channel.set_qos(prefetch_count=at_most, timeout=self._timeout)
                tag = await source.consume(deliver, timeout=self._timeout)
            try:
                async with asyncio.timeout(wait):
                    first = [await arrived.get()]
            except TimeoutError:
                first = []
        finally:
            channel.close_callbacks.discard(lost)
        if channel.is_closed:
            raise BrokerUnreachable(
                "the connection to RabbitMQ ended while waiting for a message; nothing is leased. Receive "
                "again"
            )
        await source.cancel(tag, timeout=self._timeout)
        over = True
        got = first + [arrived.get_nowait() for _ in range(arrived.qsize())]
        return [message for message in got if message is not None]

    async def _give_back(self, taking: "asyncio.Task[list[tuple[str, AbstractIncomingMessage]]]") -> None:
        """What came although nobody wants it any more."""
        try:
            for receipt, _ in await taking:
                async with self.settling(receipt, "give back") as message:
                    await message.nack(requeue=True)
        except BrokerError:
            pass  # the connection ended, and gave it back

    async def _channel(self, queue: str) -> AbstractChannel:
        """The channel of that queue, opened now if there is none (any more)."""
        async with self._opening:
            channel = self._channels.get(queue)
            if channel is None or channel.is_closed:
                channel = self._channels[queue] = await self._new_channel()
                self._leased = {r: held for r, held in self._leased.items() if not held[0].is_closed}
            return channel

    @asynccontextmanager
    async def _aside(self) -> AsyncIterator[AbstractChannel]:
        """A channel for what may be refused: a refusal ends the channel, and with it what is leased there."""
        async with self._opening:
            channel = await self._new_channel()
        try:
            yield channel
        finally:
            await channel.close()

    async def _new_channel(self) -> AbstractChannel:
        try:
            if self._connection is None or not self._connection.connected.is_set():
                self._connection = await aio_pika.connect(self._url, timeout=self._timeout)
            return await self._connection.channel(on_return_raises=True)
        except (AMQPError, OSError, TimeoutError, RuntimeError) as error:  # RuntimeError: "... closed"
            raise BrokerUnreachable(f"no connection to RabbitMQ: {error!r}") from error


@contextmanager
def _translated(queue: str, doing: str) -> Iterator[None]:
    try:
        yield
    except BrokerError:
        raise
    except (ChannelNotFoundEntity, PublishError) as error:
        raise NoSuchQueue(f"cannot {doing}: there is no queue {queue!r} in this virtual host") from error
    except ChannelPreconditionFailed as error:
        raise QueueExists(
            f"queue {queue!r} exists with other settings: {error}. Use it as it is, or choose another name"
        ) from error
    except DeliveryError as error:
        raise QueueFull(
            f"RabbitMQ refused a message for {queue!r} (basic.nack): it holds max_length messages, or the "
            f"leader of the queue is away. Nothing was stored. Send more slowly, or add consumers"
        ) from error
    except (AMQPError, OSError, TimeoutError) as error:
        raise NoAnswer(f"asked to {doing} (queue {queue!r}), and no answer came: {error!r}") from error
