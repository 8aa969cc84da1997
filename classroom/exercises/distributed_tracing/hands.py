"""What a process of exercise 14 does with a trace, by the learner's answers.

Idea          Every span is made for the learner; ids cross from process to process only by the headers that
              inject writes and extract reads, and process_span begins the work on a batch.
Written down  handed      somebody wrote headers: for which order, to whom, by what; and the span's ids
              taken       somebody read them: what extract said
              processed   a batch was begun: of which orders, with what parent and what links
              fell        an answer raised: which one, at what
Not here      Who calls whom (system.py); what is promised (checks.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, set_span_in_context

from classroom.exercises.distributed_tracing.tracer import NodeTracer
from classroom.exercises.memory import Memory
from services.node import Node


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a batch, as process_span gets it. destination: the queue or topic that it came from."""

    destination: str
    headers: Mapping[str, str]
    body: Any


class Hands:
    """What a process does with a trace: it makes spans; ids it hands on and takes by the answers."""

    def __init__(self, node: Node, memory: Memory) -> None:
        self.node, self.tracer, self.answers = node, NodeTracer(node), memory.fresh()

    def begin(self, name: str, kind: SpanKind, parent: SpanContext | None, **attributes: Any) -> Span:
        empty = Context()  # and not the current one: whatever an answer left in it is not handed on
        above = set_span_in_context(NonRecordingSpan(parent), empty) if parent else empty
        return self.tracer.start_span(name, context=above, kind=kind, attributes=attributes)

    def give(self, span: Span, order: int, to: str, by: str) -> dict[str, str]:
        """Headers that bear the span's ids."""
        headers = {"order-id": str(order), "shop": "broken on purpose"}
        before, context = dict(headers), span.get_span_context()
        self._call("inject", context, headers, orders=[order], by=by)
        facts = {"order": order, "to": to, "by": by, "before": before, "headers": headers}
        self.node.record("handed", **facts, **told(context))
        return headers

    def take(self, headers: Mapping[str, str], order: int, by: str) -> SpanContext | None:
        """What extract makes of headers."""
        found = self._call("extract", dict(headers), orders=[order], by=by)
        if found is not None and not isinstance(found, SpanContext):
            error = f"extract gives a SpanContext, or None; what came is of type {type(found).__name__}"
            self.node.record("fell", answer="extract", orders=[order], by=by, error=error)
            raise TypeError(error)
        valid = found if found is not None and found.is_valid else None
        self.node.record("taken", order=order, by=by, headers=dict(headers), **told(valid))
        return valid

    def process(self, batch: Sequence[Message]) -> Span:
        """The span in which a batch is worked on."""
        orders, by = [message.body["order"] for message in batch], batch[0].destination
        span = self._call("process_span", self.tracer, tuple(batch), orders=orders, by=by)
        if not isinstance(span, Span):
            error = f"process_span gives the span that it began; what came is of type {type(span).__name__}"
            self.node.record("fell", answer="process_span", orders=orders, by=by, error=error)
            raise TypeError(error)
        parent, links = getattr(span, "parent", None), getattr(span, "links", ())
        own = span.get_span_context()
        self.node.record(
            "processed",
            by=by,
            orders=orders,
            name=getattr(span, "name", ""),
            ended=own.trace_flags.sampled and not span.is_recording(),
            made=isinstance(parent, SpanContext | None) and not isinstance(span, NonRecordingSpan),
            parent=told(parent),
            links=[told(link.context) for link in links],
            **told(own),
        )
        return span

    def _call(self, answer: str, *given: Any, orders: list[int], by: str) -> Any:
        try:
            return self.answers[answer](*given)
        except NotImplementedError as error:
            self.node.record("unfinished", answer=answer, text=str(error))
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            self.node.record("fell", answer=answer, orders=orders, by=by, error=text)
            raise


def finish(span: Span) -> None:
    """End a span, if nobody has: OpenTelemetry would only grumble."""
    if span.is_recording():
        span.end()


def told(context: SpanContext | None) -> dict[str, Any]:
    """The ids of a context as a history holds them."""
    if context is None:
        return {"trace": None, "span": None, "flags": None}
    ids = {"trace": f"{context.trace_id:032x}", "span": f"{context.span_id:016x}"}
    return {**ids, "flags": int(context.trace_flags)}
