"""mails: notifications' part in a saga. What was written to somebody can only be followed by a second mail.

Idea      Compensation is not rollback: the first mail stays sent. If none was, none is taken back, and none
          will be sent under that key. In the shop's saga the mail stands past the pivot, so that nobody gets
          two; where it stands before, the customer reads both.
Not here  Mails that bounce.
Source    H. Garcia-Molina and K. Salem, "Sagas", 1987: a compensation undoes "from a semantic point of view".
"""

from functools import partial
from typing import Any

from fastapi import FastAPI

from services.node import Database, Node
from services.saga.endpoints import add_command
from services.saga.participant import SCHEMA as COMMANDS
from services.saga.participant import Commands

SCHEMA = ("CREATE TABLE IF NOT EXISTS apologies (order_id INTEGER PRIMARY KEY, text TEXT)", COMMANDS)


def add_mails(app: FastAPI, node: Node, contract: type[Any]) -> None:
    """Add POST /mails and its compensation /mails/apologise."""
    db = node.database()
    commands = Commands(db)

    async def serve_write(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        new = await commands.do(key, body, partial(write, db, order))
        node.record("notified", order=order.order, customer=order.customer, repeated=not new)
        return {"order": order.order, "notified": order.customer}

    async def serve_apologise(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        before = await commands.undo(key, body, partial(apologise, db, order))
        node.record("apologised", order=order.order, customer=order.customer, before=before)
        return {"order": order.order, "apologised": order.customer}

    add_command(app, "/mails", serve_write)
    add_command(app, "/mails/apologise", serve_apologise)


# -- the effects, each to be called in a transaction --------------------------------------------------------


async def write(db: Database, order: Any) -> None:
    """The row stands for the mail."""
    text = f"Dear {order.customer}, your order {order.order} is on its way."
    await db.execute("INSERT INTO messages VALUES (?, ?)", (order.order, text))


async def apologise(db: Database, order: Any) -> None:
    """The second mail, which follows the first."""
    text = f"Dear {order.customer}, your order {order.order} will not come after all. We are sorry."
    await db.execute("INSERT INTO apologies VALUES (?, ?)", (order.order, text))
