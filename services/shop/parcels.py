"""parcels: shipping's part in a saga, and its pivot. A parcel that has left cannot be called back.

Idea      There is no compensation, so this step decides. It may be refused (no carrier drives there), and
          then it is for this key.
Not here  Carriers that lose parcels.
Source    C. Richardson, "Microservices Patterns", chapter 4, "Pivot transaction".
"""

from collections.abc import Collection
from functools import partial
from typing import Any

from fastapi import FastAPI

from services.node import Database, Node
from services.saga.commands import Refused
from services.saga.endpoints import add_command
from services.saga.participant import SCHEMA as COMMANDS
from services.saga.participant import Commands

SCHEMA = (COMMANDS,)


def add_parcels(app: FastAPI, node: Node, contract: type[Any], *, out_of_reach: Collection[str]) -> None:
    """Add POST /parcels. out_of_reach: customers to whom nobody drives."""
    db = node.database()
    commands = Commands(db)

    async def serve_send(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        new = await commands.do(key, body, partial(send, db, order, out_of_reach=out_of_reach))
        node.record("shipped", order=order.order, repeated=not new)
        return {"order": order.order, "shipped": True}

    add_command(app, "/parcels", serve_send)


async def send(db: Database, order: Any, *, out_of_reach: Collection[str]) -> None:
    """The row stands for the parcel. To be called in a transaction. Raises Refused."""
    if order.customer in out_of_reach:
        raise Refused(f"no carrier drives to {order.customer}")
    row = order.order, order.customer, order.item, order.quantity
    await db.execute("INSERT INTO shipments VALUES (?, ?, ?, ?)", row)
