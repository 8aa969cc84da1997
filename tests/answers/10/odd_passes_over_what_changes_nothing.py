"""Writes down nothing of a record that changes nothing: it comes again, and again does nothing."""

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
    is_nothing = record.value["what"] == "placed" or (record.replay and record.value["what"] == "shipped")
    if is_nothing:
        return
    async with db.transaction():
        if record.offset >= await next_offset(db, record.partition):
            await add(record, db)
            await db.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?)", (record.partition, record.offset + 1)
            )


async def resume_from(db, partition):
    return await next_offset(db, partition)
