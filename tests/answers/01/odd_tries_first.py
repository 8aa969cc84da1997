"""Tries both for a tenth of a second, and puts off what failed."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    pending = []
    for service in (shipping, notifications):
        try:
            async with asyncio.timeout(0.1):
                await service.ask(order)
        except (Unavailable, TimeoutError):
            await later.send(service.name, order)
            pending.append(service.name)
    return Confirmation(order["order"], tuple(pending))
