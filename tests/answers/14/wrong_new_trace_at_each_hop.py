"""Begins a new trace wherever a request comes in."""

from opentelemetry.trace import Link, SpanKind

PROMISE = "edges"
SAYS = "a new trace began there"


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
    headers["traceparent"] = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def extract(headers):
    return None


def process_span(tracer, batch):
    contexts = [extract(message.headers) for message in batch]
    links = [Link(context) for context in contexts if context is not None]
    return tracer.start_span(f"process {batch[0].destination}", kind=SpanKind.CONSUMER, links=links)
