"""Moves an order from version 0 to 1, and writes only when it was the one that moved it."""

from services.shop.card import CardRefused


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        await db.execute(
            "CREATE TABLE IF NOT EXISTS versions (order_id INTEGER PRIMARY KEY, version INTEGER)"
        )
        await db.execute("INSERT OR IGNORE INTO versions VALUES (?, 0)", (order,))
        moved = await db.execute(
            "UPDATE versions SET version = 1 WHERE order_id = ? AND version = 0 RETURNING version", (order,)
        )
        if moved:
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
