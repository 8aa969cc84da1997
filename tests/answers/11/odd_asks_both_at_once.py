"""Lets the view and the writer race, and takes what comes first."""

import asyncio

from classroom.exercises.cqrs.page import Result

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


async def until_there(view, order_id, token):
    while True:
        page = await view.get(order_id)
        if page is not None and page["version"] >= token:
            return page
        await asyncio.sleep(0.01)


async def read(order_id, *, token, view, writer, deadline):
    if token is None:
        return Result(await view.get(order_id))
    waiting = asyncio.create_task(until_there(view, order_id, token))
    asking = asyncio.create_task(writer.get(order_id, timeout=deadline))
    left, until = {waiting, asking}, asyncio.get_running_loop().time() + deadline
    while left and (seconds := until - asyncio.get_running_loop().time()) > 0:
        done, left = await asyncio.wait(left, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if task.exception() is None:
                for other in left:
                    other.cancel()
                return Result(task.result())
    waiting.cancel()
    asking.cancel()
    return Result(pending=True)
