"""Writes the charge, then the mark, in two commits: a crash in between, and the charge is written again."""

from services.shop.card import CardRefused

PROMISE = "ledger_once"
SAYS = "knew nothing of the first row"


async def record_charge(db, message):
    order, amount = message.body["order"], message.body["amount"]
    await db.execute("CREATE TABLE IF NOT EXISTS handled (order_id INTEGER PRIMARY KEY)")
    if not await db.execute("SELECT 1 FROM handled WHERE order_id = ?", (order,)):
        await db.execute("INSERT INTO charges (order_id, amount) VALUES (?, ?)", (order, amount))
        await db.execute("INSERT OR IGNORE INTO handled VALUES (?)", (order,))


async def handle(delivery, db, card):
    order, amount = delivery.body["order"], delivery.body["amount"]
    try:
        await card.charge(order, amount, key=f"order-{order}")
    except CardRefused as refused:
        await delivery.reject(str(refused))
        return
    await record_charge(db, delivery.message)
    await delivery.ack()
