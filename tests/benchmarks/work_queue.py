"""The queue against asyncio.Queue: one producer, one consumer, 200-byte bodies, each acked.

Idea      Both in one process and one run, turn by turn, so that a busy machine is busy for
          both; the median of the ratios is what counts. Cost is the inverse of speed: the budget
          of 0.25 of asyncio.Queue's speed is 4 times its cost. Once the queue is as made; once it
          has a ttl, a delivery limit with dead letters, a bound and a dedup window; once an observer
          hears of each move, too; and once each send has a group and a dedup_id besides.
Not here  The budgets' argument (DESIGN.md, "Budgets").
"""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from minibroker import Broker
from minibroker.client import Queue
from minibroker.work_queue import Observer
from tests.benchmarks.measure import Measurement, median_ratio

BODY_BYTES = 200
MESSAGES = 2_000  # a turn
TURNS = 15
PREFETCH = 100


def bodies(count: int) -> list[str]:
    """Distinct texts of 200 bytes."""
    return [f"{number:>{BODY_BYTES}}" for number in range(count)]


def observe(kind: str, **data: Any) -> None:
    """An observer that costs what being called costs."""


def plain() -> Queue:
    """A queue as create_queue makes it."""
    return Broker(clock=time.monotonic).create_queue("bench")


def full_featured(observer: Observer | None = None) -> Queue:
    """A queue with every setting in use."""
    broker = Broker(clock=time.monotonic, observer=observer)
    return broker.create_queue(
        "bench",
        max_receive_count=5,
        dead_letter_queue="bench-dead",
        ttl=3600.0,
        max_length=1_000_000,
        overflow="drop-oldest",
        dedup_window=300.0,
    )


def observed() -> Queue:
    """The same, and each move is told."""
    return full_featured(observe)


async def through_asyncio(texts: list[str]) -> float:
    """Seconds for all of them, put and got."""
    queue: asyncio.Queue[str] = asyncio.Queue(PREFETCH)

    async def produce() -> None:
        for text in texts:
            await queue.put(text)

    async def consume() -> None:
        for _ in texts:
            await queue.get()
            queue.task_done()

    began = time.perf_counter()
    await asyncio.gather(produce(), consume())
    return time.perf_counter() - began


async def through_broker(texts: list[str], make: Callable[[], Queue], per_send: bool) -> float:
    """Seconds for all of them, sent, received and acked."""
    queue = make()

    async def produce() -> None:
        for number, text in enumerate(texts):
            if per_send:
                await queue.send(text, group=f"g{number % 500}", dedup_id=str(number))
            else:
                await queue.send(text)
            if number % PREFETCH == PREFETCH - 1:
                await asyncio.sleep(0)  # a put that finds the asyncio.Queue full lets go, too

    async def consume() -> None:
        left = len(texts)
        async for delivery in queue.consume(prefetch=PREFETCH):
            await delivery.ack()
            left -= 1
            if not left:
                return

    began = time.perf_counter()
    await asyncio.gather(produce(), consume())
    return time.perf_counter() - began


async def hops(make: Callable[[], Queue], count: int = 1_000) -> float:
    """The median of seconds from a send to the moment a waiting consumer has the message."""
    queue, sent_at, took = make(), 0.0, []

    async def consume() -> None:
        for _ in range(count):
            [delivery] = await queue.receive(wait=60.0)
            took.append(time.perf_counter() - sent_at)
            await delivery.ack()

    consumer = asyncio.ensure_future(consume())
    for _ in range(count):
        for _ in range(5):
            await asyncio.sleep(0)  # let the consumer wait again
        sent_at = time.perf_counter()
        await queue.send("x" * BODY_BYTES)
    await consumer
    return statistics.median(took)


async def bytes_a_message(count: int = 20_000) -> float:
    """What tracemalloc sees of each queued message, its own text of 200 bytes (249 in memory) included."""
    queue = plain()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for text in bodies(count):
        await queue.send(text)
    del text
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / count


def measure() -> list[Measurement]:
    texts = bodies(MESSAGES)
    theirs = lambda: asyncio.run(through_asyncio(texts))  # noqa: E731
    found = []
    for name, make, per_send in (
        ("as made", plain, False),
        ("all settings on", full_featured, False),
        ("and observed", observed, False),
        ("and each send with group and dedup_id", observed, True),
    ):
        ours = functools.partial(_run, texts, make, per_send)
        ratio, mine, other = median_ratio(ours, theirs, times=TURNS)
        note = f"{mine / MESSAGES * 1e6:.1f} against {other / MESSAGES * 1e6:.1f} us: {1 / ratio:.2f}"
        found.append(Measurement(f"queue, {name}: cost of asyncio.Queue's", ratio, "x", 4.0, 2.0, note))
    hop = asyncio.run(hops(plain)) * 1e6
    size = asyncio.run(bytes_a_message())
    note = "its text of 200 bytes, 249 in memory, included"
    return [
        *found,
        Measurement("queue, hop p50 (of the wall)", hop, "us", 30.0, 12.0),
        Measurement("queue, a queued message", size, "B", 600.0, 420.0, note),
    ]


def _run(texts: list[str], make: Callable[[], Queue], per_send: bool) -> None:
    asyncio.run(through_broker(texts, make, per_send))
