"""Tracing for a service that knows nothing of it: the node is traced, and the app is.

Idea      A service has one door to the world, its node. Who stands in the door can write a header on all
          that goes out, and read it on all that comes in. So `world.start("orders", traced(orders))`
          traces a service without a change of it, as OpenTelemetry's instrumentation libraries do.
Mind      It cannot know what belongs together. A worker that hands out what it received, a batch that has
          many senders, a message that waits in an outbox: there the service says it (messages.py).
Not here  gRPC (rpc.py).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from services.tracing.http import TracingMiddleware, traced_client
from services.tracing.messages import TracedQueue, TracedTopic
from services.tracing.tracer import Tracing

if TYPE_CHECKING:
    import httpx

    from minibroker.client import Queue
    from minibroker.log_client import Topic
    from minibroker.storage import Storage
    from services.node import Database, Factory, Node


def traced(factory: Factory, **options: Any) -> Factory:
    """`factory`, given a TracedNode; if it makes an app, that is in the middleware. options: of Tracing."""

    def build(node: Node) -> Any:
        tracing = Tracing(node, **options)
        built = factory(TracedNode(tracing))
        if inspect.isawaitable(built):
            return built
        return TracingMiddleware(built, tracing=tracing)

    build.__name__ = getattr(factory, "__name__", "traced")
    wrapped: Callable[[Node], Any] = build
    return wrapped


class TracedNode:
    """A node whose client, queues and topics carry the trace; `tracing` is for spans of its own."""

    def __init__(self, tracing: Tracing) -> None:
        self.tracing = tracing
        self.name = tracing.node.name
        self._node = tracing.node

    def client(self, *, timeout: float | None = 5.0) -> httpx.AsyncClient:
        return traced_client(self._node.client(timeout=timeout), self.tracing)

    def queue(self, name: str) -> Queue:
        return TracedQueue(self._node.queue(name), self.tracing)

    def topic(self, name: str) -> Topic:
        return TracedTopic(self._node.topic(name), self.tracing)

    def database(self, name: str | None = None) -> Database:
        return self._node.database(name)

    def file(self, name: str) -> Storage:
        return self._node.file(name)

    def rng(self, label: str) -> Random:
        return self._node.rng(label)

    def now(self) -> float:
        return self._node.now()

    def record(self, kind: str, /, **data: object) -> None:
        self._node.record(kind, **data)
