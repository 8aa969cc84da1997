"""Keeps an inbox of the orders that were handled, in the same transaction as the charge."""

from services.shop.card import CardRefused


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        await db.execute("CREATE TABLE IF NOT EXISTS inbox (order_id INTEGER PRIMARY KEY)")
        if await db.execute("INSERT OR IGNORE INTO inbox VALUES (?) RETURNING order_id", (order,)):
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
