"""The system that exercise 11 attacks: orders that are changed, projectors and readers with the answers.

Idea      Each change of an order becomes an event, which a task of its own brings to a queue. So an event may
          come twice, late, or before the one before it, as the faults will have it. Whoever reads has
          so many seconds, and what came of it is one event of the history.
Not here  What is promised (checks.py), and who strikes at it (e11_cqrs.py). A crash of the orders service,
          which would lose what it has not sent: that is the outbox (lesson 09).
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from classroom.exercises.cqrs.page import Event, Result, View, Writer
from classroom.exercises.memory import Memory
from classroom.world.simulated import Scenario
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from minibroker.client import Delivery
from minibroker.errors import BrokerUnreachable, NoAnswer
from services.messaging.worker import work
from services.node import Factory, Node

if TYPE_CHECKING:
    from fastapi import FastAPI

QUEUE = "changes"
LEASE = 1.0  # seconds, the queue's visibility_timeout: after that an event comes again
PROJECTORS = ("projector-1", "projector-2")
LATE = 1.0  # seconds after its deadline at which a read is broken off
TABLE = """CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY, version INTEGER, address TEXT, items INTEGER, total INTEGER)"""
EVENTS = """CREATE TABLE IF NOT EXISTS events (
    order_id INTEGER, version INTEGER, address TEXT, amount INTEGER, PRIMARY KEY (order_id, version))"""
CHANGE = """INSERT INTO orders VALUES (?, 1, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE
    SET version = version + 1, address = coalesce(excluded.address, address),
        items = items + excluded.items, total = total + excluded.total RETURNING version"""
Change = tuple[int, str | None, int | None]  # order, new address, amount of an item that is added


def name_of(order: int, version: int) -> str:
    """What a story calls a change: "order 1, change 2"."""
    return f"{order}, change {version}"


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue(QUEUE, visibility_timeout=LEASE, max_receive_count=None)
    return BrokerApp(holder)


def orders(node: Node) -> "FastAPI":
    """The write model."""
    from fastapi import FastAPI, Request

    from services.shop.tables import tables

    db, queue, under_way = node.database(), node.queue(QUEUE), set()
    app = FastAPI(lifespan=tables(db, TABLE, EVENTS))

    async def bring(event: Event) -> None:
        body = {"order": name_of(event.order_id, event.version), "event": asdict(event)}
        while True:
            try:
                await queue.send(body)
                return
            except (BrokerUnreachable, NoAnswer):
                await asyncio.sleep(0.2)

    # Each takes the bare request: FastAPI makes an app in half the time, and each run makes one.
    @app.post("/orders/{order_id}", response_model=None)
    async def change(request: Request) -> int:
        order_id, body = int(request.path_params["order_id"]), await request.json()
        address, amount = body["address"], body["amount"]
        row = order_id, address, int(amount is not None), amount or 0
        async with db.transaction():
            version: int = (await db.execute(CHANGE, row))[0]["version"]
            await db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (order_id, version, address, amount))
        node.record("changed", of=order_id, version=version, address=address, amount=amount)
        task = asyncio.create_task(bring(Event(order_id, version, address, amount)))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return version

    @app.get("/orders/{order_id}", response_model=None)
    async def look(request: Request) -> dict[str, Any] | None:
        order_id = int(request.path_params["order_id"])
        rows = await db.execute("SELECT * FROM orders WHERE order_id = ?", (order_id,))
        return rows[0] if rows else None

    @app.get("/orders/{order_id}/events", response_model=None)
    async def events(request: Request) -> list[dict[str, Any]]:
        order_id, after = int(request.path_params["order_id"]), int(request.query_params["after"])
        beyond = "SELECT * FROM events WHERE order_id = ? AND version > ? ORDER BY version"
        return await db.execute(beyond, (order_id, after))

    return app


def projector(memory: Memory) -> Factory:
    """Gives each event to the learner's project, and acks when it has returned."""

    async def worker(node: Node) -> None:
        project = memory.fresh()["project"]
        db = node.database("view")

        async def handle(delivery: Delivery) -> None:
            try:
                await project(db, Event(**delivery.body["event"]))
            except NotImplementedError as error:
                node.record("unfinished", answer="project", text=str(error))
                raise
            await delivery.ack()

        await work(node, node.queue(QUEUE), handle)

    return worker


class Reader:
    """Reads pages by the learner's read, and writes down what came of it."""

    def __init__(self, node: Node, memory: Memory) -> None:
        self._node = node
        self._read = memory.fresh()["read"]

    async def read(self, order: int, *, token: int | None, deadline: float) -> None:
        asked: list[None] = []
        view = View(self._node.database("view"))
        writer = Writer(self._node, lambda: asked.append(None))
        began = self._node.now()
        reading = asyncio.ensure_future(
            self._read(order, token=token, view=view, writer=writer, deadline=deadline)
        )
        await asyncio.wait({reading}, timeout=deadline + LATE)
        took = self._node.now() - began
        came = self._what_came(reading)
        self._node.record(  # `of`, not `order`: a story tells only of those that hold a token
            "read", of=order, token=token, deadline=deadline, took=took, writer=len(asked), **came
        )
        if token is not None:
            kind = {"page": "shown_to_ada", "pending": "told_ada_pending"}.get(
                came["came"], "no_page_for_ada"
            )
            self._node.record(kind, order=name_of(order, token), version=came.get("version"))

    def _what_came(self, reading: "asyncio.Future[object]") -> dict[str, Any]:
        if not reading.done():
            reading.cancel()
            return {"came": "hung"}
        error = reading.exception()
        if isinstance(error, NotImplementedError):
            self._node.record("unfinished", answer="read", text=str(error))
        if error is not None:
            return {"came": "error", "error": f"{type(error).__name__}: {error}"}
        return _told(reading.result())


def _told(result: object) -> dict[str, Any]:
    if not isinstance(result, Result):
        return {
            "came": "error",
            "error": f"a Result was wanted; what came is of type {type(result).__name__}",
        }
    if result.pending:
        return {"came": "pending"}
    if result.order is None:
        return {"came": "nothing"}
    try:
        page = dict(result.order)
    except (TypeError, ValueError):
        return {
            "came": "error",
            "error": f"Result.order is a row, a dict; it is of type {type(result.order).__name__}",
        }
    return {"came": "page", "version": page.get("version"), "page": page}


ORDINARY: tuple[Change, ...] = (
    (1, "Old Street 1", None),
    (1, None, 990),
    (2, "Hill 5", None),
    (1, "New Road 2", None),
    (2, None, 1990),
    (1, None, 500),
)


def scenario(
    memory: Memory,
    *,
    changes: Sequence[Change] = ORDINARY,
    projectors: Iterable[str] = PROJECTORS,
    every: float = 0.3,
    glances: float | None = 0.1,
    deadline: float = 1.0,
    rest: float = 8.0,
) -> Scenario:
    """Ada changes her orders and looks at each change at once, with its token; Ben looks too, with none.

    every: seconds between two changes. glances: seconds between two looks of Ben; None: nobody reads.
    rest: seconds that pass at the end.
    """

    async def shopping(world: World) -> None:
        world.start("broker", broker)
        world.start("orders", orders)
        await world.node("operator").database("view").execute(TABLE)
        for name in projectors:
            world.start(name, projector(memory))
            await world.run_for(0.01)
        await world.run_for(0.5)
        reader = Reader(world.node("pages"), memory)
        ben = asyncio.create_task(_glance(world, reader, glances, deadline)) if glances else None
        async with world.client("ada") as ada:
            for order, address, amount in changes:
                body = {"address": address, "amount": amount}
                token = (await ada.post(f"http://orders/orders/{order}", json=body)).json()
                if glances:
                    await reader.read(order, token=token, deadline=deadline)
                await world.run_for(every)
        if ben:
            ben.cancel()
        await world.run_for(rest)

    return shopping


async def _glance(world: World, reader: Reader, every: float, deadline: float) -> None:
    """Look at order 1, 2, and 3, which does not exist, in turn and for ever."""
    looks: set[asyncio.Task[None]] = set()
    order = 0
    while True:
        look = asyncio.create_task(reader.read(order % 3 + 1, token=None, deadline=deadline))
        looks.add(look)
        look.add_done_callback(looks.discard)
        order += 1
        await world.run_for(every)
