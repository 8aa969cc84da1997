"""The shop at lunch as real services, as lesson 05 has it: one worker, 10 orders a second at most."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from classroom.scale import Failure

DEADLINE = 10.0


def orders(bound: int | None) -> Any:
    """At most `bound` orders inside; more are answered 503."""

    def start(node: Any) -> FastAPI:
        app, worker, inside = FastAPI(), asyncio.Lock(), 0

        @app.post("/orders")
        async def order(request: dict[str, Any]) -> Any:
            nonlocal inside
            if bound is not None and inside >= bound:
                return JSONResponse({"error": "too busy"}, 503)
            inside += 1
            async with worker:
                await asyncio.sleep(0.1)
            inside -= 1
            return {"order": "taken"}

        return app

    return start


async def buy(node: Any, client: httpx.AsyncClient, policy: Any, number: int) -> None:
    gives_up_at = node.now() + DEADLINE
    policy.on_first_try()
    for attempt in count(1):
        failure = Failure(None)
        try:
            response = await client.post("http://orders/orders", json={"order": number})
        except httpx.TransportError:
            pass
        else:
            if response.status_code < 400:
                policy.on_success()
                return
            failure = Failure(response.status_code)
        remaining = gives_up_at - node.now()
        wait = policy.delay(attempt, failure, remaining) if remaining > 0 else None
        if wait is None or wait >= remaining:
            return
        await asyncio.sleep(wait)


def lunch(policy: Any, *, bound: int | None, lasts: float) -> Any:
    async def scenario(world: Any) -> None:
        world.start("orders", orders(bound))
        shop = world.node("shop")
        client, chosen = shop.client(timeout=1.0), policy(rng=shop.rng("policy"))
        arrivals = shop.rng("arrivals")
        buyers = []  # or nobody would hold the tasks
        for number in count():
            await world.run_for(arrivals.uniform(0.8, 1.2) / 8)
            if world.now() >= lasts:
                return
            buyers.append(asyncio.create_task(buy(shop, client, chosen, number)))

    return scenario
