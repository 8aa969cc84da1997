"""The shop of exercise 14: HTTP, gRPC, a queue and a log, from Ada's page to the parcel.

Written down  strange     an old program put a message into the queue: with what headers
              answered    what an order that came by HTTP was answered by
Not here      How ids are handed on and taken (hands.py); what is promised (checks.py); the traces of the
              warm-up (traces.py).
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.trace import SpanKind

from classroom.exercises.distributed_tracing.hands import Hands, Message, finish
from classroom.exercises.memory import Memory
from classroom.world.simulated import Scenario
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from services.node import AppFactory, Factory, Node

if TYPE_CHECKING:
    from fastapi import FastAPI

CHARGES, PAID = "charges", "paid"
METADATA = re.compile(r"[0-9a-z_.-]+")  # what gRPC lets a key be
TRANSPORT = {
    "host",
    "accept",
    "accept-encoding",
    "connection",
    "user-agent",
    "content-length",
    "content-type",
}
REST = 0.5  # seconds between two looks of a consumer: so much comes together


@dataclass(frozen=True, slots=True)
class Order:
    """One order. header: the traceparent with which it comes from somebody else's page; None: it comes from
    ours, which is traced. queued: a message of an old program, straight into the queue, with that header.
    """

    number: int
    header: str | None = None
    queued: bool = False


# -- the services ----------------------------------------------------------------------------


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue(CHARGES, visibility_timeout=30.0)
    holder.create_topic(PAID, partitions=1)
    return BrokerApp(holder)


def orders(memory: Memory) -> AppFactory:
    def start(node: Node) -> "FastAPI":
        from fastapi import FastAPI, Request

        app, http, queue = FastAPI(), node.client(), node.queue(CHARGES)
        hands = Hands(node, memory)

        @app.post("/orders", response_model=None)
        async def place(request: Request) -> None:
            order = (await request.json())["order"]
            above = hands.take(request.headers, order, "HTTP")
            serving = hands.begin("POST /orders", SpanKind.SERVER, above, **{"http.request.method": "POST"})
            own = serving.get_span_context()
            call = hands.begin("shop.Inventory/Reserve", SpanKind.CLIENT, own, **{"rpc.system": "grpc"})
            metadata = metadata_of(hands.give(call, order, "inventory", "gRPC"))
            path, kind = "http://inventory/shop.Inventory/Reserve", {"content-type": "application/grpc"}
            (await http.post(path, json={"order": order}, headers={**metadata, **kind})).raise_for_status()
            call.end()
            sending = hands.begin(f"send {CHARGES}", SpanKind.PRODUCER, own)
            await queue.send({"order": order}, headers=hands.give(sending, order, "payments", CHARGES))
            sending.end()
            serving.end()

        return app

    return start


def inventory(memory: Memory) -> AppFactory:
    """A gRPC service: as all of them, it is called by POST, and its metadata are headers."""

    def start(node: Node) -> "FastAPI":
        from fastapi import FastAPI, Request

        app, hands = FastAPI(), Hands(node, memory)

        @app.post("/shop.Inventory/Reserve", response_model=None)
        async def reserve(request: Request) -> None:
            order = (await request.json())["order"]
            metadata = {key: value for key, value in request.headers.items() if key not in TRANSPORT}
            above = hands.take(metadata, order, "gRPC")
            span = hands.begin("shop.Inventory/Reserve", SpanKind.SERVER, above, **{"rpc.system": "grpc"})
            await asyncio.sleep(0.03)
            span.end()

        return app

    return start


def metadata_of(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, if gRPC takes them as metadata. Raises ValueError, as its core does."""
    for key in headers:
        if not METADATA.fullmatch(key):
            raise ValueError(f"gRPC takes no metadata key {key!r}: lower case, digits and _.- only")
    return headers


def payments(memory: Memory, batch: int) -> Factory:
    async def worker(node: Node) -> None:
        hands, queue, topic = Hands(node, memory), node.queue(CHARGES), node.topic(PAID)
        while True:
            await asyncio.sleep(REST)
            deliveries = await queue.receive(max_messages=batch)
            if not deliveries:
                continue
            span = hands.process([Message(CHARGES, each.headers, each.body) for each in deliveries])
            await asyncio.sleep(0.05)
            for each in deliveries:
                order = each.body["order"]
                sending = hands.begin(f"send {PAID}", SpanKind.PRODUCER, span.get_span_context())
                headers = hands.give(sending, order, "shipping", PAID)
                await topic.append(str(order), {"order": order}, headers=headers)
                sending.end()
                await each.ack()
            finish(span)

    return worker


def shipping(memory: Memory, batch: int) -> Factory:
    async def worker(node: Node) -> None:
        hands, consumer = Hands(node, memory), node.topic(PAID).consumer("shipping", start="earliest")
        while True:
            await asyncio.sleep(REST)
            records = await consumer.poll(max_records=batch, wait=0.0)
            if not records:
                continue
            span = hands.process([Message(PAID, each.headers, each.value) for each in records])
            await asyncio.sleep(0.04)
            finish(span)
            await consumer.commit(records[-1])

    return worker


# -- the scenario ----------------------------------------------------------------------------


def shop(memory: Memory, *bursts: Iterable[Order], batch: int = 1, lasts: float = 4.0) -> Scenario:
    """Bursts of orders that are placed at one instant, one second apart.

    batch: messages that a consumer takes at a time. lasts: seconds that pass after the last burst.
    """

    async def selling(world: World) -> None:
        world.start("broker", broker)
        world.start("inventory", inventory(memory))
        world.start("orders", orders(memory))
        await world.run_for(0.1)
        world.start("payments", payments(memory, batch))
        world.start("shipping", shipping(memory, batch))
        buyers = [Buyer(world, memory, name) for name in ("ada", "ben")]
        for burst in bursts:
            async with asyncio.TaskGroup() as group:
                for at, order in enumerate(burst):
                    group.create_task(buyers[at % 2].place(order))
            await world.run_for(1.0)
        await world.run_for(lasts)

    return selling


class Buyer:
    """Places orders: from our own page, which is traced; from a partner's; or by an old program."""

    def __init__(self, world: World, memory: Memory, name: str) -> None:
        self.world, self.hands, self.http = world, Hands(world.node(name), memory), world.client(name)

    async def place(self, order: Order) -> None:
        if order.queued:
            queue = self.world.node("old-program").queue(CHARGES)
            headers = _stranger(order.header)
            self.world.record("strange", order=order.number, by=CHARGES, headers=headers)
            await queue.send({"order": order.number}, headers=headers)
        elif order.header is not None:
            await self._post(order.number, _stranger(order.header))
        else:
            span = self.hands.begin("POST", SpanKind.CLIENT, None, **{"http.request.method": "POST"})
            try:
                headers = self.hands.give(span, order.number, "orders", "HTTP")
                await self._post(order.number, headers)
            except NotImplementedError:
                raise
            except Exception:  # it is written down as "fell", or the answer says it
                self.world.record("answered", order=order.number, status=None)
            span.end()

    async def _post(self, order: int, headers: Mapping[str, str]) -> None:
        answer = await self.http.post("http://orders/orders", json={"order": order}, headers=headers)
        self.world.record("answered", order=order, status=answer.status_code)


def _stranger(header: str | None) -> dict[str, str]:
    return {"traceparent": header} if header else {}
