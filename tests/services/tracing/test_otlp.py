"""The same spans, sent to a collector by OTLP: one of our own on 127.0.0.1, which reads what comes.

Needs the extra [otlp]; where it is missing, the run says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from threading import Thread
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from classroom import live
from classroom.pictures.spans import spans_of
from services.tracing import TracedNode, Tracing, TracingMiddleware

EXPORTER = "opentelemetry-exporter-otlp-proto-http"
EPOCH = 1_700_000_000

pytestmark = pytest.mark.skipif(
    not any(metadata.Distribution.discover(name=EXPORTER)),
    reason=f"otlp: no {EXPORTER} (make setup EXTRAS=dev,otlp)",
)


class Collector(ThreadingHTTPServer):
    """Keeps the path and the body of each request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, bytes]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def spans(self) -> dict[str, list[Any]]:
        """The spans that came, by the name of their service."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found: dict[str, list[Any]] = {}
        for _, body in self.seen:
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                facts = {each.key: each.value.string_value for each in part.resource.attributes}
                for scope in part.scope_spans:
                    found.setdefault(facts["service.name"], []).extend(scope.spans)
        return found


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def order_over(endpoint: str) -> Any:
    """A run in which Ada asks orders over real HTTP, and both report to `endpoint`."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    reporting: list[Tracing] = []

    def tracing_of(node: Any) -> Tracing:
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=0.5)
        reporting.append(Tracing(node, processors=[BatchSpanProcessor(exporter)], epoch=EPOCH))
        return reporting[-1]

    def orders(node: Any) -> Any:
        app = FastAPI()

        @app.post("/orders/{order}")
        async def place(order: int) -> None:
            pass

        return TracingMiddleware(app, tracing=tracing_of(node))

    async def scenario(world: Any) -> int:
        world.start("orders", orders)
        http = TracedNode(tracing_of(world.node("ada"))).client()
        return (await http.post("http://orders/orders/7")).status_code

    run = live(scenario)
    for tracing in reporting:
        tracing.shut_down()
    run.raise_error()
    return run


def test_a_collector_gets_the_spans_that_the_history_has(collector: Collector) -> None:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    run = order_over(collector.endpoint)

    (ada,), (orders,) = collector.spans()["ada"], collector.spans()["orders"]
    assert {path for path, _ in collector.seen} == {"/v1/traces"}
    assert (ada.trace_id, ada.span_id) == (orders.trace_id, orders.parent_span_id)
    assert (ada.name, orders.name) == ("POST", "POST /orders/{order}")
    assert (ada.kind, orders.kind) == (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_SERVER)
    for exported in (ada, orders):
        (ours,) = [span for span in spans_of(run) if span.span_id == exported.span_id.hex()]
        assert exported.trace_id.hex() == ours.trace_id
        assert exported.start_time_unix_nano / 1e9 - EPOCH == pytest.approx(ours.start, abs=1e-5)
        assert exported.end_time_unix_nano / 1e9 - EPOCH == pytest.approx(ours.end, abs=1e-5)
        assert {each.key for each in exported.attributes} == set(ours.attributes)


def test_a_collector_that_is_down_costs_the_order_nothing(collector: Collector) -> None:
    endpoint = collector.endpoint
    collector.server_close()

    run = order_over(endpoint)

    assert run.result == 200
    assert len(spans_of(run)) == 2
