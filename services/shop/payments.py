"""payments: charges an order's amount, once.

Idea      The ledger `charges` says who has paid. With a card network behind it the order of things is: the
          card first, under a key that every try for this order makes again; then the ledger. So the
          ledger never claims money that has not come, and no crash between the two charges twice.
Not here  Refunds: refunds.py, which `in_saga` adds. The card network (card.py).
"""

from typing import Any

from fastapi import FastAPI, HTTPException

from services.node import Node
from services.shop.card import Card, CardRefused, CardUnavailable
from services.shop.contracts import OrderV1
from services.shop.next_service import pass_on
from services.shop.once import write_once
from services.shop.refunds import SCHEMA as REFUNDS
from services.shop.refunds import add_refunds
from services.shop.tables import tables

SCHEMA = "CREATE TABLE IF NOT EXISTS charges (order_id INTEGER PRIMARY KEY, amount INTEGER)"


def payments(
    node: Node,
    *,
    then: str | None = None,
    timeout: float = 1.0,
    contract: type[Any] = OrderV1,
    with_card: bool = False,
    in_saga: bool = False,
    limit: int | None = None,
) -> FastAPI:
    """The service; durable is the table `charges` of its database.

    then, timeout, contract: as of orders. with_card: charge at the card network, the service `card`.
    in_saga: with the endpoints of refunds.py; `limit`: cents, above which those decline a payment.
    """
    db, http = node.database(), node.client(timeout=timeout)
    app = FastAPI(lifespan=tables(db, SCHEMA, *(REFUNDS if in_saga else ())))
    card = Card(http)
    if in_saga:
        add_refunds(app, node, contract, limit=limit, card=card if with_card else None)

    @app.post("/charges")
    async def charge(body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        if with_card:
            try:
                await card.charge(order.order, order.amount, key=f"order-{order.order}")
            except CardUnavailable as error:
                raise HTTPException(503, f"card network: {error}") from error
            except CardRefused as error:
                raise HTTPException(402, str(error)) from error
        async with db.transaction():
            new = await write_once(db, "charges", order_id=order.order, amount=order.amount)
        node.record("charged", order=order.order, amount=order.amount, repeated=not new)
        await pass_on(order, then, http)
        return {"order": order.order, "charged": order.amount}

    return app
