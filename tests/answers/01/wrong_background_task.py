"""Lets a task of this process ask shipping and notifications."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation

PROMISE = "later"
SAYS = "nothing was written down for later"


tasks = set()


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    tasks.update(asyncio.create_task(service.ask(order)) for service in (shipping, notifications))
    return Confirmation(order["order"], ("shipping", "notifications"))
