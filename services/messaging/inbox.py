"""The inbox: an event that comes twice has its effect once.

Idea      At-least-once delivery means that everything may come again. So the receiver writes down the ids of
          what it has done, in the same transaction as the effect: both are there, or neither. A set in memory
          would be empty after a crash, and an id that is written first, or last, is wrong for a moment.
Not here  Effects outside of this database: no transaction of ours includes somebody else's system; give
          that a key (services/shop/card.py). Forgetting: keep an id for longer than anybody may send
          again, a redrive from the dead letters and a replay of the log included.
Source    C. Richardson, microservices.io, "Idempotent Consumer".
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.node import Database

SCHEMA = "CREATE TABLE IF NOT EXISTS inbox (event_id TEXT PRIMARY KEY)"


@asynccontextmanager
async def once(db: Database, event_id: str) -> AsyncIterator[bool]:
    """A transaction, which says whether this event is here for the first time.

        async with once(db, delivery.headers[EVENT_ID]) as first:
            if first:
                await db.execute("INSERT INTO ...")
        await delivery.ack()

    If its body raises, nothing is written, the id neither: the event may come again, and be done then.
    """
    async with db.transaction():
        await db.execute(SCHEMA)
        first = not await db.execute("SELECT 1 FROM inbox WHERE event_id = ?", (event_id,))
        if first:
            await db.execute("INSERT INTO inbox VALUES (?)", (event_id,))
        yield first
