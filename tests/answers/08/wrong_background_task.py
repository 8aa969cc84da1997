"""Starts the work and acks at once: the task dies with the process, and nobody asks for it again."""

import asyncio

PROMISE = "nothing_lost"
SAYS = ""


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    async def charge():
        order, amount = delivery.body["order"], delivery.body["amount"]
        await card.charge(order, amount, key=f"order-{order}")
        await record_charge(db, delivery.message)

    asyncio.create_task(charge())
    await delivery.ack()
