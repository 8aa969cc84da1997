"""Swallows every error, and acks."""

PROMISE = "patience"
SAYS = "went on all the same"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    try:
        order, amount = delivery.body["order"], delivery.body["amount"]
        await card.charge(order, amount, key=f"order-{order}")
        await record_charge(db, delivery.message)
    except:  # noqa: E722
        pass
    await delivery.ack()
