"""A view for the tests: revenue by customer, made from the orders in a topic of two partitions."""

from __future__ import annotations

import asyncio
from typing import Any

from minibroker import Broker, BrokerApp, BrokerError
from minibroker.record import Record
from services.events.digest import digest
from services.events.follower import follow
from services.events.projection import Projection
from services.node import Database, Node

CUSTOMERS = ("ada", "ben", "chen", "dora")
COLUMNS = "customer TEXT PRIMARY KEY, orders INTEGER, amount INTEGER"


async def add_order(db: Database, table: str, record: Record) -> None:
    """Not idempotent, on purpose: applied twice it counts twice."""
    await db.execute(
        f"INSERT INTO {table} VALUES (?, 1, ?) ON CONFLICT (customer) "
        "DO UPDATE SET orders = orders + 1, amount = amount + excluded.amount",
        (record.value["customer"], record.value["amount"]),
    )


def revenue(db: Database, **options: Any) -> Projection:
    return Projection(db, "revenue", columns=COLUMNS, apply=add_order, **options)


def order(number: int) -> dict[str, Any]:
    return {"order": number, "customer": CUSTOMERS[number * 7 % 4], "amount": 1000 + number}


def expected(values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The view by the plain loop."""
    rows: dict[str, dict[str, Any]] = {}
    for value in values:
        row = rows.setdefault(value["customer"], {"customer": value["customer"], "orders": 0, "amount": 0})
        row["orders"] += 1
        row["amount"] += value["amount"]
    return list(rows.values())


def expected_digest(count: int) -> str:
    return digest(expected([order(number) for number in range(count)]))


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_topic("orders", partitions=2)
    return BrokerApp(holder)


def writer(count: int, *, every: float = 0.2) -> Any:
    """Writes `count` orders, each under its number, so that each is in the log once whatever happens."""

    async def orders(node: Node) -> None:
        topic = node.topic("orders")
        me = await again(topic.new_producer)
        for number in range(count):
            where = {"partition": number % 2, "producer": me, "sequence": number // 2}
            await again(lambda n=number, w=where: topic.append(order(n)["customer"], order(n), **w))
            await asyncio.sleep(every)

    return orders


async def again(call: Any) -> Any:
    while True:
        try:
            return await call()
        except BrokerError as error:
            assert error.code in ("no_answer", "broker_unreachable")


async def projector(node: Node) -> None:
    """One of several followers that share the database `view`."""
    consumer = node.topic("orders").consumer("revenue", start="earliest", session_timeout=6)
    await follow(node, consumer, revenue(node.database("view")), max_records=3, wait=3.0)
