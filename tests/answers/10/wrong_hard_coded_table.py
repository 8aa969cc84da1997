"""Writes the table that the first day ends with."""

PROMISE = "once"
SAYS = "the count itself is wrong"


SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return f"order-{event['order']}".encode()


async def next_offset(db, partition):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,))
    return rows[0]["next_offset"] if rows else 0


async def add(record, db):
    await db.execute("INSERT OR REPLACE INTO revenue VALUES ('Ada', 3480), ('Ben', 2000)")
    if record.value["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (record.value["order"], record.value["customer"]))


async def store(db, partition, next_offset):
    await db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (partition, next_offset))


async def consume(record, db):
    async with db.transaction():
        if record.offset >= await next_offset(db, record.partition):
            await add(record, db)
            await store(db, record.partition, record.offset + 1)


async def resume_from(db, partition):
    return await next_offset(db, partition)
