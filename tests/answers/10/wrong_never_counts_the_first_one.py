"""Compares with the offset of the last record, and takes the first of all, 0, for one that is done."""

PROMISE = "once"
SAYS = "of order 2 is missing. Nobody died, and nobody slept"


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


async def last_done(db, partition):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,))
    return rows[0]["next_offset"] if rows else 0


async def consume(record, db):
    async with db.transaction():
        if record.offset > await last_done(db, record.partition):
            await add(record, db)
            await db.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?)", (record.partition, record.offset)
            )


async def resume_from(db, partition):
    return await last_done(db, partition)
