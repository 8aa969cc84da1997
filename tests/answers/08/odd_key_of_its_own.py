"""The solution, with a key of its own making."""

from services.shop.card import CardRefused


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    try:
        await card.charge(order, amount, key=f"shop/{order:06}/charge")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
