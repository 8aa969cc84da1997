"""Small services for the tests of the world: raw ASGI, for tests that are not about FastAPI."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from classroom.world.run import Run
from classroom.world.simulated import simulate
from services.node import Node

Handler = Callable[[str], Awaitable[Any]]  # the path of a request -> what is answered, as JSON


def app(handler: Handler) -> Callable[..., Awaitable[None]]:
    """An ASGI app of one handler. It has no lifespan, and says so as the specification wants it."""

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError("this app has no lifespan")
        await receive()
        answer = json.dumps(await handler(scope["path"])).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return asgi


def echo(node: Node) -> Callable[..., Awaitable[None]]:
    """Answers each request with its path and notes that it was asked."""

    async def answer(path: str) -> str:
        node.record("asked", path=path)
        return path

    return app(answer)


def relay(to: str) -> Callable[[Node], Callable[..., Awaitable[None]]]:
    """A service that asks another one the same thing, and answers what that answered."""

    def factory(node: Node) -> Callable[..., Awaitable[None]]:
        async def answer(path: str) -> Any:
            async with node.client() as client:
                return (await client.get(f"http://{to}{path}")).json()

        return app(answer)

    return factory


def kept(scenario: Any, **options: Any) -> Run:
    """A run whose scenario came to its end."""
    run = simulate(scenario, **options)
    run.raise_error()
    return run
