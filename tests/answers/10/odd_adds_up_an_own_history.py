"""Keeps all events in a table of its own and sets each total to their sum; its key is text."""

SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return f"{event['order']:08}"


async def next_offset(db, partition):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,))
    return rows[0]["next_offset"] if rows else 0


async def store(db, partition, next_offset):
    await db.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", (partition, next_offset))


async def consume(record, db):
    event = record.value
    async with db.transaction():
        await db.execute(
            "CREATE TABLE IF NOT EXISTS history (place TEXT PRIMARY KEY, customer TEXT, cents INTEGER)"
        )
        place = f"{record.partition}/{record.offset}"
        cents = SIGN.get(event["what"], 0) * event["cents"]
        row = (place, event["customer"], cents)
        if not await db.execute("INSERT OR IGNORE INTO history VALUES (?, ?, ?) RETURNING place", row):
            return
        await db.execute(
            "INSERT OR REPLACE INTO revenue SELECT customer, sum(cents) FROM history WHERE customer = ?",
            (event["customer"],),
        )
        if event["what"] == "shipped" and not record.replay:
            await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))
        await store(db, record.partition, record.offset + 1)


async def resume_from(db, partition):
    return await next_offset(db, partition)
