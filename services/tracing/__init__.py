"""Distributed tracing, on OpenTelemetry's SDK. In this order:

conventions   names of attributes
propagation   the header that carries a trace: in, out
ids           of traces and spans
finished      a span as a value, as it stands in the history
tracer        begins and ends spans
http          requests
rpc           calls by gRPC
messages      a queue's messages and a log's records
instrument    all of it around a service that knows of none
"""

from services.tracing.finished import FinishedSpan, SpanLink
from services.tracing.http import TracingMiddleware, TracingTransport, traced_client
from services.tracing.ids import SeededIds
from services.tracing.instrument import TracedNode, traced
from services.tracing.messages import TracedQueue, TracedTopic, processing, sending, traced_handler
from services.tracing.propagation import (
    TRACEPARENT,
    current_headers,
    current_trace_id,
    extract,
    inject,
    link,
    sender,
)
from services.tracing.rpc import TracingServerInterceptor, client_interceptors
from services.tracing.tracer import NEW_TRACE, Tracing, fail

__all__ = [
    "NEW_TRACE",
    "TRACEPARENT",
    "FinishedSpan",
    "SeededIds",
    "SpanLink",
    "TracedNode",
    "TracedQueue",
    "TracedTopic",
    "Tracing",
    "TracingMiddleware",
    "TracingServerInterceptor",
    "TracingTransport",
    "client_interceptors",
    "current_headers",
    "current_trace_id",
    "extract",
    "fail",
    "inject",
    "link",
    "processing",
    "sender",
    "sending",
    "traced",
    "traced_client",
    "traced_handler",
]
