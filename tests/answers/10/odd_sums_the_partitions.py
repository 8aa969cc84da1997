"""Counts each partition for itself, in Python, and writes the sum of the partitions as the total."""

PARTS = """CREATE TABLE IF NOT EXISTS parts
    (partition INTEGER, customer TEXT, cents INTEGER, next INTEGER, PRIMARY KEY (partition, customer))"""


def key_of(event):
    return str(event["order"])


async def consume(record, db):
    event, place = record.value, record.partition
    async with db.transaction():
        if record.offset < await resume_from(db, place):
            return
        where = (place, event["customer"])
        rows = await db.execute("SELECT cents FROM parts WHERE partition = ? AND customer = ?", where)
        cents = rows[0]["cents"] if rows else 0
        match event["what"]:
            case "paid":
                cents += event["cents"]
            case "refunded":
                cents -= event["cents"]
            case "shipped" if not record.replay:
                await db.execute("INSERT INTO mails VALUES (?, ?)", (event["order"], event["customer"]))
        await db.execute(
            "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", (*where, cents, record.offset + 1)
        )
        rows = await db.execute("SELECT cents FROM parts WHERE customer = ?", (event["customer"],))
        total = sum(row["cents"] for row in rows)
        await db.execute("INSERT OR REPLACE INTO revenue VALUES (?, ?)", (event["customer"], total))


async def resume_from(db, partition):
    await db.execute(PARTS)
    rows = await db.execute("SELECT next FROM parts WHERE partition = ?", (partition,))
    return max((row["next"] for row in rows), default=0)
