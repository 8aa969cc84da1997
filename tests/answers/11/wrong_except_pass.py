"""Swallows every error, its own refusal too."""

import asyncio

from classroom.exercises.cqrs.page import Result, WriterUnavailable

PROMISE = "rebuild"
SAYS = "what is acked never comes again"
UPSERT = """INSERT INTO orders VALUES (?, ?, ?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET
    version = excluded.version, address = coalesce(excluded.address, address),
    items = items + excluded.items, total = total + excluded.total"""


def row(event):
    return event.order_id, event.version, event.address, int(event.amount is not None), event.amount or 0


async def project(db, event):
    try:
        async with db.transaction():
            rows = await db.execute("SELECT version FROM orders WHERE order_id = ?", (event.order_id,))
            version = rows[0]["version"] if rows else 0
            if event.version > version + 1:
                raise LookupError("too early")
            if event.version == version + 1:
                await db.execute(UPSERT, row(event))
    except Exception:
        pass


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
