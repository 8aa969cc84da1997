"""Lets the library's propagator write and read the header."""

from opentelemetry.trace import Link, NonRecordingSpan, SpanKind, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATOR = TraceContextTextMapPropagator()


def own(span, spans):
    took, at = 0.0, span.start
    for start, end in sorted((each.start, each.end) for each in spans if each.parent_id == span.span_id):
        if start < span.end:
            took += max(start - at, 0)
            at = max(at, end)
    return took + max(span.end - at, 0)


def culprit(spans):
    most = max(spans, key=lambda span: own(span, spans))
    return most.service, own(most, spans)


def inject(context, headers):
    PROPAGATOR.inject(headers, set_span_in_context(NonRecordingSpan(context)))


def extract(headers):
    context = get_current_span(PROPAGATOR.extract(headers)).get_span_context()
    return context if context.is_valid else None


def process_span(tracer, batch):
    contexts = [extract(message.headers) for message in batch]
    links = [Link(context) for context in contexts if context is not None]
    return tracer.start_span(f"process {batch[0].destination}", kind=SpanKind.CONSUMER, links=links)
