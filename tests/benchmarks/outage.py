"""Ten virtual minutes with an outage in them, and 1,000 hops."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI

from classroom.world.faults import Crash, Partition
from classroom.world.run import Run
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.benchmarks.measure import Measurement, median_seconds

ORDERS = 500  # each is two hops: ada asks orders, orders asks payments
FAULTS = (Crash("payments", at=120, down=60), Partition("orders", "payments", at=300, lasts=60))


def payments(node: Node) -> FastAPI:
    app = FastAPI()
    db = node.database()

    @app.post("/charges/{order}")
    async def charge(order: int) -> dict[str, int]:
        await db.execute("CREATE TABLE IF NOT EXISTS charges (order_id)")
        await db.execute("INSERT INTO charges VALUES (?)", (order,))
        return {"order": order}

    return app


def orders(node: Node) -> FastAPI:
    app = FastAPI()
    client = node.client(timeout=0.5)

    @app.post("/orders/{order}")
    async def place(order: int) -> Any:
        try:
            return (await client.post(f"http://payments/charges/{order}")).json()
        except httpx.TransportError as error:
            return {"error": type(error).__name__}

    return app


async def ten_minutes(world: World) -> None:
    world.start("payments", payments)
    world.start("orders", orders)
    async with world.client("ada") as ada:
        for order in range(ORDERS):
            await world.run_for(max(0, order * 600 / ORDERS - world.now()))
            await ada.post(f"http://orders/orders/{order}")
    await world.run_for(max(0, 600 - world.now()))


def run() -> Run:
    run = simulate(ten_minutes, faults=FAULTS)
    run.raise_error()
    return run


def measure() -> list[Measurement]:
    made = run()
    requests, struck = len(made.of("request")), len(made.of("refused", "reset", "timeout"))
    assert made.duration >= 600 and requests == 2 * ORDERS and struck >= 50, (made, requests, struck)
    took = median_seconds(run, times=5)
    note = f"{requests} requests, {struck} of them failed; {took.wall:.2f} s of wall"
    what = "10 virtual minutes, an outage, 1,000 hops"
    return [Measurement(what, took.cpu, "s", must=1.0, goal=0.5, note=note)]
