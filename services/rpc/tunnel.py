"""gRPC without HTTP/2: the same stub, the same servicer, the same bytes, over a node's own network.

Idea      A stub asks its channel for a callable, a servicer gives its server a table of handlers; neither
          sees a socket. So in a world without sockets a call is a POST to /shop.Inventory/Reserve: its
          body the serialized messages in gRPC's own frames, its headers the metadata and `grpc-timeout`,
          and the answer's headers the status. Interceptors are called as gRPC calls them.
Same      bytes of each message, metadata, status codes, deadlines: the handler is cancelled when its own is
          over.
Other     A stream travels whole: all lines first, then all outcomes. Nothing is multiplexed, and no callee
          learns that its caller has left. To see those, listen on a port (listening.py).
Not here  The callee's side (tunnel_app.py). Metadata of bytes ("-bin").
Source    "gRPC over HTTP2" (frames, grpc-timeout, grpc-status). gRPC-Web is a bridge of the same kind.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio
import httpx

OK = grpc.StatusCode.OK
BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
OURS = ("grpc-status", "grpc-message", "grpc-timeout", "content-type", "content-length", "host")
KIND = "application/grpc+proto"
Pairs = tuple[tuple[str, str], ...]


def frame(messages: Iterable[bytes]) -> bytes:
    """Each message behind its length: a byte (0: not compressed), four bytes, the message."""
    return b"".join(b"\0" + len(message).to_bytes(4, "big") + message for message in messages)


def unframe(body: bytes) -> list[bytes]:
    """The messages in `body`. ValueError if it ends within one."""
    messages, at = [], 0
    while at < len(body):
        end = at + 5 + int.from_bytes(body[at + 1 : at + 5], "big")
        if body[at] != 0 or end > len(body):
            raise ValueError(f"a frame at byte {at} of {len(body)} is compressed, or not whole")
        messages.append(body[at + 5 : end])
        at = end
    return messages


# ---------------------------------------------------------------- the caller's side


class TunnelChannel:
    """What a stub takes for a channel: calls go through `client` to the service `host`."""

    def __init__(self, client: httpx.AsyncClient, host: str, *, interceptors: Sequence[Any] = ()) -> None:
        self._client = client
        self._host = host
        self._interceptors = list(interceptors)

    def unary_unary(self, path: str, **how: Any) -> Callable[..., TunnelCall]:
        return partial(self._call, "unary_unary", path, how)

    def stream_stream(self, path: str, **how: Any) -> Callable[..., TunnelCall]:
        return partial(self._call, "stream_stream", path, how)

    def _call(self, kind: str, path: str, how: dict[str, Any], request: Any, **options: Any) -> TunnelCall:
        """Through all interceptors of this kind of call, the first one outermost."""

        async def send(details: Any, request: Any) -> TunnelCall:
            return TunnelCall(self._exchange(details, await _all(request, kind), how))

        go_on = send
        for interceptor in reversed(self._interceptors):
            if hook := getattr(interceptor, f"intercept_{kind}", None):
                go_on = partial(hook, go_on)
        timeout, metadata = options.get("timeout"), options.get("metadata")
        return TunnelCall(go_on(grpc.aio.ClientCallDetails(path, timeout, metadata, None, None), request))

    async def _exchange(
        self, details: Any, requests: list[Any], how: dict[str, Any]
    ) -> tuple[list[Any], Pairs]:
        if details.timeout is not None and details.timeout <= 0:
            raise _failed(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        headers = list(details.metadata or ())
        if strange := [name for name, value in headers if not isinstance(value, str) or name in OURS]:
            raise ValueError(f"a tunnel carries metadata of text, under names of your own; not {strange}")
        headers.append(("content-type", KIND))
        if details.timeout is not None:
            headers.append(("grpc-timeout", f"{max(0, math.floor(details.timeout * 1000))}m"))
        try:
            response = await self._client.post(
                f"http://{self._host}{details.method}",
                content=frame(how["request_serializer"](request) for request in requests),
                headers=headers,
                timeout=details.timeout,
            )
        except httpx.TimeoutException as error:
            raise _failed(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from error
        except httpx.TransportError as error:
            raise _failed(grpc.StatusCode.UNAVAILABLE, str(error)) from error
        trailing = tuple((name, value) for name, value in response.headers.multi_items() if name not in OURS)
        number = response.headers.get("grpc-status", "")
        if not number.isdigit():
            raise _failed(grpc.StatusCode.UNKNOWN, f"HTTP status {response.status_code}, and no grpc-status")
        code = BY_NUMBER.get(int(number), grpc.StatusCode.UNKNOWN)
        if code is not OK:
            raise _failed(code, unquote(response.headers.get("grpc-message", "")), trailing)
        return [how["response_deserializer"](part) for part in unframe(response.content)], trailing


class TunnelCall:
    """One call, as grpc.aio has it: await the answer, iterate over the answers, or ask how it ended.

    `work` returns them with the trailing metadata; or, of a call that was intercepted, the call beneath.
    """

    def __init__(self, work: Awaitable[Any]) -> None:
        self._work: asyncio.Future[Any] = asyncio.ensure_future(work)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._first().__await__()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for reply in (await self._ended())[0]:
            yield reply

    def cancel(self) -> bool:
        """Wait no longer. The callee does not learn of it."""
        beneath = self._beneath()
        return self._work.cancel() if beneath is None else beneath.cancel()

    def add_done_callback(self, callback: Callable[[TunnelCall], None]) -> None:
        self._work.add_done_callback(lambda _: callback(self))

    async def code(self) -> grpc.StatusCode:
        try:
            await self._ended()
        except grpc.aio.AioRpcError as error:
            return error.code()
        except asyncio.CancelledError:
            if self._work.cancelled():
                return grpc.StatusCode.CANCELLED
            raise
        return OK

    async def trailing_metadata(self) -> Pairs:
        return (await self._ended())[1]

    async def _first(self) -> Any:
        return (await self._ended())[0][0]

    async def _ended(self) -> tuple[list[Any], Pairs]:
        found = await self._work
        if isinstance(found, TunnelCall):
            return await found._ended()
        ended: tuple[list[Any], Pairs] = found
        return ended

    def _beneath(self) -> TunnelCall | None:
        if not self._work.done() or self._work.cancelled() or self._work.exception() is not None:
            return None
        found = self._work.result()
        return found if isinstance(found, TunnelCall) else None


async def _all(request: Any, kind: str) -> list[Any]:
    if kind == "unary_unary":
        return [request]
    return [one async for one in request] if isinstance(request, AsyncIterable) else list(request)


def _failed(code: grpc.StatusCode, details: str, trailing: Pairs = ()) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=details)
