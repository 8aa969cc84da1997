"""Deadlines over HTTP: out with every request, in with every request.

Idea      Outgoing: send() waits no longer than what remains, and says so in the header. Incoming: the
          middleware reads the header, refuses what is over already, hands `request.state.deadline`
          to the handler, and cancels the handler when the time is up. So work stops all the way down.
Not here  The deadline itself (deadline.py).
Mind      HTTP/1.1 has no "never mind": closing the connection cancels no handler of a FastAPI app. The
          header is what stops the others.
Source    google.rpc.Code: DEADLINE_EXCEEDED is 504 in HTTP.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from services.resilience.deadline import HEADER, Deadline, DeadlineExceeded, enforce, to_header

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


async def send(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    deadline: Deadline,
    timeout: float | None = None,
    keep: float = 0.0,
    **options: Any,
) -> httpx.Response:
    """client.request(), for as long as the deadline leaves, and telling the other side how long that is.

    timeout: seconds for this try alone, where another one may follow; None: all that is left.
    keep:    seconds that are held back, for the way and for our own work after the answer.
    options: as for client.request().

    Raises DeadlineExceeded if nothing is left, or if all of it went by; httpx.ReadTimeout after `timeout`.
    (httpx counts each read anew. An answer that trickles is bounded by `async with enforce(deadline)`.)
    """
    now = asyncio.get_running_loop().time()
    remaining = deadline.remaining(now + keep)
    if remaining == 0:
        left = deadline.remaining(now)
        raise DeadlineExceeded(
            f"{method} {url} was not sent: {left:.3f} s remain, and {keep:g} s are kept back"
        )
    wait = remaining if timeout is None else min(timeout, remaining)
    headers = {**(options.pop("headers", None) or {}), HEADER: to_header(wait)}
    try:
        return await client.request(method, url, headers=headers, timeout=wait, **options)
    except httpx.TimeoutException as error:
        if wait < remaining:
            raise
        raise DeadlineExceeded(f"{method} {url}: no answer within the {wait:.3f} s that remained") from error


class DeadlineMiddleware:
    """``app.add_middleware(DeadlineMiddleware, at_most=2.0)``: each request has a deadline.

    at_most: seconds that this service works for anybody, whatever the header says.
    A handler finds it as `request.state.deadline`. Where it is over the answer is 504.
    """

    def __init__(self, app: App, *, at_most: float) -> None:
        self._app = app
        self._at_most = at_most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        now = asyncio.get_running_loop().time()
        deadline = Deadline.from_headers(headers, now, at_most=self._at_most)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with enforce(deadline):
                state = {**scope.get("state", {}), "deadline": deadline}
                await self._app({**scope, "state": state}, receive, watched)
        except DeadlineExceeded as error:
            if started:
                raise  # half an answer is out: the connection must break
            body = json.dumps({"error": str(error)}).encode()
            kind = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 504, "headers": kind})
            await send({"type": "http.response.body", "body": body})
