"""Catches CardUnavailable and goes on as if the card had been charged."""

from services.shop.card import CardRefused, CardUnavailable

PROMISE = "patience"
SAYS = "After the ack nobody tries again"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    except CardUnavailable:
        pass
    await record_charge(db, delivery.message)
    await delivery.ack()
