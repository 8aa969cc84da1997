"""Splits the header, and raises if it has not four parts."""

from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

PROMISE = "malformed"
SAYS = "raised at order"


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
    if "traceparent" not in headers:
        return None
    version, trace_id, span_id, flags = headers["traceparent"].split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))


def process_span(tracer, batch):
    contexts = [extract(message.headers) for message in batch]
    links = [Link(context) for context in contexts if context is not None]
    return tracer.start_span(f"process {batch[0].destination}", kind=SpanKind.CONSUMER, links=links)
