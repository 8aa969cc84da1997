"""Remembers each record that it has counted, and goes on at the first one missing: a low watermark."""

SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"
INBOX = "CREATE TABLE IF NOT EXISTS inbox (partition INTEGER, done INTEGER, PRIMARY KEY (partition, done))"


def key_of(event):
    return f"order-{event['order']}".encode()


async def add(record, db):
    event = record.value
    cents = SIGN.get(event["what"], 0) * event["cents"]
    await db.execute(ADD, (event["customer"], cents))
    if event["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))


async def consume(record, db):
    async with db.transaction():
        await db.execute(INBOX)
        row = (record.partition, record.offset)
        if await db.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?) RETURNING done", row):
            await add(record, db)


async def resume_from(db, partition):
    await db.execute(INBOX)
    rows = await db.execute("SELECT done FROM inbox WHERE partition = ? ORDER BY done", (partition,))
    done = [row["done"] for row in rows]
    return next((offset for offset, found in enumerate(done) if found != offset), len(done))
