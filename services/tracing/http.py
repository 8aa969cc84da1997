"""Tracing over HTTP: a client span goes out in the header, a server span comes of it.

Idea      Outgoing: a transport under the client begins a span and writes it into the request. Incoming: a
          middleware around the app reads it, whatever the app is. The two halves never meet but in
          the header: nothing else of the caller reaches the callee, in life and in the simulated network.
Names     "POST /orders/{order}" once the route is known, "POST" before, and for the client, who
          knows addresses and no routes.
Errors    A 500 is the server's fault and the client's bad luck: both spans fail. A 404 is an answer, and no
          failure of the server's.
Not here  Streams: the client's span ends when the head of the answer is there.
Source    OpenTelemetry, "Semantic conventions for HTTP spans" (stable).
"""

from __future__ import annotations

from typing import Any

import httpx
from opentelemetry.trace import Span, SpanKind

from services.resilience.deadline_http import App, Message, Receive, Send
from services.tracing.conventions import (
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
    SERVER_ADDRESS,
    SERVER_PORT,
    URL_FULL,
    URL_PATH,
    URL_SCHEME,
)
from services.tracing.propagation import extract, inject
from services.tracing.tracer import Tracing, fail

PORTS = {"http": 80, "https": 443}


def traced_client(client: httpx.AsyncClient, tracing: Tracing) -> httpx.AsyncClient:
    """A client that sends through `client`, each request in a span of its own."""
    return httpx.AsyncClient(
        transport=TracingTransport(client, tracing),
        timeout=client.timeout,
        base_url=client.base_url,
        headers=client.headers,
        follow_redirects=client.follow_redirects,
    )


class TracingTransport(httpx.AsyncBaseTransport):
    """What lies under a traced client: a span, a header, and the client that really sends."""

    def __init__(self, client: httpx.AsyncClient, tracing: Tracing) -> None:
        self._client = client
        self._tracing = tracing

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        attributes = {
            HTTP_REQUEST_METHOD: request.method,
            SERVER_ADDRESS: url.host,
            SERVER_PORT: url.port or PORTS.get(url.scheme, 0),
            URL_FULL: str(url.copy_with(username=None, password=None)),
        }
        with self._tracing.span(request.method, kind=SpanKind.CLIENT, attributes=attributes) as span:
            inject(request.headers)
            response = await self._client.send(request, stream=True, follow_redirects=False)
            _answered(span, response.status_code, failed_from=400)
            return response

    async def aclose(self) -> None:
        await self._client.aclose()


class TracingMiddleware:
    """``TracingMiddleware(app, tracing=tracing)``: each request is a span, the child of the sender's."""

    def __init__(self, app: App, *, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, attributes = scope["method"], _asked(scope)
        parent = extract(scope["headers"])
        with self._tracing.span(method, kind=SpanKind.SERVER, parent=parent, attributes=attributes) as span:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _answered(span, message["status"], failed_from=500)
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                if route := getattr(
                    scope.get("route"), "path", None
                ):  # Starlette writes it when it has found it
                    span.set_attribute(HTTP_ROUTE, route)
                    span.update_name(f"{method} {route}")


def _asked(scope: Message) -> dict[str, Any]:
    host, port = scope.get("server") or ("", None)
    attributes = {
        HTTP_REQUEST_METHOD: scope["method"],
        SERVER_ADDRESS: host,
        URL_PATH: scope["path"],
        URL_SCHEME: scope["scheme"],
    }
    return attributes if port is None else {**attributes, SERVER_PORT: port}


def _answered(span: Span, status: int, *, failed_from: int) -> None:
    span.set_attribute(HTTP_RESPONSE_STATUS_CODE, status)
    if status >= failed_from:
        fail(span, str(status))
