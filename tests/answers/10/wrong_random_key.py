"""Throws dice for the key: an order is spread over the partitions."""

import random

PROMISE = "order"
SAYS = "are spread"


SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return str(random.random()).encode()


async def next_offset(db, partition):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,))
    return rows[0]["next_offset"] if rows else 0


async def add(record, db):
    event = record.value
    cents = SIGN.get(event["what"], 0) * event["cents"]
    await db.execute(ADD, (event["customer"], cents))
    if event["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))


async def store(db, partition, next_offset):
    await db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (partition, next_offset))


async def consume(record, db):
    async with db.transaction():
        if record.offset >= await next_offset(db, record.partition):
            await add(record, db)
            await store(db, record.partition, record.offset + 1)


async def resume_from(db, partition):
    return await next_offset(db, partition)
