"""Moves the position first, and only if it is still before the record: a compare-and-set, not a look."""

SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return f"order-{event['order']}".encode()


MOVE = """INSERT INTO positions VALUES (?, ?) ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset
    WHERE next_offset < excluded.next_offset RETURNING next_offset"""


async def add(record, db):
    event = record.value
    cents = SIGN.get(event["what"], 0) * event["cents"]
    await db.execute(ADD, (event["customer"], cents))
    if event["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))


async def consume(record, db):
    async with db.transaction():
        if await db.execute(MOVE, (record.partition, record.offset + 1)):
            await add(record, db)


async def resume_from(db, partition):
    rows = await db.execute("SELECT next_offset FROM positions WHERE partition = ?", (partition,))
    return rows[0]["next_offset"] if rows else 0
