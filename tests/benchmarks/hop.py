"""A simulated hop against the same FastAPI app through httpx.ASGITransport on plain asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

from classroom.world.simulated import simulate
from classroom.world.world import World
from tests.benchmarks.measure import Measurement, median_ratio, median_seconds

HOPS = 300
AT_REST = 0.9e-3  # seconds of a plain hop on the machine on which the budgets were set (2 cores, Python 3.11)


def echo(node: Any = None) -> FastAPI:
    app = FastAPI()

    @app.post("/echo")
    async def answer(body: dict[str, Any]) -> dict[str, Any]:
        return body

    return app


async def hops(client: httpx.AsyncClient) -> None:
    for number in range(HOPS):
        response = await client.post("http://echo/echo", json={"number": number})
        assert response.json() == {"number": number}


def plainly() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=echo())) as client:
            await hops(client)

    asyncio.run(main())


def simulated() -> None:
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        async with world.client("ada") as client:
            await hops(client)

    simulate(scenario).raise_error()


def pace() -> float:
    """How much slower this machine is now than that one was: 1.5 means by half."""
    return median_seconds(plainly, times=3).cpu / HOPS / AT_REST


def measure() -> list[Measurement]:
    ratio, ours, theirs = median_ratio(simulated, plainly, times=11)
    note = f"{ours / HOPS * 1e6:.0f} against {theirs / HOPS * 1e6:.0f} us a hop"
    return [Measurement("a simulated hop, against ASGITransport", ratio, "x", must=1.5, goal=1.2, note=note)]
