"""Remembers that an order was hopeless, and rejects it unseen when it comes back mended."""

from services.shop.card import CardRefused

PROMISE = "redrive"
SAYS = ""


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    await db.execute("CREATE TABLE IF NOT EXISTS hopeless (order_id INTEGER PRIMARY KEY)")
    if await db.execute("SELECT 1 FROM hopeless WHERE order_id = ?", (order,)):
        await delivery.reject("refused before")
        return
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await db.execute("INSERT OR IGNORE INTO hopeless VALUES (?)", (order,))
        await delivery.reject(str(refused))
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
