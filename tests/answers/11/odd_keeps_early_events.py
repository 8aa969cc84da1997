"""Keeps what comes too early in a table of its own, until the gap is filled."""

import asyncio

from classroom.exercises.cqrs.page import Result, WriterUnavailable

UPSERT = """INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET
    version = excluded.version, address = coalesce(excluded.address, address),
    items = items + excluded.items, total = total + excluded.total"""


def row(event):
    return event.order_id, event.version, event.address, int(event.amount is not None), event.amount or 0


EARLY = """CREATE TABLE IF NOT EXISTS early (
    order_id INTEGER, version INTEGER, address TEXT, amount INTEGER, PRIMARY KEY (order_id, version))"""


async def project(db, event):
    await db.execute(EARLY)
    async with db.transaction():
        mine = event.order_id, event.version, event.address, event.amount
        await db.execute("INSERT OR IGNORE INTO early VALUES (?, ?, ?, ?)", mine)
        rows = await db.execute("SELECT version FROM orders WHERE order_id = ?", (event.order_id,))
        version = rows[0]["version"] if rows else 0
        waiting = "SELECT * FROM early WHERE order_id = ? AND version > ? ORDER BY version"
        for kept in await db.execute(waiting, (event.order_id, version)):
            if kept["version"] == version + 1:
                version += 1
                items = int(kept["amount"] is not None)
                what = (kept["order_id"], version, kept["address"], items, kept["amount"] or 0)
                await db.execute(UPSERT, what)
        await db.execute("DELETE FROM early WHERE order_id = ? AND version <= ?", (event.order_id, version))


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
