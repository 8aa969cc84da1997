"""Waits, and at the deadline shows what there is, without a word."""

import asyncio

from classroom.exercises.cqrs.page import Result

PROMISE = "own_writes"
SAYS = "with no word that it is old"
UPSERT = """INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET
    version = excluded.version, address = coalesce(excluded.address, address),
    items = items + excluded.items, total = total + excluded.total"""


def row(event):
    return event.order_id, event.version, event.address, int(event.amount is not None), event.amount or 0


async def project(db, event):
    async with db.transaction():
        rows = await db.execute("SELECT version FROM orders WHERE order_id = ?", (event.order_id,))
        version = rows[0]["version"] if rows else 0
        if event.version <= version:
            return
        if event.version > version + 1:
            raise LookupError(f"change {version + 1} of order {event.order_id} is missing")
        await db.execute(UPSERT, row(event))


async def read(order_id, *, token, view, writer, deadline):
    until = asyncio.get_running_loop().time() + deadline
    page = await view.get(order_id)
    while token is not None and (page is None or page["version"] < token):
        if asyncio.get_running_loop().time() >= until:
            break
        await asyncio.sleep(0.02)
        page = await view.get(order_id)
    return Result(page)
