"""The system that exercise 10 attacks: a shop that writes to a log, consumers with the answers, a rebuild.

Idea      The harness does what a framework would: it polls, goes along with rebalances, asks the answers
          where to go on, and commits for others to see. What counts is in the database, and is the
          answers' work. At the end a late joiner makes the table anew from the first record, and is
          restarted once.
Not here  What is promised (checks.py), and who strikes at it (e10_replayable_log.py).
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from classroom.exercises.memory import Memory
from classroom.world.simulated import Scenario
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from minibroker.errors import TRY_AGAIN, FencedMember, StaleGeneration
from minibroker.record import Record
from minibroker.topic_consumer import TopicConsumer
from services.node import Database, Factory, Node

TOPIC, GROUP = "orders", "revenue"
MANY = 4  # partitions of the busy day
CONSUMERS = ("consumer-1", "consumer-2")
SESSION = 25.0  # seconds of silence after which a consumer is given up; a pause is longer
WAIT = 15.0  # seconds that a poll waits for a record: few polls, and so quick runs
BATCH = 4  # records that are written, and read, at once
LATE = "late"  # who makes the table anew
LIVE, REBUILT = "revenue", "rebuilt"  # databases
TABLES = (
    "CREATE TABLE IF NOT EXISTS revenue (customer TEXT PRIMARY KEY, cents INTEGER)",
    "CREATE TABLE IF NOT EXISTS mails (order_id INTEGER, customer TEXT)",
    "CREATE TABLE IF NOT EXISTS positions (partition INTEGER PRIMARY KEY, next_offset INTEGER)",
)
Event = dict[str, Any]
Happened = tuple[int, str, str, int]  # order, what, customer, cents

ORDINARY: tuple[Happened, ...] = (
    (1, "placed", "Ada", 1990),
    (1, "paid", "Ada", 1990),
    (2, "paid", "Ben", 2450),
    (3, "paid", "Ada", 1990),
    (1, "shipped", "Ada", 1990),
    (1, "refunded", "Ada", 500),
    (2, "refunded", "Ben", 450),
)
ANOTHER_DAY: tuple[Happened, ...] = (
    (11, "paid", "Chen", 700),
    (12, "paid", "Dora", 1100),
    (11, "shipped", "Chen", 700),
    (12, "refunded", "Dora", 300),
)


@dataclass(frozen=True, slots=True)
class Read:
    """A record as the answers get it. epoch: of the consumer's ownership; replay: it has been live before."""

    partition: int
    offset: int
    key: str | None
    value: Event
    timestamp: float
    epoch: int
    replay: bool


def broker(partitions: int) -> Factory:
    def start(node: Node) -> BrokerApp:
        holder = Broker(clock=node.now, observer=node.record)
        holder.create_topic(TOPIC, partitions=partitions)
        return BrokerApp(holder)

    return start


def consumer(memory: Memory) -> Factory:
    """Polls, and gives each record to the learner's consume."""

    async def worker(node: Node) -> None:
        answers = memory.fresh()
        db = node.database(LIVE)
        reader = node.topic(TOPIC).consumer(GROUP, start="earliest", session_timeout=SESSION)
        generation = None
        while True:
            try:
                records = await reader.poll(max_records=BATCH, wait=WAIT)
                if reader.generation != generation:
                    await _go_on(node, reader, db, answers["resume_from"])
                    generation = reader.generation
                    continue
                for record in records:
                    await _consume(node, answers["consume"], record, db, epoch=generation or 0)
                if records:
                    await reader.commit()
            except (FencedMember, StaleGeneration):
                generation = None
            except TRY_AGAIN:
                generation = None
                await asyncio.sleep(1.0)
            except Exception as error:
                node.record("failed", error=f"{type(error).__name__}: {error}")
                generation = None
                await asyncio.sleep(5.0)

    return worker


async def _go_on(node: Node, reader: TopicConsumer, db: Database, resume_from: Callable[..., Any]) -> None:
    for partition in list(reader.positions):
        reader.seek(partition, await _asked(node, resume_from, db, partition))


