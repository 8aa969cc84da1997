"""A worker: takes deliveries from a queue, one after the other, and gives each to a handler.

Idea      The handler acks what it has done. If it raises, nothing is acked: the lease runs out and
          the broker delivers again. So an error of a moment heals itself, and an error for ever
          comes back until max_receive_count sends it to the dead letters.
Not here  Many deliveries at once (prefetch, concurrency), graceful stop: worker_pool.py.
"""

import asyncio
from collections.abc import Awaitable, Callable

from minibroker.client import Delivery, Queue
from minibroker.errors import TRY_AGAIN
from services.node import Node

Handler = Callable[[Delivery], Awaitable[None]]


async def work(node: Node, queue: Queue, handle: Handler, *, wait: float = 20.0, rest: float = 1.0) -> None:
    """Serve `queue` for ever.

    wait: seconds that the broker may hold an empty answer back (a long poll).
    rest: seconds until the next try after the broker could not be reached.
    """
    while True:
        try:
            deliveries = await queue.receive(max_messages=1, wait=wait)
        except TRY_AGAIN:
            await asyncio.sleep(rest)
            continue
        for delivery in deliveries:
            await attend(node, delivery, handle)


async def attend(node: Node, delivery: Delivery, handle: Handler) -> None:
    """Give one delivery to the handler. What it raises goes into the history, and no further."""
    facts = {
        "queue": delivery.queue.name,
        "message": delivery.message.id,
        "receive_count": delivery.receive_count,
    }
    node.record("handling", **facts)
    outcome = "ok"
    try:
        await handle(delivery)
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    node.record("handled", **facts, outcome=outcome)
