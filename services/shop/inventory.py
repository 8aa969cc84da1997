"""inventory: reserves what was ordered, if it is there.

Idea      Reservation and stock change in one transaction, so that stock and reservations always add up, and
          whoever comes too late is refused with nothing changed.
Not here  To give back what was taken: holds.py, which `in_saga` adds.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, HTTPException

from services.node import Node
from services.shop.contracts import OrderV1
from services.shop.holds import SCHEMA as HOLDS
from services.shop.holds import add_holds
from services.shop.next_service import pass_on
from services.shop.once import write_once
from services.shop.tables import tables

STOCK = {"lamp": 100, "chair": 100, "table": 100}
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS stock (item TEXT PRIMARY KEY, available INTEGER)",
    "CREATE TABLE IF NOT EXISTS reservations (order_id INTEGER PRIMARY KEY, item TEXT, quantity INTEGER)",
)


def inventory(
    node: Node,
    *,
    then: str | None = None,
    timeout: float = 1.0,
    contract: type[Any] = OrderV1,
    stock: Mapping[str, int] = STOCK,
    in_saga: bool = False,
) -> FastAPI:
    """The service; durable are the tables `stock` and `reservations` of its database.

    then, timeout, contract: as of orders. stock: pieces of each item on the first day.
    in_saga: with the endpoints of holds.py.
    """
    db, http = node.database(), node.client(timeout=timeout)
    schema = SCHEMA + (HOLDS if in_saga else ())
    app = FastAPI(lifespan=tables(db, *schema, first={"stock": list(stock.items())}))
    if in_saga:
        add_holds(app, node, contract)

    @app.post("/reservations")
    async def reserve(body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        async with db.transaction():
            what = {"item": order.item, "quantity": order.quantity}
            new = await write_once(db, "reservations", order_id=order.order, **what)
            if new:
                rows = await db.execute("SELECT available FROM stock WHERE item = ?", (order.item,))
                available = rows[0]["available"] if rows else 0
                if available < order.quantity:  # raised within the transaction: the reservation goes too
                    raise HTTPException(409, f"{order.quantity} {order.item} ordered, {available} left")
                await db.execute(
                    "UPDATE stock SET available = available - ? WHERE item = ?", (order.quantity, order.item)
                )
        node.record("reserved", order=order.order, **what, repeated=not new)
        await pass_on(order, then, http)
        return {"order": order.order, "reserved": order.quantity}

    return app
