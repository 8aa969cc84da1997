"""mails: notifications' part in a saga. What was written to somebody can only be followed by a second mail.

Idea      Compensation is not rollback: the first mail stays sent. If none was, none is taken back, and none
          will be sent under that key. In the shop's saga the mail stands past the pivot, so that nobody gets
          two; where it stands before, the customer reads both.
Not here  Mails that bounce.
Source    H. Garcia-Molina and K. Salem, "Sagas", 1987: a compensation undoes "from a semantic point of view".
"""

from typing import Any

from fastapi import FastAPI

from services.node import Node
from services.saga.endpoints import add_command
from services.saga.participant import SCHEMA as COMMANDS
from services.saga.participant import Commands

SCHEMA = ("CREATE TABLE IF NOT EXISTS apologies (order_id INTEGER PRIMARY KEY, text TEXT)", COMMANDS)


def add_mails(app: FastAPI, node: Node, contract: type[Any]) -> None:
    """Add POST /mails and its compensation /mails/apologise."""
    db = node.database()
    commands = Commands(db)

    async def write(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        text = f"Dear {order.customer}, your order {order.order} is on its way."

        async def effect() -> None:
            await db.execute("INSERT INTO messages VALUES (?, ?)", (order.order, text))

        new = await commands.do(key, body, effect)
        node.record("notified", order=order.order, customer=order.customer, repeated=not new)
        return {"order": order.order, "notified": order.customer}

    async def apologise(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        text = f"Dear {order.customer}, your order {order.order} will not come after all. We are sorry."

        async def effect() -> None:
            await db.execute("INSERT INTO apologies VALUES (?, ?)", (order.order, text))

        before = await commands.undo(key, body, effect)
        node.record("apologised", order=order.order, customer=order.customer, before=before)
        return {"order": order.order, "apologised": order.customer}

    add_command(app, "/mails", write)
    add_command(app, "/mails/apologise", apologise)
