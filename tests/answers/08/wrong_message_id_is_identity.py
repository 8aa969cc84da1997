"""Remembers message ids; an order that is sent twice comes in two messages."""

from services.shop.card import CardRefused

PROMISE = "ledger_once"
SAYS = "another id"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        await db.execute("CREATE TABLE IF NOT EXISTS inbox (message TEXT PRIMARY KEY)")
        if not await db.execute("SELECT 1 FROM inbox WHERE message = ?", (message.id,)):
            await db.execute("INSERT INTO inbox VALUES (?)", (message.id,))
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
