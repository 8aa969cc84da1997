"""Takes each event once, in whatever order: right in the end, and wrong on the way."""

import asyncio

from classroom.exercises.cqrs.page import Result, WriterUnavailable

PROMISE = "whole"
SAYS = "already calls itself version"

LATEST = """INSERT INTO orders VALUES (:id, :version, :address, :items, :amount)
    ON CONFLICT (order_id) DO UPDATE SET
    address = CASE WHEN :version > version THEN coalesce(:address, address)
        ELSE coalesce(address, :address) END,
    version = max(version, :version), items = items + :items, total = total + :amount"""


async def project(db, event):
    async with db.transaction():
        await db.execute(
            "CREATE TABLE IF NOT EXISTS inbox (order_id, version, PRIMARY KEY (order_id, version))"
        )
        new = "INSERT OR IGNORE INTO inbox VALUES (?, ?) RETURNING version"
        if await db.execute(new, (event.order_id, event.version)):
            what = {"id": event.order_id, "version": event.version, "address": event.address}
            what |= {"items": int(event.amount is not None), "amount": event.amount or 0}
            await db.execute(LATEST, what)


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
