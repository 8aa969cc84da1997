"""Marks and acts in one breath, with nothing between the two statements: still two commits."""

from services.shop.card import CardRefused

PROMISE = "nothing_lost"
SAYS = "What made it look done?"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    if not await db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'handled'"):
        await db.execute("CREATE TABLE IF NOT EXISTS handled (order_id INTEGER PRIMARY KEY)")
    if await db.execute("INSERT OR IGNORE INTO handled VALUES (?) RETURNING order_id", (order,)):
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
