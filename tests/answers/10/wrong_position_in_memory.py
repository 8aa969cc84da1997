"""Keeps the position in memory: the next process has none."""

PROMISE = "once"
SAYS = "did not know of it"


SIGN = {"paid": 1, "refunded": -1}
ADD = "INSERT INTO revenue VALUES (?, ?) ON CONFLICT DO UPDATE SET cents = cents + excluded.cents"


def key_of(event):
    return f"order-{event['order']}".encode()


positions = {}


async def add(record, db):
    event = record.value
    cents = SIGN.get(event["what"], 0) * event["cents"]
    await db.execute(ADD, (event["customer"], cents))
    if event["what"] == "shipped" and not record.replay:
        await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))


async def consume(record, db):
    if record.offset >= positions.get(record.partition, 0):
        async with db.transaction():
            await add(record, db)
        positions[record.partition] = record.offset + 1


async def resume_from(db, partition):
    return positions.get(partition, 0)
