"""Calling an ASGI app without a socket: one request in, one whole reply out; and its lifespan.

Not here  Streams and websockets: an exchange of the simulated network carries whole messages.
Source    The ASGI specification, "HTTP" and "Lifespan".
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from classroom.world.effects import never
from classroom.world.network import Reply, Request

App = Callable[..., Awaitable[None]]
Message = MutableMapping[str, Any]


async def call(
    app: App,
    request: Request,
    *,
    host: str,
    on_error: Callable[[BaseException], None],
    hang_up: Callable[[], Awaitable[None]] = never,
    state: Mapping[str, Any] | None = None,
) -> Reply:
    """The app's reply. An exception that escapes the app is told to `on_error` and answered by 500.

    hang_up: waits until the caller has gone. In a simulated world no callee ever learns that.
    """
    path, _, query = request.path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(request.headers),
        "server": (host, 80),
        "client": ("client", 0),
        "state": dict(state or {}),
    }
    status = 500
    headers: list[tuple[bytes, bytes]] = []
    body = bytearray()
    asked = False
    answered = asyncio.get_running_loop().create_future()

    async def receive() -> Message:
        nonlocal asked
        if asked:  # the body was one message; what else can come is that the caller goes
            await hang_up()
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            body.extend(message.get("body", b""))
            if not message.get("more_body", False) and not answered.done():
                answered.set_result(None)

    async def serve() -> None:
        nonlocal status, headers
        try:
            await app(scope, receive, send)
        except Exception as error:
            on_error(error)
            if not body:
                status, headers = 500, [(b"content-type", b"text/plain")]
                body.extend(b"Internal Server Error")
        if not answered.done():
            answered.set_result(None)

    task = asyncio.get_running_loop().create_task(serve())  # it may have work left after the answer
    await answered
    del task
    return Reply(status, tuple(headers), bytes(body))


class Lifespan:
    """Runs an app's start-up and, if asked to, its shutdown.

    `ready` is done when requests may come, `over` is set when nothing is left to run.
    """

    def __init__(self, app: App, on_error: Callable[[BaseException], None]) -> None:
        self.state: dict[str, Any] = {}  # what the app's lifespan yields, for each of its requests
        self._app = app
        self._on_error = on_error
        self._asked = False
        self._refused = ""
        self._stopped = asyncio.Event()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()

    async def run(self) -> None:
        try:
            scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
            await self._app(scope, self._receive, self._send)
            if self._refused:
                raise RuntimeError(self._refused)
        except Exception as error:
            if self._asked and not self.ready.done():  # an app without lifespan raises before it asks
                self._on_error(error)
        if not self.ready.done():
            self.ready.set_result(None)
        self.over.set()

    def stop(self) -> None:
        """Ask the app to shut down: a live world does at its end. In a simulated one services crash."""
        self._stopped.set()

    async def _receive(self) -> Message:
        if self._asked:
            await self._stopped.wait()
            return {"type": "lifespan.shutdown"}
        self._asked = True
        return {"type": "lifespan.startup"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":  # starlette raises the reason itself, after this
            self._refused = message.get("message") or "start-up failed"
        elif message["type"] == "lifespan.startup.complete" and not self.ready.done():
            self.ready.set_result(None)
