"""Writes no header for what is not kept: the next service begins a trace of its own, and keeps it."""

import re

from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

PROMISE = "edges"
SAYS = "inject added no header at all"
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
    if not context.trace_flags & 1:
        return
    headers["traceparent"] = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def extract(headers):
    found = FORM.fullmatch(headers.get("traceparent", ""))
    if found is None:
        return None
    trace_id, span_id, flags = (int(digits, 16) for digits in found.groups())
    if not trace_id or not span_id:
        return None
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


def process_span(tracer, batch):
    contexts = [extract(message.headers) for message in batch]
    links = [Link(context) for context in contexts if context is not None]
    return tracer.start_span(f"process {batch[0].destination}", kind=SpanKind.CONSUMER, links=links)
