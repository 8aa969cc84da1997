"""Puts off what failed, and then tells Ada that it failed."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "sells"
SAYS = "a fallback that worked is a success"


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
            raise Unavailable(f"{service.name} is late") from None
    return Confirmation(order["order"])
