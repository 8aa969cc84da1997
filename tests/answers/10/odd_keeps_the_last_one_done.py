"""Keeps the last offset that is done, in a table of its own, and refuses a gap; its key is one of 256."""

SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return bytes([event["order"] % 256])


async def add(record, db):
    event = record.value
    cents = SIGN.get(event["what"], 0) * event["cents"]
    await db.execute(ADD, (event["customer"], cents))
    if event["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))


async def last_done(db, partition):
    await db.execute("CREATE TABLE IF NOT EXISTS done (partition INTEGER PRIMARY KEY, last INTEGER)")
    rows = await db.execute("SELECT last FROM done WHERE partition = ?", (partition,))
    return rows[0]["last"] if rows else -1


async def consume(record, db):
    async with db.transaction():
        last = await last_done(db, record.partition)
        if record.offset > last + 1:
            raise ValueError(f"offsets {last + 1} to {record.offset - 1} are missing")
        if record.offset == last + 1:
            await add(record, db)
            await db.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", (record.partition, record.offset))


async def resume_from(db, partition):
    return await last_done(db, partition) + 1
