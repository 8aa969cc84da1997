"""holds: inventory's part in a saga. What is ordered is held first; then it is sold, or given back.

Idea      A hold takes pieces out of the stock, so that nobody else gets them, and says of itself that it is
          pending: that is a semantic lock. It lasts until the saga has ended, and no database knows of it.
          Whoever comes when the rest is held, and not sold, is told "not now" (423) and not "sold out"
          (409): what is pending may come back.
Adds up   stock.available + what is pending or sold is, at each commit, what there was on the first day.
Not here  Holds that run out by themselves: whoever holds must end it.
Source    C. Richardson, "Microservices Patterns", chapter 4, "Countermeasure: Semantic lock".
"""

from functools import partial
from typing import Any

from fastapi import FastAPI

from services.node import Database, Node
from services.saga.commands import Refused
from services.saga.endpoints import Locked, add_command
from services.saga.participant import SCHEMA as COMMANDS
from services.saga.participant import Commands

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS holds (
        order_id INTEGER PRIMARY KEY, item TEXT, quantity INTEGER, state TEXT)""",
    COMMANDS,
)


def add_holds(app: FastAPI, node: Node, contract: type[Any]) -> None:
    """Add POST /holds, its compensation /holds/release, and /holds/sell, which takes the lock off.

    GET /stock/{item} tells what is available, and what is pending.
    """
    db = node.database()
    commands = Commands(db)

    async def serve_hold(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        new = await commands.do(key, body, partial(hold, db, order))
        node.record("held", order=order.order, item=order.item, quantity=order.quantity, repeated=not new)
        return {"order": order.order, "held": order.quantity}

    async def serve_release(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        before = await commands.undo(key, body, partial(release, db, order))
        node.record("released", order=order.order, item=order.item, quantity=order.quantity, before=before)
        return {"order": order.order, "released": True}

    async def serve_sell(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        new = await commands.do(key, body, partial(sell, db, order))
        node.record("sold", order=order.order, item=order.item, quantity=order.quantity, repeated=not new)
        return {"order": order.order, "sold": order.quantity}

    @app.get("/stock/{item}")
    async def look(item: str) -> dict[str, Any]:
        available, pending = await stock_of(db, item)
        return {"item": item, "available": available, "pending": pending}

    add_command(app, "/holds", serve_hold)
    add_command(app, "/holds/release", serve_release)
    add_command(app, "/holds/sell", serve_sell)


# -- the effects, each to be called in a transaction --------------------------------------------------------


async def hold(db: Database, order: Any) -> None:
    """Take it out of the stock, for the time being. Raises Refused (sold out) or Locked (others hold it)."""
    available, pending = await stock_of(db, order.item)
    if available < order.quantity <= available + pending:
        raise Locked(f"{order.quantity} {order.item} ordered, {available} left, {pending} pending")
    if available < order.quantity:
        raise Refused(f"{order.quantity} {order.item} ordered, {available} left")
    row = order.order, order.item, order.quantity
    await db.execute("INSERT INTO holds VALUES (?, ?, ?, 'pending')", row)
    await _take(db, order.item, order.quantity)


async def release(db: Database, order: Any) -> None:
    """Give back what was held."""
    await db.execute("UPDATE holds SET state = 'released' WHERE order_id = ?", (order.order,))
    await _take(db, order.item, -order.quantity)


async def sell(db: Database, order: Any) -> None:
    """Take the lock off: it is not pending any more. Raises Refused where nothing is held."""
    pending = "UPDATE holds SET state = 'sold' WHERE order_id = ? AND state = 'pending' RETURNING 1"
    if not await db.execute(pending, (order.order,)):
        raise Refused(f"nothing is held for order {order.order}")


async def stock_of(db: Database, item: str) -> tuple[int, int]:
    """What is available, and what is held and not yet sold."""
    [row] = await db.execute(
        "SELECT coalesce((SELECT available FROM stock WHERE item = :item), 0) AS available, coalesce("
        "(SELECT sum(quantity) FROM holds WHERE item = :item AND state = 'pending'), 0) AS pending",
        {"item": item},
    )
    return row["available"], row["pending"]


async def _take(db: Database, item: str, quantity: int) -> None:
    await db.execute("UPDATE stock SET available = available - ? WHERE item = ?", (quantity, item))
