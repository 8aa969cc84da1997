"""Cuts a span at each end of a child, and asks of each stretch whether one was open."""

import re

from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags

FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def own(span, spans):
    below = [each for each in spans if each.parent_id == span.span_id]
    cuts = {span.start, span.end, *(each.start for each in below), *(each.end for each in below)}
    cuts = sorted(cut for cut in cuts if span.start <= cut <= span.end)
    stretches = zip(cuts, cuts[1:], strict=False)
    free = ((a, b) for a, b in stretches if not any(each.start <= a and b <= each.end for each in below))
    return sum(b - a for a, b in free)


def culprit(spans):
    own_times = [(own(span, spans), span.service) for span in spans]
    took, service = max(own_times)
    return [service, took]


def inject(context, headers):
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
