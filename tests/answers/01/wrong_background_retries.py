"""Lets a task of this process ask until it is done; the task dies with the process."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "later"
SAYS = "has not"


tasks = set()


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    async def until_done(service):
        while True:
            try:
                return await service.ask(order)
            except Unavailable:
                await asyncio.sleep(1)

    await inventory.ask(order)
    await payments.ask(order)
    tasks.update(asyncio.create_task(until_done(service)) for service in (shipping, notifications))
    return Confirmation(order["order"], ("shipping", "notifications"))
