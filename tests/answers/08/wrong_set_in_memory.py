"""Remembers orders in a set, which a restart and another worker know nothing of."""

from services.shop.card import CardRefused

PROMISE = "ledger_once"
SAYS = "knew nothing of the first row"


seen = set()


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    if order not in seen:
        await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))
        seen.add(order)


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
