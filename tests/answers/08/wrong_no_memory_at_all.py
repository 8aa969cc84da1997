"""Writes a row for each delivery."""

from services.shop.card import CardRefused

PROMISE = "ledger_once"
SAYS = ""


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
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
