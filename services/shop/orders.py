"""orders: takes an order, and confirms it when all others have done their part.

Idea      The order is written first, as pending, and confirmed only when `then` has answered. So after a
          failure it stays pending: what was done for it down the chain is not known here. Whoever places
          it again has it tried again, which is safe, since each service does its part once.
Not here  To undo what was done for an order that failed (order_saga.py). To do some of it later (lesson 01).
"""

from typing import Any

from fastapi import FastAPI, HTTPException

from services.node import Node
from services.shop.contracts import OrderV1
from services.shop.next_service import pass_on
from services.shop.once import write_once
from services.shop.tables import tables

SCHEMA = """CREATE TABLE IF NOT EXISTS orders (
    order_id INTEGER PRIMARY KEY, customer TEXT, item TEXT, quantity INTEGER, amount INTEGER,
    state TEXT DEFAULT 'pending')"""


def orders(
    node: Node, *, then: str | None = None, timeout: float = 1.0, contract: type[Any] = OrderV1
) -> FastAPI:
    """The service; durable is the table `orders` of its database.

    then: the URL that is asked next, and waited for, for `timeout` seconds.
    contract: how an order is spelt, to it and from it.
    """
    db, http = node.database(), node.client(timeout=timeout)
    app = FastAPI(lifespan=tables(db, SCHEMA))

    @app.post("/orders")
    async def place(body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        what = {"customer": order.customer, "item": order.item, "quantity": order.quantity}
        async with db.transaction():
            await write_once(db, "orders", order_id=order.order, **what, amount=order.amount)
        await pass_on(order, then, http)
        await db.execute("UPDATE orders SET state = 'confirmed' WHERE order_id = ?", (order.order,))
        node.record("confirmed", order=order.order)
        return {"order": order.order, "state": "confirmed"}

    @app.get("/orders/{order}")
    async def look(order: int) -> dict[str, Any]:
        rows = await db.execute("SELECT * FROM orders WHERE order_id = ?", (order,))
        if not rows:
            raise HTTPException(404, f"there is no order {order}")
        return rows[0]

    return app
