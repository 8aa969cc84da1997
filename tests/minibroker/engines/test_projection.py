"""The course's follower and projection, as they stand, on minibroker's log and on Kafka's."""

import asyncio
from types import SimpleNamespace

from services.events.follower import follow
from services.events.projection import Projection
from tests.minibroker.engines.test_lesson_08 import Database


async def total_up(db, table, record):
    await db.execute(
        f"INSERT INTO {table} VALUES (?, ?) "
        f"ON CONFLICT (customer) DO UPDATE SET cents = cents + excluded.cents",
        (record.key, record.value["cents"]),
    )


def test_a_view_counts_each_record_once_though_its_follower_dies_between_two_commits(topics):
    async def scenario(broker):
        orders = await broker.create_topic(topics.topic_name("orders"), partitions=4)
        written = [await orders.append(f"customer-{n % 3}", {"cents": n}) for n in range(12)]
        database, group = Database(), topics.name("totals")
        view = Projection(
            database, "totals", columns="customer TEXT PRIMARY KEY, cents INTEGER", apply=total_up
        )
        await view.create()
        node = SimpleNamespace(record=lambda kind, **data: None)

        async def follow_up_to(records):
            """A follower, until the view has these; then it dies, as a cancelled task does."""
            consumer = orders.consumer(group, member="ada", start="earliest", session_timeout=2.5)
            following = asyncio.create_task(follow(node, consumer, view, wait=0.5))
            for record in records:
                assert await view.wait_for_position(record.partition, record.offset, timeout=20.0)
            following.cancel()
            await asyncio.wait([following])
            await consumer.leave()

        await follow_up_to(written)
        await follow_up_to([await orders.append("customer-0", {"cents": 100})])
        return await database.execute("SELECT customer, cents FROM totals ORDER BY customer")

    assert topics.run(scenario) == [
        {"customer": "customer-0", "cents": 0 + 3 + 6 + 9 + 100},
        {"customer": "customer-1", "cents": 1 + 4 + 7 + 10},
        {"customer": "customer-2", "cents": 2 + 5 + 8 + 11},
    ]
