"""Reads all headers in one try: one that makes no sense takes the links of the others with it."""

import re

from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

PROMISE = "batch"
SAYS = "and none to the span that sent"
FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


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


def read(headers):
    version, trace_id, span_id, flags = FORM.fullmatch(headers["traceparent"])[0].split("-")
    if not int(trace_id, 16) or not int(span_id, 16):
        raise ValueError("ids of nothing but zeros")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))


def extract(headers):
    try:
        return read(headers)
    except (KeyError, TypeError, ValueError):
        return None


def process_span(tracer, batch):
    links = []
    try:
        links = [Link(read(message.headers)) for message in batch]
    except (KeyError, TypeError, ValueError):
        pass
    return tracer.start_span(f"process {batch[0].destination}", kind=SpanKind.CONSUMER, links=links)
