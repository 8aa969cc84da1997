"""Takes every event that is newer than the row, and so steps over one that is late."""

import asyncio

from classroom.exercises.cqrs.page import Result, WriterUnavailable

PROMISE = "rebuild"
SAYS = "came before change"
UPSERT = """INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET
    version = excluded.version, address = coalesce(excluded.address, address),
    items = items + excluded.items, total = total + excluded.total"""


def row(event):
    return event.order_id, event.version, event.address, int(event.amount is not None), event.amount or 0


async def project(db, event):
    async with db.transaction():
        rows = await db.execute("SELECT version FROM orders WHERE order_id = ?", (event.order_id,))
        if not rows or event.version > rows[0]["version"]:
            await db.execute(UPSERT, row(event))


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
