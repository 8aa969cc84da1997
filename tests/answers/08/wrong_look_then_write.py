"""Looks, then writes, outside of a transaction: a pause in between lets the other worker write as well."""

from services.shop.card import CardRefused

PROMISE = "ledger_once"
SAYS = "somebody else had written"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
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
