"""Gives a message back at once when the card network is out of order: five tries are gone in a moment."""

from services.shop.card import CardRefused, CardUnavailable

PROMISE = "patience"
SAYS = "buried among the dead letters"


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
        await delivery.nack()
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
