"""Answers Ada before the queue has said that it has the task."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation

PROMISE = "later"
SAYS = "has not"


tasks = set()


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    tasks.update(asyncio.create_task(later.send(name, order)) for name in ("shipping", "notifications"))
    return Confirmation(order["order"], ("shipping", "notifications"))
