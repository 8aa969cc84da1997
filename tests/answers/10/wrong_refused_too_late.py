"""Answers an index that refuses within the transaction, which then commits what it had added before."""

import sqlite3

PROMISE = "once"
SAYS = "counts twice"


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
    await db.execute(
        "CREATE TABLE IF NOT EXISTS counted (partition INTEGER, place INTEGER, UNIQUE (partition, place))"
    )


async def consume(record, db):
    async with db.transaction():
        await table(db)
        await add(record, db)
        try:
            await db.execute("INSERT INTO counted VALUES (?, ?)", (record.partition, record.offset))
        except sqlite3.IntegrityError:
            return


async def resume_from(db, partition):
    return 0
