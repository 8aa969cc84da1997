"""A small traced shop: orders asks payments, a queue for e-mails, a log for whoever cares."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, HTTPException

from classroom.pictures.spans import spans_of
from classroom.world.run import Run
from minibroker import Broker, BrokerApp
from services.messaging.worker import work
from services.node import Node
from services.tracing import FinishedSpan, TracedNode, processing, traced, traced_handler


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now)
    holder.create_queue("emails", visibility_timeout=10)
    holder.create_topic("orders", partitions=2)
    return BrokerApp(holder)


def orders(node: Node) -> FastAPI:
    app, http = FastAPI(), node.client(timeout=1.0)
    emails, log = node.queue("emails"), node.topic("orders")

    @app.post("/orders/{order}")
    async def place(order: int) -> dict[str, Any]:
        response = await http.post(f"http://payments/charges/{order}")
        if response.is_error:
            raise HTTPException(502, "payments")
        await emails.send({"order": order})
        await log.append(str(order), {"order": order})
        return {"order": order}

    return app


def payments(node: Node) -> FastAPI:
    app = FastAPI()

    @app.post("/charges/{order}")
    async def charge(order: int) -> dict[str, int]:
        node.record("charging", headers_seen=order)
        return {"order": order}

    return app


async def emails(node: TracedNode) -> None:
    async def handle(delivery: Any) -> None:
        await delivery.ack()

    await work(node, node.queue("emails"), traced_handler(node.tracing, handle))


async def analytics(node: TracedNode) -> None:
    consumer = node.topic("orders").consumer("analytics", start="earliest")
    while True:
        if records := await consumer.poll(max_records=100, wait=1.0):
            with processing(node.tracing, "orders", *records, group="analytics"):
                await consumer.commit()


def open_shop(world: Any, **options: Any) -> None:
    world.start("broker", broker)
    for name, factory in {
        "orders": orders,
        "payments": payments,
        "emails": emails,
        "analytics": analytics,
    }.items():
        world.start(name, traced(factory, **options))


def the(run: Run, name: str, kind: str | None = None) -> FinishedSpan:
    """The one span of that name."""
    run.raise_error()
    (found,) = [span for span in spans_of(run) if span.name == name and kind in (None, span.kind)]
    return found
