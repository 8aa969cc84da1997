"""shipping: sends the parcel of an order, once.

Not here  Routes and carriers. To call a parcel back: that nobody can. Its part in a saga: parcels.py, which
          `in_saga` adds.
"""

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI

from services.node import Node
from services.shop.contracts import OrderV1
from services.shop.next_service import pass_on
from services.shop.once import write_once
from services.shop.parcels import SCHEMA as PARCELS
from services.shop.parcels import add_parcels
from services.shop.tables import tables

SCHEMA = """CREATE TABLE IF NOT EXISTS shipments (
    order_id INTEGER PRIMARY KEY, customer TEXT, item TEXT, quantity INTEGER)"""


def shipping(
    node: Node,
    *,
    then: str | None = None,
    timeout: float = 1.0,
    contract: type[Any] = OrderV1,
    in_saga: bool = False,
    out_of_reach: Collection[str] = (),
) -> FastAPI:
    """The service; durable is the table `shipments` of its database.

    then, timeout, contract: as of orders. in_saga: with the endpoints of parcels.py, which refuse customers
    that are `out_of_reach`.
    """
    db, http = node.database(), node.client(timeout=timeout)
    app = FastAPI(lifespan=tables(db, SCHEMA, *(PARCELS if in_saga else ())))
    if in_saga:
        add_parcels(app, node, contract, out_of_reach=out_of_reach)

    @app.post("/shipments")
    async def ship(body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        what = {"customer": order.customer, "item": order.item, "quantity": order.quantity}
        async with db.transaction():
            new = await write_once(db, "shipments", order_id=order.order, **what)
        node.record("shipped", order=order.order, repeated=not new)
        await pass_on(order, then, http)
        return {"order": order.order, "shipped": True}

    return app
