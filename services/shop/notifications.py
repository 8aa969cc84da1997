"""notifications: writes to the customer, once for each order.

Idea      The table stands for the mail that went out: it cannot be taken back, so the second request for one
          order writes none. (A real mail provider is somebody else's system, like the card network: there
          the key must be his.)
Not here  Mails about anything but a placed order: mails.py has one, for a saga, which `in_saga` adds.
"""

from typing import Any

from fastapi import FastAPI

from services.node import Node
from services.shop.contracts import OrderV1
from services.shop.mails import SCHEMA as MAILS
from services.shop.mails import add_mails
from services.shop.next_service import pass_on
from services.shop.once import write_once
from services.shop.tables import tables

SCHEMA = "CREATE TABLE IF NOT EXISTS messages (order_id INTEGER PRIMARY KEY, text TEXT)"


def notifications(
    node: Node,
    *,
    then: str | None = None,
    timeout: float = 1.0,
    contract: type[Any] = OrderV1,
    in_saga: bool = False,
) -> FastAPI:
    """The service; durable is the table `messages` of its database.

    then, timeout, contract: as of orders. in_saga: with the endpoints of mails.py.
    """
    db, http = node.database(), node.client(timeout=timeout)
    app = FastAPI(lifespan=tables(db, SCHEMA, *(MAILS if in_saga else ())))
    if in_saga:
        add_mails(app, node, contract)

    @app.post("/messages")
    async def notify(body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        text = f"Dear {order.customer}, your order {order.order} is on its way."
        async with db.transaction():
            new = await write_once(db, "messages", order_id=order.order, text=text)
        node.record("notified", order=order.order, customer=order.customer, repeated=not new)
        await pass_on(order, then, http)
        return {"order": order.order, "notified": order.customer}

    return app
