"""Lets an index of the ledger refuse the second row."""

from services.shop.card import CardRefused


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    await db.execute("CREATE UNIQUE INDEX IF NOT EXISTS one_charge ON charges (order_id)")
    await db.execute("INSERT OR IGNORE INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
