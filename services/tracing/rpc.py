"""Tracing through gRPC: the trace goes along as metadata.

Idea      gRPC lets an interceptor stand around each call, on both sides. The client's begins a span and
          writes it into the metadata; the server's reads it there and begins a child. Neither the stub
          nor the servicer knows. (opentelemetry-instrumentation-grpc does the same.)
Names     are the method's, "shop.Inventory/Reserve". A stream is one span, however many messages it has.
Errors    Each status but OK is the client's error. Of the server it is one only where the server is to
          blame: a NOT_FOUND is an answer.
Mind      RPC conventions have the status "Development": names may change (conventions.py).
Source    OpenTelemetry, "Semantic conventions for gRPC", the table "gRPC Status".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio
from grpc import StatusCode
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from services.tracing.conventions import RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME
from services.tracing.propagation import extract, inject
from services.tracing.tracer import Tracing, fail

THE_SERVERS_FAULT = (
    *(StatusCode.UNKNOWN, StatusCode.DEADLINE_EXCEEDED, StatusCode.UNIMPLEMENTED),
    *(StatusCode.INTERNAL, StatusCode.UNAVAILABLE, StatusCode.DATA_LOSS),
)
BY_NUMBER = {code.value[0]: code for code in StatusCode}


def client_interceptors(tracing: Tracing) -> list[grpc.aio.ClientInterceptor]:
    """For a channel: ``grpc.aio.insecure_channel(target, interceptors=client_interceptors(tracing))``."""
    return [_UnaryUnary(tracing), _StreamStream(tracing)]


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        method = _text(client_call_details.method)
        left = None
        with self._tracing.span(method, kind=SpanKind.CLIENT, attributes=_known(method)) as span:
            call = await continuation(_with_headers(client_call_details, span), request)
            try:
                code = await call.code()
            except asyncio.CancelledError as cancelled:
                call.cancel()  # whoever waited has left; the call itself would go on
                code, left = StatusCode.CANCELLED, cancelled
            _ended(span, code, failed=lambda code: code is not StatusCode.OK)
        if left is not None:
            raise left
        return call


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):  # type: ignore[misc]
    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        method = _text(client_call_details.method)
        span = self._tracing.begin(method, kind=SpanKind.CLIENT, attributes=_known(method))
        call = await continuation(_with_headers(client_call_details, span), request_iterator)
        over: list[asyncio.Task[None]] = []  # a loop keeps no task alive
        call.add_done_callback(lambda call: over.append(asyncio.ensure_future(self._over(call, span))))
        return call

    async def _over(self, call: Any, span: Span) -> None:
        """All was read, or it failed, or whoever read it has left."""
        _ended(span, await call.code(), failed=lambda code: code is not StatusCode.OK)
        self._tracing.end(span)


class TracingServerInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """For a server: ``grpc.aio.server(interceptors=[TracingServerInterceptor(tracing)])``."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        asked = "stream" if handler.request_streaming else "unary"
        kind = f"{asked}_{'stream' if handler.response_streaming else 'unary'}"
        wrap = self._streaming if handler.response_streaming else self._single
        return getattr(grpc, f"{kind}_rpc_method_handler")(
            wrap(getattr(handler, kind), _text(handler_call_details.method)),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _single(self, behaviour: Callable[..., Any], method: str) -> Callable[..., Any]:
        async def handle(request: Any, context: Any) -> Any:
            aborted: BaseException | None = None
            with self._span(method, context) as span:
                try:
                    reply = await behaviour(request, context)
                except (grpc.aio.AbortError, asyncio.CancelledError) as error:
                    aborted = error  # a status, and not always a failure
                _ended(span, _code(context, aborted), failed=THE_SERVERS_FAULT.__contains__)
            if aborted is not None:
                raise aborted
            return reply

        return handle

    def _streaming(self, behaviour: Callable[..., Any], method: str) -> Callable[..., Any]:
        async def handle(request: Any, context: Any) -> AsyncIterator[Any]:
            aborted: BaseException | None = None
            with self._span(method, context) as span:
                try:
                    async for reply in behaviour(request, context):
                        yield reply
                except (grpc.aio.AbortError, asyncio.CancelledError) as error:
                    aborted = error
                _ended(span, _code(context, aborted), failed=THE_SERVERS_FAULT.__contains__)
            if aborted is not None:
                raise aborted

        return handle

    def _span(self, method: str, context: Any) -> Any:
        parent = extract(context.invocation_metadata() or ())
        return self._tracing.span(method, kind=SpanKind.SERVER, parent=parent, attributes=_known(method))


def _known(method: str) -> dict[str, str]:
    return {RPC_SYSTEM_NAME: "grpc", RPC_METHOD: method}


def _ended(
    span: Span, code: StatusCode, *, failed: Callable[[StatusCode], bool] = lambda code: False
) -> None:
    span.set_attribute(RPC_RESPONSE_STATUS_CODE, code.name)
    if failed(code):
        fail(span, code.name)


def _code(context: Any, raised: BaseException | None) -> StatusCode:
    """How a call ended, as its server sees it. grpc.aio says it as a number, or not at all."""
    if isinstance(raised, asyncio.CancelledError):
        remaining = context.time_remaining()
        over = remaining is not None and remaining <= 0
        return StatusCode.DEADLINE_EXCEEDED if over else StatusCode.CANCELLED
    code: StatusCode | int | None = context.code()
    return code if isinstance(code, StatusCode) else BY_NUMBER.get(code or 0, StatusCode.UNKNOWN)


def _with_headers(details: Any, span: Span) -> Any:
    headers: dict[str, str] = {}
    inject(headers, set_span_in_context(span))
    metadata = grpc.aio.Metadata(*(details.metadata or ()), *headers.items())
    return details._replace(metadata=metadata)


def _text(method: str | bytes) -> str:
    return (method.decode() if isinstance(method, bytes) else method).lstrip("/")
