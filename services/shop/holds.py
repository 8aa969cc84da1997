"""holds: inventory's part in a saga. What is ordered is held first; then it is sold, or given back.

Idea      A hold takes pieces out of the stock, so that nobody else gets them, and says of itself that it is
          pending: that is a semantic lock. It lasts until the saga has ended, and no database knows of it.
          Whoever comes when the rest is held, and not sold, is told "not now" (423) and not "sold out"
          (409): what is pending may come back.
Adds up   stock.available + what is pending or sold is, at each commit, what there was on the first day.
Not here  Holds that run out by themselves: whoever holds must end it.
Source    C. Richardson, "Microservices Patterns", chapter 4, "Countermeasure: Semantic lock".
"""

from typing import Any

from fastapi import FastAPI

from services.node import Node
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
    """Add POST /holds, its compensation /holds/release, and /holds/sell, which takes the lock off."""
    db = node.database()
    commands = Commands(db)

    async def hold(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)

        async def effect() -> None:
            available, pending = await stock_of(order.item)
            if available < order.quantity <= available + pending:
                raise Locked(f"{order.quantity} {order.item} ordered, {available} left, {pending} pending")
            if available < order.quantity:
                raise Refused(f"{order.quantity} {order.item} ordered, {available} left")
            await db.execute(
                "INSERT INTO holds VALUES (?, ?, ?, 'pending')", (order.order, order.item, order.quantity)
            )
            await take(order, order.quantity)

        new = await commands.do(key, body, effect)
        node.record("held", order=order.order, item=order.item, quantity=order.quantity, repeated=not new)
        return {"order": order.order, "held": order.quantity}

    async def release(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)

        async def effect() -> None:
            await db.execute("UPDATE holds SET state = 'released' WHERE order_id = ?", (order.order,))
            await take(order, -order.quantity)

        before = await commands.undo(key, body, effect)
        node.record("released", order=order.order, item=order.item, quantity=order.quantity, before=before)
        return {"order": order.order, "released": True}

    async def sell(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)

        async def effect() -> None:
            sold = await db.execute(
                "UPDATE holds SET state = 'sold' WHERE order_id = ? AND state = 'pending' RETURNING 1",
                (order.order,),
            )
            if not sold:
                raise Refused(f"nothing is held for order {order.order}")

        new = await commands.do(key, body, effect)
        node.record("sold", order=order.order, item=order.item, quantity=order.quantity, repeated=not new)
        return {"order": order.order, "sold": order.quantity}

    async def take(order: Any, quantity: int) -> None:
        await db.execute("UPDATE stock SET available = available - ? WHERE item = ?", (quantity, order.item))

    async def stock_of(item: str) -> tuple[int, int]:
        """What is available, and what is held and not yet sold."""
        [row] = await db.execute(
            "SELECT coalesce((SELECT available FROM stock WHERE item = :item), 0) AS available, coalesce("
            "(SELECT sum(quantity) FROM holds WHERE item = :item AND state = 'pending'), 0) AS pending",
            {"item": item},
        )
        return row["available"], row["pending"]

    @app.get("/stock/{item}")
    async def look(item: str) -> dict[str, Any]:
        available, pending = await stock_of(item)
        return {"item": item, "available": available, "pending": pending}

    add_command(app, "/holds", hold)
    add_command(app, "/holds/release", release)
    add_command(app, "/holds/sell", sell)
