"""Keeps how far it is in a table of positions, in the same transaction as the row."""

import asyncio

from classroom.exercises.cqrs.page import Result, WriterUnavailable

UPSERT = """INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET
    version = excluded.version, address = coalesce(excluded.address, address),
    items = items + excluded.items, total = total + excluded.total"""


def row(event):
    return event.order_id, event.version, event.address, int(event.amount is not None), event.amount or 0


async def project(db, event):
    async with db.transaction():
        await db.execute("CREATE TABLE IF NOT EXISTS positions (order_id INTEGER PRIMARY KEY, next INTEGER)")
        rows = await db.execute("SELECT next FROM positions WHERE order_id = ?", (event.order_id,))
        position = rows[0]["next"] if rows else 1
        if event.version > position:
            raise LookupError(f"at {position}, and {event.version} came")
        if event.version == position:
            await db.execute(UPSERT, row(event))
            await db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (event.order_id, position + 1))


async def read(order_id, *, token, view, writer, deadline):
    now = asyncio.get_running_loop().time
    until = now() + deadline
    while True:
        page = await view.get(order_id)
        if token is None or (page is not None and page["version"] >= token):
            return Result(page)
        if now() > until - deadline / 2:
            break
        await asyncio.sleep(0.01)
    try:
        return Result(await writer.get(order_id, timeout=max(until - now(), 0.01)))
    except WriterUnavailable:
        return Result(pending=True)
