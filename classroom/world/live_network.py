"""The live network: an exchange is a real HTTP request over a real socket of 127.0.0.1.

Idea      The same `exchange` as the simulated network's, so that nodes, clients and queues need not
          know which it is. Each service is a uvicorn server on a port that the system chose; each
          process has connections of its own, which break when it dies. A header that services do
          not see says which call a request is, so that both ends are one call in the history.
Not here  Loss, delay, duplicates: those cannot be asked of a real network. Streams: a reply travels
          whole, as in the simulated world. Other hosts: names are those of this world. The server
          (live_server.py).
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import httpx

from classroom.world.effects import never
from classroom.world.live_server import HangUp, Server
from classroom.world.loop import WorldLoop
from classroom.world.network import NoAnswerInTime, Nodes, Refused, Reply, Request, Reset, Serve, readable
from classroom.world.process import Process

CALL = b"x-call"  # the header that says which call of the history a request is
PARTS = b"transfer-encoding"  # of this one connection, and not of the request or reply that travels
OUTSIDE = "outside"  # who calls without it: no node of this world
KEPT_IDLE = 5.0  # seconds that a client keeps an idle connection
MOST_IDLE = 20  # connections that it keeps, as httpx does: for each idle one httpcore looks at all of them


class LiveNetwork:
    """Carries exchanges over HTTP. record(node, kind, **data) writes into the history."""

    def __init__(self, loop: WorldLoop, nodes: Nodes, *, record: Callable[..., None]) -> None:
        self._loop = loop
        self._nodes = nodes
        self._record = record
        self._callers: list[str] = []  # of call 1, 2, ...
        self._servers: dict[Process, Server] = {}
        self._connections: dict[Process, httpx.AsyncHTTPTransport] = {}
        self._closing: list[asyncio.Task[None]] = []

    # ---- the caller's side -----------------------------------------------------------

    async def exchange(
        self, caller: Process, callee: str, request: Request, *, timeout: float | None
    ) -> Reply:
        """Send, wait, receive. timeout: seconds for the whole of it; None waits for ever.

        Raises Refused, Reset or NoAnswerInTime, as Network.exchange does. The dead get no answer.
        """
        self._nodes.find(callee)  # a misspelt name is an error at once
        await _stay_alive(caller)
        call = self._new_call(caller.name, callee, request)
        try:
            async with asyncio.timeout(timeout):
                reply = await self._send(caller, callee, call, request)
        except TimeoutError:
            await _stay_alive(caller)
            self._record(caller.name, "timeout", call=call, to=callee, after=timeout)
            short = f"{request.method} {callee}{request.path}"
            raise NoAnswerInTime(f"no answer from {callee} within {timeout:g} s ({short})") from None
        except asyncio.CancelledError:
            if caller.alive:
                self._record(caller.name, "cancelled", call=call, to=callee)
            raise
        except (Refused, Reset) as error:
            await _stay_alive(caller)
            kind = "refused" if isinstance(error, Refused) else "reset"
            self._record(caller.name, kind, call=call, to=callee)
            raise
        await _stay_alive(caller)
        self._record(caller.name, "answer", call=call, callee=callee, status=reply.status)
        return reply

    def _new_call(self, caller: str, callee: str, request: Request) -> int:
        self._callers.append(caller)
        call = len(self._callers)
        self._record(
            caller, "request", call=call, to=callee, method=request.method, path=request.path,
            body=readable(request.body),
        )  # fmt: skip
        return call

    async def _send(self, caller: Process, callee: str, call: int, request: Request) -> Reply:
        base = httpx.URL(self.url_of(self._nodes.find(callee).process))
        url = base.copy_with(raw_path=request.path.encode())
        headers = [header for header in request.headers if header[0] not in (CALL, PARTS)]
        headers.append((CALL, str(call).encode()))
        try:
            response = await self._connections_of(caller).handle_async_request(
                httpx.Request(request.method, url, headers=headers, content=request.body)
            )
            try:
                body = b"".join([part async for part in response.aiter_raw()])
            finally:
                await response.aclose()
        except httpx.ConnectError as error:
            raise Refused(f"{callee}: connection refused ({error})") from None
        except httpx.TransportError:
            raise Reset(f"{callee} died while it served {request.path}: connection reset") from None
        whole = [header for header in response.headers.raw if header[0].lower() != PARTS]
        return Reply(response.status_code, tuple(whole), body)

    def _connections_of(self, process: Process) -> httpx.AsyncHTTPTransport:
        if process not in self._connections:
            limits = httpx.Limits(
                max_connections=None, max_keepalive_connections=MOST_IDLE, keepalive_expiry=KEPT_IDLE
            )
            transport = httpx.AsyncHTTPTransport(verify=False, trust_env=False, limits=limits)
            self._connections[process] = transport
        return self._connections[process]

    def url_of(self, process: Process) -> str:
        """Raises Refused: in our words, since the port of a dead server may be somebody else's by now."""
        server = self._servers.get(process)
        if server is None:
            reason = "is a worker and listens to nobody" if process.alive else "is down"
            raise Refused(f"{process.name} {reason}: connection refused")
        return f"http://{server.host}:{server.port}/"

    # ---- the callee's side -----------------------------------------------------------

    def listen(self, process: Process, serve: Serve) -> None:
        """Give the process a server, which answers by serve(request, hang_up=...)."""

        async def answer(request: Request, hang_up: HangUp) -> Reply:
            await _stay_alive(process)
            call, request = self._arrived(process, request)
            # A task and a context of its own: a connection's would be handed on from request to request.
            task = self._loop.create_task(serve(request, hang_up=hang_up), context=process.fresh_context())
            await asyncio.wait({task})
            if not process.alive or task.cancelled() or task.exception() is not None:
                await never()  # crashed, sys.exit(), or the run is broken off
            reply: Reply = task.result()
            to, body = self._callers[call - 1], readable(reply.body)
            self._record(process.name, "reply", call=call, to=to, status=reply.status, body=body)
            return reply

        self._servers[process] = Server(self._loop, answer)

    def _arrived(self, process: Process, request: Request) -> tuple[int, Request]:
        """Which call it is, and the request without the header that says so."""
        named = [value for name, value in request.headers if name == CALL]
        request = replace(request, headers=tuple(h for h in request.headers if h[0] != CALL))
        call = int(named[0]) if named and named[0].isdigit() else 0
        if not 0 < call <= len(self._callers):
            call = self._new_call(OUTSIDE, process.name, request)
        facts = {"caller": self._callers[call - 1], "method": request.method, "path": request.path}
        self._record(process.name, "arrive", call=call, **facts, copy=1)
        return call, request

    # ---- the world's side ------------------------------------------------------------

    def died(self, process: Process) -> None:
        """Its port is closed and its connections break, those to it and those from it."""
        if server := self._servers.pop(process, None):
            server.kill()
            self._close_soon(server.closed())
        if connections := self._connections.pop(process, None):
            self._close_soon(_close(connections))

    async def close(self) -> None:
        """Close every socket."""
        for process in {*self._servers, *self._connections}:
            self.died(process)
        if self._closing:
            await asyncio.wait(self._closing)

    def _close_soon(self, closing: Coroutine[Any, Any, None]) -> None:
        self._closing.append(self._loop.create_task(closing, context=contextvars.Context()))


async def _close(connections: httpx.AsyncHTTPTransport) -> None:
    with contextlib.suppress(Exception):  # what a broken connection has to say no longer matters
        await connections.aclose()


async def _stay_alive(process: Process) -> None:
    if not process.alive:
        await never()
