"""A consumer that fetches ahead, with a window; and how it stops.

Idea      `async for delivery in queue.consume(prefetch=10)` receives several at once and hands
          them out one by one. At most `prefetch` deliveries are unacked at any time, those in
          your hands and those fetched ahead together: that is the only buffer there is.
Stopping  No new receives; what was fetched ahead and not begun is given back at once,
          without counting as a delivery; what is in hands may be finished.
Why small What waits here is leased: its time runs while you handle others, and nobody else
          can have it. So prefetch times the time of a handler should stay well
          below visibility_timeout. What has surely run out is not handed out any more.
Not here  The handlers, and how many run at once: one task, or as many as you start.
Source    RabbitMQ documentation, "Consumer Prefetch": a window of unacknowledged deliveries.
"""

import asyncio
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Self

from minibroker.arguments import seconds, whole_number
from minibroker.errors import StaleReceipt

if TYPE_CHECKING:
    from minibroker.client import Delivery, Queue


class QueueConsumer:
    """An asynchronous iterator of deliveries, until stop(). Each must end in ack, nack, reject or release.

    prefetch             at most so many unacked deliveries (1 or more)
    wait                 seconds that a receive may wait for the first message (a long poll). A
                         stop lets the last one end, since who breaks it off cannot know what it leased
    visibility_timeout   seconds of each lease; None: the queue's

    What you neither ack nor give back takes up its place in the window until its lease is over. Errors
    of receive (BrokerUnreachable, NoAnswer) come out of the loop; the consumer can be iterated again.
    """

    def __init__(
        self,
        queue: "Queue",
        *,
        prefetch: int = 10,
        wait: float = 1.0,
        visibility_timeout: float | None = None,
    ) -> None:
        self.queue = queue
        self.prefetch = whole_number("prefetch", prefetch, at_least=1)
        self._wait = seconds("wait", wait)
        self._visibility_timeout = visibility_timeout
        self._lasts = visibility_timeout  # of a lease, in seconds; asked for when first needed
        self._ahead: deque[Delivery] = deque()  # fetched, not handed out: all by one receive
        self._ahead_until = 0.0  # when their leases are surely over, on the loop's clock
        self._held: dict[Delivery, float] = {}  # all unacked -> when its lease is surely over
        self._fetching = asyncio.Lock()
        self._clock = time.monotonic  # the loop's, from the first fetch on
        self._change: asyncio.Future[None] | None = None  # somebody waits for a place in the window
        self._stopping = False

    @property
    def unacked(self) -> int:
        """How many deliveries are in hands or fetched ahead: never more than prefetch."""
        return len(self._held)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "Delivery":
        while True:
            if ahead := self._ahead:
                if self._ahead_until > self._clock():
                    return ahead.popleft()
                while ahead:
                    self.over(ahead.popleft())
            if self._stopping:
                raise StopAsyncIteration
            async with self._fetching:
                if not self._ahead and not self._stopping:
                    await self._fetch()

    async def stop(self, *, drain: bool = False, timeout: float | None = None) -> int:
        """Receive nothing more, and wait until what is in hands is done (or its lease is over).

        What was fetched ahead is given back at once; with `drain` the loop goes on until it is handled.
        Waits at most `timeout` seconds; returns how many are still unacked. Inside the loop's own body
        ack first, or it waits for itself.
        """
        until = None if timeout is None else asyncio.get_running_loop().time() + seconds("timeout", timeout)
        self._stopping = True
        self._wake()
        if not drain:
            await self._give_back()
        async with self._fetching:  # a poll that was under way has ended, and gave back what it got
            while self._held and (until is None or until > asyncio.get_running_loop().time()):
                await self._until_one_is_over(until)
        return len(self._held)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._wake()
        await self._give_back()

    def over(self, delivery: "Delivery") -> None:
        """This delivery is settled, or its lease is over: its place in the window is free."""
        self._held.pop(delivery, None)
        if self._change is not None:
            self._wake()

    def extended(self, delivery: "Delivery", timeout: float) -> None:
        """Its lease lasts `timeout` seconds from now."""
        if delivery in self._held:
            self._held[delivery] = asyncio.get_running_loop().time() + timeout

    async def give_back(self, delivery: "Delivery") -> None:
        """Return one that was fetched ahead and not begun. Engines that must count it override this."""
        await delivery.release()

    async def _fetch(self) -> None:
        if len(self._held) >= self.prefetch:
            await self._until_one_is_over(None)
            return
        if self._lasts is None:
            self._lasts = (await self.queue.snapshot()).visibility_timeout
        deliveries = await self.queue.receive(
            max_messages=self.prefetch - len(self._held),
            wait=self._wait,
            visibility_timeout=self._visibility_timeout,
        )
        self._clock = asyncio.get_running_loop().time
        self._ahead_until = ends = self._clock() + self._lasts
        for delivery in deliveries:
            delivery.consumer = self
        self._held.update(dict.fromkeys(deliveries, ends))
        self._ahead.extend(deliveries)
        if self._stopping:
            await self._give_back()

    async def _give_back(self) -> None:
        while self._ahead:
            delivery = self._ahead.pop()
            try:
                await self.give_back(delivery)
            except StaleReceipt:  # its lease was over: it is back already
                pass

    async def _until_one_is_over(self, until: float | None) -> None:
        """Wait until a delivery is settled, or the first lease is surely over, or it is `until`."""
        loop = asyncio.get_running_loop()
        self._change = loop.create_future()
        first = min(self._held.values())
        timer = loop.call_at(first if until is None else min(first, until), self._wake)
        try:
            await self._change
        finally:
            timer.cancel()
            self._change = None
        for delivery in [d for d, ends in self._held.items() if ends <= loop.time()]:
            self._held.pop(delivery)

    def _wake(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)
