"""Keeps one position for all partitions: what is behind it in another one is never counted."""

PROMISE = "once"
SAYS = "order 1 is missing. Nobody died"


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


async def next_offset(db):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = 0")
    return rows[0]["next_offset"] if rows else 0


async def consume(record, db):
    async with db.transaction():
        if record.offset >= await next_offset(db):
            await add(record, db)
            await db.execute("INSERT OR REPLACE INTO positions VALUES (0, ?)", (record.offset + 1,))


async def resume_from(db, partition):
    return await next_offset(db)
