"""The callee's side of a tunnel: a servicer as an ASGI app, which a node can serve.

Idea      The generated code registers a servicer's methods at a server; here this app plays the server. It
          finds the method by the path, gives the handler its message and a context, and answers with what
          it returned and how it ended.
Not here  The caller's side, and what is not as over HTTP/2 (tunnel.py). Initial metadata, compression.
Source    gRPC Python, "ServicerContext".
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote

import grpc
import grpc.aio

from services.resilience.deadline_http import Message, Receive, Send
from services.rpc.generated.inventory_pb2_grpc import InventoryServicer, add_InventoryServicer_to_server
from services.rpc.tunnel import KIND, OK, OURS, Pairs, frame, unframe


@dataclass(frozen=True, slots=True)
class CallDetails:
    """What a server interceptor is told."""

    method: str
    invocation_metadata: Pairs


class TunnelContext:
    """What a handler asks of its call: as much of grpc.aio.ServicerContext as a tunnel can keep."""

    def __init__(self, metadata: Pairs, deadline: float | None) -> None:
        self._metadata = metadata
        self._deadline = deadline
        self._code = OK
        self._details = ""
        self._trailing: Pairs = ()

    def invocation_metadata(self) -> Pairs:
        return self._metadata

    def time_remaining(self) -> float | None:
        """Seconds, never less than 0; None: the caller waits for ever."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - asyncio.get_running_loop().time())

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing: Pairs = ()) -> NoReturn:
        self._code, self._details = code, details
        self._trailing = trailing or self._trailing
        raise grpc.aio.AbortError(details)

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._details = details

    def set_trailing_metadata(self, trailing: Pairs) -> None:
        self._trailing = tuple(trailing)

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> Pairs:
        return self._trailing


UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}


def seconds(timeout: str) -> float | None:
    """A grpc-timeout, up to 8 digits and a unit; None, as if there were none, for anything else."""
    found = re.fullmatch(r"([0-9]{1,8})([HMSmun])", timeout)
    return None if found is None else int(found[1]) * UNITS[found[2]]


class TunnelApp:
    """``world.start("inventory", lambda node: TunnelApp(Inventory(node)))``."""

    def __init__(
        self, servicer: InventoryServicer, *, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()
    ) -> None:
        self._handlers: dict[str, Any] = {}
        self._interceptors = list(interceptors)
        add_InventoryServicer_to_server(servicer, self)  # type: ignore[no-untyped-call]

    # -- what generated code asks of a server -----------------------------------------------------------

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """The same methods again, for older servers."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self._handlers |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    # -- a call -----------------------------------------------------------------------------------------

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError("a tunnel carries calls; it has no lifespan")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        wait = next((seconds(value) for name, value in headers if name == "grpc-timeout"), None)
        deadline = None if wait is None else asyncio.get_running_loop().time() + wait
        metadata = tuple((name, value) for name, value in headers if name not in OURS)
        context = TunnelContext(metadata, deadline)
        body = await self._answer(scope["path"], await _whole(receive), context, deadline)
        answer = [
            ("content-type", KIND),
            ("grpc-status", str(context.code().value[0])),
            ("grpc-message", quote(context.details(), safe=" ")),
            *context.trailing_metadata(),
        ]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str, body: bytes, context: TunnelContext, deadline: float | None) -> bytes:
        """The answers' bytes; what went wrong is in the context then."""
        try:
            async with asyncio.timeout_at(deadline):
                handler = await self._find(CallDetails(path, context.invocation_metadata()), 0)
                if handler is None:
                    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
                requests = [handler.request_deserializer(part) for part in unframe(body)]
                return frame(
                    [handler.response_serializer(one) async for one in _run(handler, requests, context)]
                )
        except TimeoutError:
            context.set_code(grpc.StatusCode.DEADLINE_EXCEEDED)
            context.set_details("Deadline Exceeded")
        except grpc.aio.AbortError:
            pass
        except Exception as error:  # as grpc.aio does: the caller learns that it was, and of which kind
            context.set_code(grpc.StatusCode.UNKNOWN)
            context.set_details(f"Unexpected {type(error)}: {error}")
        return b""

    async def _find(self, details: CallDetails, at: int) -> Any:
        if at == len(self._interceptors):
            return self._handlers.get(details.method)

        async def go_on(details: CallDetails) -> Any:
            return await self._find(details, at + 1)

        return await self._interceptors[at].intercept_service(go_on, details)


async def _run(handler: Any, requests: list[Any], context: TunnelContext) -> AsyncIterator[Any]:
    """The answers of a handler of any of the four kinds."""
    asked = "stream" if handler.request_streaming else "unary"
    behaviour = getattr(handler, f"{asked}_{'stream' if handler.response_streaming else 'unary'}")
    if not requests and not handler.request_streaming:
        await context.abort(
            grpc.StatusCode.INTERNAL, "a call that is no stream has one message, and none came"
        )
    answer = behaviour(_each(requests) if handler.request_streaming else requests[0], context)
    if not handler.response_streaming:
        yield await answer
        return
    async for one in answer:
        yield one


async def _each(requests: list[Any]) -> AsyncIterator[Any]:
    for one in requests:
        yield one


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body
