"""Propagation: the trace goes along in a header, for nothing else goes along.

Idea      A process knows its current span (a context variable). Its neighbour, on another machine, does
          not. So each request and each message carries `traceparent`: version, trace id, the span that
          sent it, flags.

              00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03

          inject() writes it, extract() reads it. HTTP headers, gRPC metadata, message headers and MQTT
          user properties are all pairs of strings, so these two serve them all.
Flags     are bits: 01 "sampled", 02 "the trace id is random". 03 is both: mask the bit, do not compare.
Malformed input begins a new trace and fails no request. So does a header that comes twice: which of the
          two would be the parent?
Not here  Who begins a span (tracer.py). The format itself: OpenTelemetry's own propagator does that.
Source    W3C Recommendation "Trace Context", and Level 2 for the flag 02; its test suite
          (test_traceparent_duplicated).
"""

from collections.abc import Iterable, Mapping, MutableMapping
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"  # what vendors add: handed on as it came
LONGEST = 8192  # characters of tracestate. More is dropped unread: W3C asks for 512 to be handed on

Pairs: TypeAlias = Iterable[tuple[str | bytes, str | bytes]]
Headers: TypeAlias = Mapping[str, str] | Pairs

_W3C = TraceContextTextMapPropagator()


def inject(headers: MutableMapping[str, str], context: Context | None = None) -> None:
    """Write the span of `context` (None: the current one) into `headers`; nothing, if there is none."""
    _W3C.inject(headers, context)


def extract(headers: Headers) -> Context:
    """What `headers` say of the sender: a context to be a span's parent, or an empty one: a new trace.

    headers: a mapping, or pairs of str or bytes as ASGI and gRPC have them. Names in any case.
    """
    return _W3C.extract(_ours(headers), Context())


def sender(headers: Headers) -> SpanContext | None:
    """The span that sent these headers; None if they do not say, or not well."""
    found = get_current_span(extract(headers)).get_span_context()
    return found if found.is_valid else None


def current_headers() -> dict[str, str]:
    """The current span as headers: for a message that is written now and sent later (an outbox)."""
    headers: dict[str, str] = {}
    inject(headers)
    return headers


def current_trace_id() -> str | None:
    """The current trace, 32 hex digits, for a line of a log; None outside of all spans."""
    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def link(headers: Headers, **attributes: str) -> Link | None:
    """A link to the span that sent these headers: for what has more than one cause, or is none's child."""
    source = sender(headers)
    return None if source is None else Link(source, attributes)


def _ours(headers: Headers) -> dict[str, list[str]]:
    """The two headers of a trace, by small name. A traceparent that came twice is none."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        lower = _text(name).lower()
        if lower in (TRACEPARENT, TRACESTATE):
            found.setdefault(lower, []).append(_text(value))
    if len(found.get(TRACEPARENT, ())) != 1:
        return {}
    if sum(map(len, found.get(TRACESTATE, ()))) > LONGEST:
        del found[TRACESTATE]
    return found


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""
