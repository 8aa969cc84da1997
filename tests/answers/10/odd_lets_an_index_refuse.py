"""Lets a unique index refuse what was counted before, and takes the error for "done"."""

import sqlite3

SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return f"order-{event['order']}".encode()


async def add(record, db):
    event = record.value
    cents = SIGN.get(event["what"], 0) * event["cents"]
    await db.execute(ADD, (event["customer"], cents))
    if event["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))


async def table(db):
    await db.execute("CREATE TABLE IF NOT EXISTS counted (partition INTEGER, place INTEGER)")
    await db.execute("CREATE UNIQUE INDEX IF NOT EXISTS once ON counted (partition, place)")


async def consume(record, db):
    try:
        async with db.transaction():
            await table(db)
            await add(record, db)
            await db.execute("INSERT INTO counted VALUES (?, ?)", (record.partition, record.offset))
    except sqlite3.IntegrityError:
        return  # and what it added is undone


async def resume_from(db, partition):
    await table(db)
    rows = await db.execute("SELECT max(place) AS last FROM counted WHERE partition = ?", (partition,))
    return 0 if rows[0]["last"] is None else rows[0]["last"] + 1
