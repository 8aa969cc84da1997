"""Takes the hash of the whole body for the identity of an order; sent again, it has another sent_at."""

import hashlib
import json

from services.shop.card import CardRefused

PROMISE = "ledger_once"
SAYS = "another sent_at, but the same order"


async def record_charge(db, message):
    fingerprint = hashlib.sha256(json.dumps(message.body, sort_keys=True).encode()).hexdigest()
    order, amount = message.body["order"], message.body["amount"]
    async with db.transaction():
        await db.execute("CREATE TABLE IF NOT EXISTS handled (fingerprint TEXT PRIMARY KEY)")
        if not await db.execute("SELECT 1 FROM handled WHERE fingerprint = ?", (fingerprint,)):
            await db.execute("INSERT INTO handled VALUES (?)", (fingerprint,))
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
