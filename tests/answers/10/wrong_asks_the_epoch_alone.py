"""Asks the epoch alone: until the new owner's first record the old one counts, and then the new one too."""

PROMISE = "zombie"
SAYS = "wrote over what its successor had done"


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


async def next_offset(db, partition):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,))
    return rows[0]["next_offset"] if rows else 0


async def consume(record, db):
    async with db.transaction():
        await db.execute("CREATE TABLE IF NOT EXISTS owners (partition INTEGER PRIMARY KEY, epoch INTEGER)")
        owner = await db.execute("SELECT epoch FROM owners WHERE partition = ?", (record.partition,))
        if owner and owner[0]["epoch"] > record.epoch:
            return
        await db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", (record.partition, record.epoch))
        await add(record, db)
        await db.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?)", (record.partition, record.offset + 1)
        )


async def resume_from(db, partition):
    return await next_offset(db, partition)
