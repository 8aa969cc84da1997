"""The shop with sagas, orders to place in it, and what must hold of every run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from classroom.world.run import Run
from classroom.world.simulated import Scenario
from classroom.world.world import World
from services.shop.card import card_network
from services.shop.inventory import inventory
from services.shop.notifications import notifications
from services.shop.order_saga import order_desk
from services.shop.payments import payments
from services.shop.shipping import shipping

ORDER_7 = {"order": 7, "customer": "Ada", "item": "lamp", "quantity": 1, "amount": 1990}
STOCK = {"lamp": 3, "chair": 1}
LIMIT = 5000
SERVICES = ("inventory", "payments", "shipping", "notifications")


def open_shop(world: World, *, with_card: bool = False, **desk: Any) -> None:
    open_participants(world, with_card=with_card)
    world.start("orders", partial(order_desk, **desk))


def open_participants(world: World, *, with_card: bool = False) -> None:
    world.start("inventory", partial(inventory, in_saga=True, stock=STOCK))
    world.start("payments", partial(payments, in_saga=True, limit=LIMIT, with_card=with_card))
    world.start("shipping", partial(shipping, in_saga=True, out_of_reach=("Ben",)))
    world.start("notifications", partial(notifications, in_saga=True))
    if with_card:
        world.start("card", card_network)


Act = Callable[[World, httpx.AsyncClient], Any]


def placing(
    *orders: dict[str, Any], rest: float = 60.0, meanwhile: Act | None = None, **shop: Any
) -> Scenario:
    """Ada places these orders, each until she is answered. meanwhile: what else goes on, beside the sagas."""

    async def scenario(world: World) -> None:
        open_shop(world, **shop)
        async with world.client("ada", timeout=1.5) as ada:
            for order in orders:
                await insist(world, ada, "http://orders/orders", order)
            if meanwhile is not None:
                await meanwhile(world, ada)
            await world.run_for(rest)

    return scenario


async def insist(world: World, ada: httpx.AsyncClient, url: str, body: Any = None) -> httpx.Response:
    """POST until there is an answer that is not the world's fault."""
    while True:
        try:
            answer = await ada.post(url, json=body)
            if answer.status_code < 500:
                return answer
        except httpx.TransportError:
            pass
        await world.run_for(0.3)


def story(run: Run, saga: str = "order-7") -> list[str]:
    """The log of a saga, a word or two a record."""
    rows = [row for row in run.rows("orders", "saga_log") if row["saga"] == saga]
    return [" ".join(filter(None, (row["event"], row["step"]))) for row in rows]
