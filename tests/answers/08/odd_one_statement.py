"""Looks and writes in one statement, which commits by itself."""

from services.shop.card import CardRefused


async def record_charge(db, message):
    await db.execute(
        "INSERT INTO charges SELECT :order, :amount WHERE NOT EXISTS "
        "(SELECT 1 FROM charges WHERE order_id = :order)",
        {"order": message.body["order"], "amount": message.body["amount"]},
    )


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
