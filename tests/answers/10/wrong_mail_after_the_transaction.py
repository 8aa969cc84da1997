"""Writes the mail after the transaction: a crash in between, and nobody will ever write it."""

PROMISE = "once"
SAYS = "is not in mails"


SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return f"order-{event['order']}".encode()


async def next_offset(db, partition):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,))
    return rows[0]["next_offset"] if rows else 0


async def add(record, db):
    cents = SIGN.get(record.value["what"], 0) * record.value["cents"]
    await db.execute(ADD, (record.value["customer"], cents))


async def store(db, partition, next_offset):
    await db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (partition, next_offset))


async def consume(record, db):
    event = record.value
    async with db.transaction():
        if record.offset < await next_offset(db, record.partition):
            return
        await add(record, db)
        await store(db, record.partition, record.offset + 1)
    if event["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))


async def resume_from(db, partition):
    return await next_offset(db, partition)
