"""Gives everybody what the view has."""

from classroom.exercises.cqrs.page import Result

PROMISE = "own_writes"
SAYS = "What does the answer do with the token?"
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
    return Result(await view.get(order_id))
