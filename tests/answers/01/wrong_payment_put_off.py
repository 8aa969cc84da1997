"""Puts payments off for later when it is down."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "honest"
SAYS = "had been put off for later"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    pending = []
    for service in (payments, shipping, notifications):
        try:
            async with asyncio.timeout(0.1):
                await service.ask(order)
        except (Unavailable, TimeoutError):
            await later.send(service.name, order)
            pending.append(service.name)
    return Confirmation(order["order"], tuple(pending))
