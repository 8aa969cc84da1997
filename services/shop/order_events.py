"""order_events: the shop's order as a saga that nobody coordinates. Compare order_saga.py.

Idea      The same effects on the same tables, each set off by an event:

              who            hears         and says
              inventory      placed        held, or sold_out
              payments       held          paid, or declined
              shipping       paid          shipped, or out_of_reach        the pivot
              inventory      shipped       sold
              notifications  shipped       mailed
              payments       out_of_reach  refunded
              inventory      declined      released
              inventory      refunded      released
              orders         sold, or sold_out, or released: the order is confirmed, or cancelled

          No code reads this table: the flow is in four files' reactions, and here in words.
Not here  To cancel: a "cancel" races with all of it, and each service would have to know what to do with it
          at every point. A hold that waits for another one's (423): a worker that waits would hold up all
          behind it, the news that it waits for among them. So "not now" is "sold out" here.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException

from services.messaging.outbox import Outbox
from services.node import Database, Node
from services.saga.choreography import dance, say
from services.saga.commands import Refused
from services.saga.endpoints import Locked
from services.shop.contracts import OrderV1
from services.shop.holds import SCHEMA as HOLDS
from services.shop.holds import hold, release, sell
from services.shop.inventory import SCHEMA as INVENTORY
from services.shop.inventory import STOCK
from services.shop.mails import write
from services.shop.notifications import SCHEMA as NOTIFICATIONS
from services.shop.once import write_once
from services.shop.orders import SCHEMA as ORDERS
from services.shop.parcels import send
from services.shop.payments import SCHEMA as PAYMENTS
from services.shop.refunds import SCHEMA as REFUNDS
from services.shop.refunds import pay, refund, too_much
from services.shop.shipping import SCHEMA as SHIPPING
from services.shop.tables import tables


async def inventory_dances(node: Node, *, stock: Mapping[str, int] = STOCK) -> None:
    """The worker; durable are the tables `stock` and `holds`."""

    async def on_placed(db: Database, data: Any) -> str:
        try:
            await hold(db, OrderV1.read(data))
        except (Refused, Locked):
            return "sold_out"
        return "held"

    async def on_shipped(db: Database, data: Any) -> str:
        await sell(db, OrderV1.read(data))
        return "sold"

    async def give_back(db: Database, data: Any) -> str:
        await release(db, OrderV1.read(data))
        return "released"

    async with tables(node.database(), *INVENTORY, *HOLDS, first={"stock": list(stock.items())})(None):
        reactions = {"placed": on_placed, "shipped": on_shipped, "declined": give_back, "refunded": give_back}
        await dance(node, reactions)


async def payments_dance(node: Node, *, limit: int | None = None) -> None:
    """The worker; durable are the tables `charges` and `refunds`. limit: as of refunds.py."""

    async def on_held(db: Database, data: Any) -> str:
        order = OrderV1.read(data)
        if too_much(order, limit):
            return "declined"
        await pay(db, order)
        return "paid"

    async def on_out_of_reach(db: Database, data: Any) -> str:
        await refund(db, OrderV1.read(data))
        return "refunded"

    async with tables(node.database(), PAYMENTS, *REFUNDS)(None):
        await dance(node, {"held": on_held, "out_of_reach": on_out_of_reach})


async def shipping_dances(node: Node, *, out_of_reach: Collection[str] = ()) -> None:
    """The worker; durable is the table `shipments`. out_of_reach: as of parcels.py."""

    async def on_paid(db: Database, data: Any) -> str:
        try:
            await send(db, OrderV1.read(data), out_of_reach=out_of_reach)
        except Refused:
            return "out_of_reach"
        return "shipped"

    async with tables(node.database(), SHIPPING)(None):
        await dance(node, {"paid": on_paid})


async def notifications_dance(node: Node) -> None:
    """The worker; durable is the table `messages`."""

    async def on_shipped(db: Database, data: Any) -> str:
        await write(db, OrderV1.read(data))
        return "mailed"

    async with tables(node.database(), NOTIFICATIONS)(None):
        await dance(node, {"shipped": on_shipped})


def orders_dance(node: Node) -> FastAPI:
    """The service; durable is the table `orders`.

    POST /orders takes an order, GET /orders/{order} tells of it.
    """
    db, outbox = node.database(), Outbox(node.database(), source=node.name)

    async def ends_as(state: str, data: Any) -> str:
        await db.execute("UPDATE orders SET state = ? WHERE order_id = ?", (state, data["order"]))
        return state

    async def confirm(_: Database, data: Any) -> str:
        return await ends_as("confirmed", data)

    async def cancel(_: Database, data: Any) -> str:
        return await ends_as("cancelled", data)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with tables(db, ORDERS)(app):
            await outbox.create()
            reactions = {"sold": confirm, "sold_out": cancel, "released": cancel}
            dancing = asyncio.create_task(dance(node, reactions))
            yield
            dancing.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.post("/orders", status_code=202)
    async def place(body: dict[str, Any]) -> dict[str, Any]:
        order = OrderV1.read(body)
        what = {"customer": order.customer, "item": order.item, "quantity": order.quantity}
        async with db.transaction():
            if await write_once(db, "orders", order_id=order.order, **what, amount=order.amount):
                await say(outbox, f"order-{order.order}", "placed", order.wire())
        return {"order": order.order, "state": "pending"}

    @app.get("/orders/{order}")
    async def look(order: int) -> dict[str, Any]:
        rows = await db.execute("SELECT * FROM orders WHERE order_id = ?", (order,))
        if not rows:
            raise HTTPException(404, f"there is no order {order}")
        return rows[0]

    return app
