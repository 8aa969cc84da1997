"""A service's tracing: it begins spans, ends them, and hands them on.

Idea      `with tracing.span("charge the card"):` is a piece of work with a beginning and an end, the child
          of the span around it. The SDK is OpenTelemetry's. Ours are the three things that it takes
          from its machine, here from the node: time (the SDK's own clock is the wall's), ids, and
          where finished spans go: into the history, and to whatever processors you add.
Export    `processors=[BatchSpanProcessor(OTLPSpanExporter(endpoint=...))]`, from the extra [otlp], and
          the same service reports to a collector. Times are then counted from `epoch`.
Sampling  By default everything is kept. ParentBased asks the header first, so that one decision, the first
          service's, holds for the whole trace.
Names     are few: "POST /orders/{order}", "process emails". What differs from order to order is an
          attribute, or no tool could count them together.
Not here  Headers (propagation.py); requests, messages, calls (http.py, messages.py, rpc.py).
Source    OpenTelemetry specification, "Tracing SDK"; "Trace API", on names of spans.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, set_span_in_context

from services.node import Node
from services.tracing.conventions import ERROR_TYPE, SERVICE_NAME
from services.tracing.finished import FinishedSpan
from services.tracing.ids import SeededIds

SPAN = "span"  # the kind of event that a finished span is in the history
NEW_TRACE = Context()  # the parent of a span that shall have none
UNLIMITED = SpanLimits(  # a batch links every source, and the environment has no say
    **dict.fromkeys(
        (
            "max_span_attributes", "max_attributes", "max_links", "max_link_attributes", "max_events",
            "max_event_attributes", "max_attribute_length", "max_span_attribute_length",
        ),
        SpanLimits.UNSET,
    )
)  # fmt: skip


class Tracing:
    """Of one process: make one, and hand it around. Two would draw the same ids.

    sampler      which spans are kept; see Sampling above
    ids          None: from node.rng()
    processors   OpenTelemetry's, which get each finished span beside the history
    epoch        seconds since 1970 at which node.now() was 0. For a collector; the history does not need it
    """

    def __init__(
        self,
        node: Node,
        *,
        sampler: Sampler | None = None,
        ids: IdGenerator | None = None,
        processors: Sequence[SpanProcessor] = (),
        epoch: float = 0.0,
    ) -> None:
        self.node = node
        self._epoch = round(epoch * 1e9)
        self._provider = TracerProvider(
            sampler=sampler or ParentBased(ALWAYS_ON),
            resource=Resource({SERVICE_NAME: node.name}),
            id_generator=ids or SeededIds(node.rng("ids of spans")),
            span_limits=UNLIMITED,
            shutdown_on_exit=False,
            meter_provider=NoOpMeterProvider(),
        )
        self._provider.add_span_processor(_ToHistory(node, self._epoch))
        for processor in processors:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("services.tracing")

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: Context | None = None,
        links: Sequence[Link] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Iterator[Span]:
        """A span around a block, which is the current one inside of it. What the block raises is its error.

        parent: None is the current span; what extract() returned is the sender; NEW_TRACE is none.
        """
        span = self.begin(name, kind=kind, parent=parent, links=links, attributes=attributes)
        context = set_span_in_context(span, parent)
        token = attach(context)
        try:
            yield span
        except GeneratorExit:  # the coroutine is thrown away, perhaps from somewhere else
            if get_current() is context:
                detach(token)
            raise
        except BaseException as error:
            fail(span, error)
            detach(token)
            raise
        else:
            detach(token)
        finally:
            self.end(span)

    def begin(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        parent: Context | None = None,
        links: Sequence[Link] = (),
        attributes: Mapping[str, Any] | None = None,
    ) -> Span:
        """A span that is nobody's current one, until end(). For what is no block: a stream."""
        return self._tracer.start_span(
            name, parent, kind=kind, links=links, attributes=attributes, start_time=self._now()
        )

    def end(self, span: Span) -> None:
        """The work of `span` is over, now."""
        span.end(self._now())

    def shut_down(self) -> None:
        """Let the processors hand on what they hold, and end them."""
        self._provider.shutdown()

    def _now(self) -> int:
        """Nanoseconds since 1970, of a run that began at `epoch`."""
        return self._epoch + round(self.node.now() * 1e9)


def fail(span: Span, error: BaseException | str, description: str = "") -> None:
    """The span's work failed: by an exception, or for a reason as short as "503"."""
    if isinstance(error, BaseException):
        reason, description = type(error).__qualname__, f"{type(error).__qualname__}: {error}"
    else:
        reason = error
    span.set_attribute(ERROR_TYPE, reason)
    span.set_status(StatusCode.ERROR, description or reason)


class _ToHistory(SpanProcessor):
    """Each sampled span becomes an event of the kind "span" when it ends."""

    def __init__(self, node: Node, epoch: int) -> None:
        self._node = node
        self._epoch = epoch

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            self._node.record(SPAN, **FinishedSpan.of(span, epoch=self._epoch).to_json())
