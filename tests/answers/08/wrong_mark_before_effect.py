"""Marks the order as handled, then handles it: a crash in between, and it looks done for ever."""

from services.shop.card import CardRefused

PROMISE = "nothing_lost"
SAYS = "What made it look done?"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    await db.execute("CREATE TABLE IF NOT EXISTS handled (order_id INTEGER PRIMARY KEY)")
    if not await db.execute("SELECT 1 FROM handled WHERE order_id = ?", (order,)):
        await db.execute("INSERT INTO handled VALUES (?)", (order,))
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
