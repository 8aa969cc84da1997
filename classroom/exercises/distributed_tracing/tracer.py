"""OpenTelemetry's own tracer on a node's clock: each span that ends is written into the history.

Idea      The SDK reads the wall clock where it is given no time, and draws ids from the global chance. Here
          the node's clock is put in at both ends of a span, and ids come from the node's own stream.
Not here  How ids cross from process to process: that is the learner's (hands.py). A service's tracing:
          services.tracing, which gives no such Tracer away.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from random import Random
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, Span, SpanKind, Tracer, use_span
from opentelemetry.util.types import Attributes

from services.node import Node
from services.tracing import FinishedSpan

NANO = 1_000_000_000


class Ids(IdGenerator):
    """Ids from a stream of chance. Each begins with a zero: who writes hex without it shall see that."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def generate_span_id(self) -> int:
        return self._rng.getrandbits(60) or 1

    def generate_trace_id(self) -> int:
        return self._rng.getrandbits(124) or 1


class Historian(SpanProcessor):
    """Writes each span into the history of the run when it ends."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def on_end(self, span: ReadableSpan) -> None:
        self._node.record("span", **FinishedSpan.of(span).to_json())


class NodeTracer(Tracer):
    """OpenTelemetry's tracer; a span begins and ends at the node's time unless it is told another."""

    def __init__(self, node: Node) -> None:
        ids, resource = Ids(node.rng("span ids")), Resource({"service.name": node.name})
        provider = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
        provider.add_span_processor(Historian(node))
        self._tracer, self._node = provider.get_tracer("shop"), node

    def _now(self) -> int:
        return round(self._node.now() * NANO)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """As OpenTelemetry's."""
        at = self._now() if start_time is None else start_time
        span = self._tracer.start_span(
            name, context, kind, attributes, links, at, record_exception, set_status_on_exception
        )
        if span.is_recording():
            end = span.end
            vars(span)["end"] = lambda end_time=None: end(self._now() if end_time is None else end_time)
        return span

    def start_as_current_span(  # type: ignore[override]
        self, name: str, *args: Any, end_on_exit: bool = True, **more: Any
    ) -> AbstractContextManager[Span]:
        """As OpenTelemetry's, in a `with`."""
        return use_span(self.start_span(name, *args, **more), end_on_exit=end_on_exit)
