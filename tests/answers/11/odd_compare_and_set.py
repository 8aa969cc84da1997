"""One statement compares the version and sets it; if it touched no row, an event is old or too early."""

import asyncio

from classroom.exercises.cqrs.page import Result, WriterUnavailable


async def project(db, event):
    items, amount = int(event.amount is not None), event.amount or 0
    if event.version == 1:
        first = "INSERT INTO orders VALUES (?, 1, ?, ?, ?) ON CONFLICT DO NOTHING"
        await db.execute(first, (event.order_id, event.address, items, amount))
        return
    done = await db.execute(
        "UPDATE orders SET version = version + 1, address = coalesce(?, address), items = items + ?, "
        "total = total + ? WHERE order_id = ? AND version = ? RETURNING version",
        (event.address, items, amount, event.order_id, event.version - 1),
    )
    if not done:
        rows = await db.execute("SELECT version FROM orders WHERE order_id = ?", (event.order_id,))
        if not rows or rows[0]["version"] < event.version:
            raise LookupError("too early")


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
