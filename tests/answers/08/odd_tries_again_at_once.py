"""Tries the card a few times within one delivery and keeps its lease alive meanwhile."""

import asyncio

from services.shop.card import CardRefused, CardUnavailable


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    for _ in range(8):
        try:
            await card.charge(order, amount, key=f"order-{order}")
            break
        except CardRefused as refused:
            await delivery.reject(str(refused))
            return
        except CardUnavailable:
            await asyncio.sleep(10.0)
            await delivery.extend(30.0)
    else:
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
