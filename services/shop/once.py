"""Once: what a service does for an order it does once, however often it is asked.

Idea      The order's number is the idempotency key, and the row that was written is the memory. Whoever
          asks again gets the same answer; whoever asks for something else under that number is told so.
Not here  Keys that the caller makes up, and answers that are stored with them (lesson 02).
Source    The IETF draft "The Idempotency-Key HTTP Header Field" (422 for a key that comes back with
          another request).
"""

from fastapi import HTTPException

from services.node import Database


async def write_once(db: Database, table: str, *, order_id: int, **row: object) -> bool:
    """Write a row for this order, unless there is one. Call it within a transaction.

    Returns whether it is new. Raises HTTPException 422 if the order has a row that says something else.
    """
    columns = ", ".join(row)
    known = await db.execute(f"SELECT {columns} FROM {table} WHERE order_id = ?", (order_id,))
    if known and known[0] != row:
        raise HTTPException(422, f"{table} holds {known[0]} for order {order_id} already; asked for {row}")
    if not known:
        marks = ", ".join("?" for _ in row)
        await db.execute(
            f"INSERT INTO {table} (order_id, {columns}) VALUES (?, {marks})", (order_id, *row.values())
        )
    return not known