async def _asked(node: Node, resume_from: Callable[..., Any], db: Database, partition: int) -> int:
    """What resume_from says, if it is an offset."""
    try:
        offset = await resume_from(db, partition)
    except NotImplementedError as error:
        node.record("unfinished", answer="resume_from", text=str(error))
        raise
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise ValueError(f"resume_from is an offset, 0 or more; for partition {partition} it was {offset!r}")
    node.record("resumed", partition=partition, offset=offset)
    return offset


async def _consume(
    node: Node,
    consume: Callable[..., Any],
    record: Record,
    db: Database,
    *,
    epoch: int,
    replay: bool = False,
) -> None:
    given = Read(record.partition, record.offset, record.key, record.value, record.timestamp, epoch, replay)
    try:
        await consume(given, db)
    except NotImplementedError as error:
        node.record("unfinished", answer="consume", text=str(error))
        raise
    event = record.value
    node.record(
        "consumed", partition=record.partition, offset=record.offset, of=event["order"], what=event["what"]
    )


def scenario(
    memory: Memory,
    *,
    events: Sequence[Happened] = ORDINARY,
    consumers: Iterable[str] = CONSUMERS,
    partitions: int = 2,
    every: float = 0.5,
    lasts: float = 62.0,
) -> Scenario:
    """The shop writes events; consumers count; after `lasts` seconds somebody makes the table anew."""

    async def day(world: World) -> None:
        world.start("broker", broker(partitions))
        for statement in TABLES:
            for name in (LIVE, REBUILT):
                await world.node("operator").database(name).execute(statement)
        for name in consumers:
            world.start(name, consumer(memory))
        await world.run_for(0.2)
        topic = world.node("shop").topic(TOPIC)
        happened = [event_of(number, each) for number, each in enumerate(events, start=1)]
        for start in range(0, len(happened), BATCH):
            batch = happened[start : start + BATCH]
            await topic.append_many([(_key(world, memory, event), event) for event in batch])
            await world.run_for(every)
        await world.run_for(lasts)
        await rebuild(world.node(LATE), memory, partitions)

    return day


def busy_day(memory: Memory, *, orders: int = 240) -> Scenario:
    """Many orders, and nobody who reads: where do they go? Three of five are Ada's."""

    async def day(world: World) -> None:
        world.start("broker", broker(MANY))
        customers = ("Ada", "Ada", "Ben", "Ada", "Chen")
        events = [event_of(n, (n, "paid", customers[n % 5], 1990)) for n in range(1, orders + 1)]
        rows = [(_key(world, memory, event), event) for event in events]
        topic = world.node("shop").topic(TOPIC)
        for start in range(0, orders, 60):
            await topic.append_many(rows[start : start + 60])

    return day


def event_of(number: int, happened: Happened) -> Event:
    order, what, customer, cents = happened
    return {"event": number, "what": what, "order": order, "customer": customer, "cents": cents}


def _key(world: World, memory: Memory, event: Event) -> str | None:
    """The key that key_of gives, as the log takes it: a string, bytes as text, or None."""
    try:
        key = memory.fresh()["key_of"](dict(event))
    except NotImplementedError as error:
        world.record("unfinished", answer="key_of", text=str(error))
        raise
    if isinstance(key, bytes):
        return key.decode(errors="backslashreplace")
    if key is not None and not isinstance(key, str):
        raise TypeError(f"key_of gives bytes or a string; it gave {key!r}, a {type(key).__name__}")
    return key


async def rebuild(node: Node, memory: Memory, partitions: int) -> None:
    """Make the table anew from zero, a partition after the other, with one restart in each."""
    db, topic = node.database(REBUILT), node.topic(TOPIC)
    for partition in range(partitions):
        for most in (2, 500):
            answers = memory.fresh()
            try:
                position = await _asked(node, answers["resume_from"], db, partition)
                for record in await topic.fetch(partition, position, max_records=most):
                    await _consume(node, answers["consume"], record, db, epoch=1, replay=True)
            except NotImplementedError:
                raise
            except Exception as error:
                node.record("failed", error=f"{type(error).__name__}: {error}")
