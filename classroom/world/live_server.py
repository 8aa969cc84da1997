"""One service's server: uvicorn on a port of 127.0.0.1, which can be killed.

Idea      The socket is bound before uvicorn starts, so that its port is known at once and nobody is
          refused while the service starts. To kill it is to do what the system does with the
          sockets of a process that died: close them all, with no goodbye.
Not here  What is served (live_network.py). Websockets, TLS, several workers, reload, signals.
"""

import asyncio
import contextlib
import contextvars
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn

from classroom.world.asgi import Message
from classroom.world.effects import never
from classroom.world.loop import WorldLoop
from classroom.world.network import Reply, Request

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
HangUp = Callable[[], Awaitable[None]]
Answer = Callable[[Request, HangUp], Awaitable[Reply]]

BACKLOG = 128  # connections that wait to be accepted
LONG = 3600  # seconds that an idle connection is kept: the client lets go first, or a request could cross it
SOON = 0.05  # seconds in which a connection that was just being accepted is there to be broken
TURNS = 5  # of the loop, in which the same comes to pass at the end of a run


class Server:
    """Answers each request by answer(request, hang_up), from the next turn of the loop on.

    hang_up() waits until the caller has gone.
    """

    def __init__(self, loop: WorldLoop, answer: Answer) -> None:
        self._loop = loop
        self._answer = answer
        # asyncio sends small parts at once (TCP_NODELAY) only if the protocol is named; else each waits 40 ms
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(BACKLOG)
        self.host: str
        self.port: int
        self.host, self.port = self._socket.getsockname()
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                self._app,
                interface="asgi3",
                lifespan="off",  # the world runs it (asgi.Lifespan), so that both worlds do it alike
                backlog=BACKLOG,
                http="h11",
                ws="none",
                log_config=None,
                log_level="warning",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=LONG,
            )
        )
        serving = self._uvicorn.serve(sockets=[self._socket])
        self._task = loop.create_task(serving, context=contextvars.Context())

    def kill(self) -> None:
        """Close the port and break all connections, now."""
        self._task.cancel()
        self._loop.remove_reader(self._socket)
        for server in getattr(self._uvicorn, "servers", ()):
            server.close()
        self._socket.close()
        self._break_connections()
        self._loop.later(SOON, self._break_connections)

    async def closed(self) -> None:
        """Wait until the last of a killed server is gone."""
        await asyncio.wait({self._task})
        for _ in range(TURNS):
            self._break_connections()
            await asyncio.sleep(0)

    def _break_connections(self) -> None:
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()

    async def _app(self, scope: Any, receive: Receive, send: Send) -> None:
        """The ASGI app that uvicorn sees."""

        async def hang_up() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        query = scope["query_string"]
        path = (scope["raw_path"] + (b"?" + query if query else b"")).decode("ascii")
        request = Request(scope["method"], path, tuple(map(tuple, scope["headers"])), body)
        with contextlib.suppress(asyncio.CancelledError):  # the run is over; uvicorn would log it as an error
            reply = await self._answer(request, hang_up)
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
            await send({"type": "http.response.body", "body": reply.body})


class _Uvicorn(uvicorn.Server):
    """uvicorn without its hands on the signals of the kernel, and without a tick."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await never()
