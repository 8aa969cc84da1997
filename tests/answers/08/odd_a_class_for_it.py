"""Puts the steps into methods of a class, with a dictionary of reasons beside it."""

from services.shop.card import CardRefused

REASONS = {CardRefused: "refused"}


class Payment:
    def __init__(self, delivery, db, card):
        self.delivery, self.db, self.card = delivery, db, card

    async def run(self):
        order, amount = self.delivery.body["order"], self.delivery.body["amount"]
        try:
            await self.card.charge(order, amount, key=str(order))
        except tuple(REASONS) as error:
            await self.delivery.reject(f"{REASONS[type(error)]}: {error}")
        else:
            await record_charge(self.db, self.delivery.message)
            await self.delivery.ack()


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        if not await db.execute("SELECT 1 FROM charges WHERE order_id = ?", (order,)):
            await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))


async def handle(delivery, db, card):
    await Payment(delivery, db, card).run()
