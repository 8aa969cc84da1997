"""Writes the ledger before it charges the card: for order 13 the books then tell of money that never came."""

from services.shop.card import CardRefused

PROMISE = "books"
SAYS = "believes that the money has come"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    await record_charge(db, delivery.message)
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    await delivery.ack()
