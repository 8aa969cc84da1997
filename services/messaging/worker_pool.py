"""A worker pool: several handlers at once, and a stop that loses nothing and repeats nothing.

Idea      `concurrency` tasks take from one consumer, whose window is `prefetch` (minibroker/consumer.py).
          So the handlers wait for others, not for the queue, and no more is leased than the window holds.
Stopping  What a deployment should do, since deployments are where most duplicates come from: receive
          nothing more, give back at once what was not begun (it does not count as a delivery), let what
          was begun come to its end. Who is not done in time is cancelled, and his message comes again.
Order     There is none among handlers that run at once. Where it matters, send with a `group`.
Not here  How many handlers are enough (lesson 07). Who says stop: in life it is SIGTERM.
Source    Kubernetes documentation, "Pod Lifecycle", "Termination of Pods": 30 s from SIGTERM to SIGKILL.
"""

import asyncio

from minibroker.client import Queue
from minibroker.errors import TRY_AGAIN
from services.messaging.worker import Handler, attend
from services.node import Node


class WorkerPool:
    """Serves `queue` with `concurrency` handlers at once, from run() until stop().

    prefetch             at most so many unacked messages, those in hands included; by default as many as
                         there are handlers: more are fetched ahead, and cannot be had by anybody else
    wait                 seconds of a long poll; a stop waits until it has ended
    rest                 seconds until the next try after the broker could not be reached
    visibility_timeout   seconds of each lease; None: the queue's
    """

    def __init__(
        self,
        node: Node,
        queue: Queue,
        handle: Handler,
        *,
        concurrency: int = 4,
        prefetch: int | None = None,
        wait: float = 1.0,
        rest: float = 1.0,
        visibility_timeout: float | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency counts handlers, from 1 up; got {concurrency}")
        if prefetch is not None and prefetch < concurrency:
            raise ValueError(
                f"a window of prefetch={prefetch} keeps only so many of the {concurrency} handlers busy: "
                f"let prefetch be at least concurrency"
            )
        self._node = node
        self._handle = handle
        self._concurrency = concurrency
        self._rest = rest
        self._consumer = queue.consume(
            prefetch=prefetch or concurrency, wait=wait, visibility_timeout=visibility_timeout
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Serve until stop() has ended, or for ever."""
        async with asyncio.TaskGroup() as group:
            self._tasks = [group.create_task(self._serve()) for _ in range(self._concurrency)]

    async def stop(self, *, timeout: float = 30.0) -> int:
        """Stop as said above; returns how many handlers had to be cancelled after `timeout` seconds."""
        try:
            await self._consumer.stop(timeout=0)
        except TRY_AGAIN:
            pass  # what could not be given back comes again when its lease is over
        if not self._tasks:
            return 0
        _, late = await asyncio.wait(self._tasks, timeout=timeout)
        for task in late:
            task.cancel()
        return len(late)

    async def _serve(self) -> None:
        while True:
            try:
                async for delivery in self._consumer:
                    await attend(self._node, delivery, self._handle)
                return  # stopped
            except TRY_AGAIN:
                await asyncio.sleep(self._rest)
