"""A system with everything in it; `python -m tests.world.determinism` prints the digests of its runs."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import httpx

from classroom.world.faults import Crash, Delay, Drop, Duplicate, ErrorRate, Partition, Pause, Slow
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node

PLAN = (
    Crash("payments", at=2.05, down=1.5),
    Crash("orders", before=9, down=0.5),
    Pause("worker", at=1.5, lasts=3),
    Partition("orders", "payments", at=5, lasts=1.5),
    Drop("*", "payments", part="reply", rate=0.2),
    Duplicate("ada", "orders", rate=0.3),
    Delay("bob", "*", by=0.4, rate=0.5),
    ErrorRate("orders", "payments", rate=0.1),
    Slow("payments", by=0.05, at=7, lasts=2),
)


def payments(node: Node) -> Any:
    from fastapi import FastAPI

    app = FastAPI()
    db = node.database()

    @app.post("/charges/{order}")
    async def charge(order: str, amount: int) -> dict[str, Any]:
        async with db.transaction():
            await db.execute("CREATE TABLE IF NOT EXISTS charges (order_id, amount)")
            await db.execute("INSERT INTO charges VALUES (?, ?)", (order, amount))
        node.record("charge", order=order, amount=amount, tags={"z", "a", "m"}, chance=node.rng("x").random())
        return {"order": order}

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app


def orders(node: Node) -> Any:
    from fastapi import FastAPI, Query

    app = FastAPI()

    @app.post("/orders/{order}")
    async def order(order: str, amount: Annotated[int, Query()] = 1) -> dict[str, Any]:
        async with node.client(timeout=0.5) as client:

            async def attempt(number: int) -> int:
                await asyncio.sleep(node.rng(f"jitter {order} {number}").uniform(0, 0.2))
                try:
                    response = await client.post(f"http://payments/charges/{order}?amount={amount}")
                except httpx.TransportError as error:
                    node.record("failed", order=order, error=f"{type(error).__name__}: {error!r}")
                    return 0
                return response.status_code

            found = []
            for completed in asyncio.as_completed([attempt(number) for number in range(3)]):
                found.append(await completed)
        return {"order": order, "found": found}

    return app


async def worker(node: Node) -> None:
    """Starts and cancels tasks in sets."""
    for round_ in range(8):
        tasks = {asyncio.create_task(asyncio.sleep(number % 3, number)) for number in range(7)}
        done, pending = await asyncio.wait(tasks, timeout=0.5)
        node.record("round", number=round_, done=[task.result() for task in done])
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await asyncio.sleep(0.3)


async def everything(world: World) -> None:
    world.start("payments", payments)
    world.start("orders", orders)
    world.start("worker", worker)

    async def shop(name: str) -> None:
        async with world.client(name, timeout=1.0) as client:
            for number in range(6):
                try:
                    response = await client.post(f"http://orders/orders/{name}-{number}")
                    world.record("shopped", who=name, status=response.status_code)
                except httpx.TransportError as error:
                    world.record("shopped", who=name, error=repr(error))
                await client.get("http://payments/health") if number == 0 else None
                await asyncio.sleep(0.7)

    async with asyncio.TaskGroup() as group:
        for name in ("ada", "bob", "eve"):
            group.create_task(shop(name))
    await world.run_for(20)


def digests(seeds: range, *, shuffle: bool = False) -> list[str]:
    return [simulate(everything, seed=seed, faults=PLAN, shuffle=shuffle).digest for seed in seeds]


if __name__ == "__main__":
    print(json.dumps([digests(range(2)), digests(range(2), shuffle=True)]))
