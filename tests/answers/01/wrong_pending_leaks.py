"""Keeps the list of what is pending from one order to the next."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "truthful"
SAYS = "what is known to be done is not pending"


pending = []


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    for service in (shipping, notifications):
        try:
            async with asyncio.timeout(0.1):
                await service.ask(order)
        except (Unavailable, TimeoutError):
            await later.send(service.name, order)
            pending.append(service.name)
    return Confirmation(order["order"], tuple(dict.fromkeys(pending)))
