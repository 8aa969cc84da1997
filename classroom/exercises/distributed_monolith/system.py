"""The system that exercise 01 attacks: a shop whose checkout is the learner's.

Not here  What is promised of it (checks.py), and who strikes at it (e01_distributed_monolith.py).
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from classroom.exercises.memory import Memory
from classroom.scale.outages import one_after_the_other
from classroom.world.history import Event
from classroom.world.simulated import Scenario
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from services.node import AppFactory, Node

OPTIONAL = ("shipping", "notifications")
DONE = {"inventory": "reserved", "payments": "charged", "shipping": "shipped", "notifications": "notified"}
EACH = 4.0  # seconds that each service is down
SECONDS = 4_000  # an order a second; so that each service is up 99.9 %
OUTAGES = one_after_the_other(*DONE, each=EACH, first=EACH)
PLAYED = int(2 * EACH * len(DONE) + EACH)  # seconds of them that are played: all outages, and some peace
LEASE = 10.0  # seconds until what was not done is asked again
PATIENCE = 12.0  # seconds that a buyer waits
AFTERWARDS = 75.0  # seconds that a run goes on: what was put off is due within 60 s of the outage's end


def cases(memory: Memory, *questions: tuple[Mapping[str, float], Mapping[str, float]]) -> Scenario:
    """Ask `availability` a few questions; what it says of each is written down."""

    async def warm_up(world: World) -> None:
        availability = memory.fresh()["availability"]
        for required, shared in questions:
            try:
                said = availability(dict(required), dict(shared))
            except NotImplementedError as error:
                world.record("unfinished", answer="availability", text=str(error))
                return
            world.record("availability", required=required, shared=shared, said=said)
            await asyncio.sleep(0)

    return warm_up


def broker(node: Node) -> BrokerApp:
    from services.shop.checkout import LATER

    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue(LATER, visibility_timeout=LEASE)
    return BrokerApp(holder)


def checkout_service(memory: Memory) -> AppFactory:
    """orders, with the learner's checkout inside."""

    def orders(node: Node) -> Any:
        from fastapi import FastAPI, HTTPException

        from services.shop.checkout import LATER, PARTS, Later, Refused, Service, Unavailable

        app, http = FastAPI(), node.client(timeout=1.0)
        checkout = memory.fresh()["checkout"]
        services = {name: Service(name, http) for name in PARTS}
        later = Later(node.queue(LATER))

        @app.post("/orders")
        async def place(order: dict[str, Any]) -> dict[str, Any]:
            try:
                confirmation = await checkout(order, later=later, **services)
                pending = sorted(confirmation.pending)
            except NotImplementedError as error:
                node.record("unfinished", answer="checkout", text=str(error))
                raise
            except (Unavailable, Refused) as error:
                raise HTTPException(503 if isinstance(error, Unavailable) else 409, str(error)) from error
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                node.record("fell over", order=order["order"], error=text)
                raise HTTPException(500, text) from error
            return {"order": order["order"], "pending": pending}

        return app

    return orders


def shop(memory: Memory, *, orders: int, stock: int = 1_000) -> Scenario:
    """A buyer each second, whether or not the one before has had an answer.

    Each is written down as "bought", with what is pending, or as "not bought", with the reason. Order n is
    placed at n - 0.5 s (see began()).
    """

    async def buyers(world: World) -> None:
        from services.shop import checkout
        from services.shop.inventory import inventory
        from services.shop.notifications import notifications
        from services.shop.payments import payments
        from services.shop.shipping import shipping

        world.start("broker", broker)
        world.start("inventory", partial(inventory, stock={"lamp": stock}))
        world.start("payments", payments)
        world.start("shipping", shipping)
        world.start("notifications", notifications)
        world.start("worker", checkout.deferred)
        world.start("orders", checkout_service(memory))
        async with world.client("ada", timeout=PATIENCE) as ada, asyncio.TaskGroup() as group:
            for number in range(1, orders + 1):
                await world.run_for(number - 0.5 - world.now())
                group.create_task(buy(world, ada, number))
        await world.run_for(AFTERWARDS)

    return buyers


def began(event: Event) -> float:
    """When the order was placed of which an event "bought" or "not bought" tells, in seconds."""
    return float(event["order"]) - 0.5


async def buy(world: World, ada: Any, number: int) -> None:
    import httpx

    body = {"order": number, "customer": "Ada", "item": "lamp", "quantity": 1, "amount": 1990}
    try:
        answer = await ada.post("http://orders/orders", json=body)
    except httpx.TransportError as error:
        world.record("not bought", order=number, why=f"{type(error).__name__}: {error}")
        return
    if answer.is_success:
        world.record("bought", order=number, pending=answer.json()["pending"])
    else:
        why = answer.json().get("detail", answer.json().get("error"))
        world.record("not bought", order=number, why=f"{answer.status_code}: {why}")
