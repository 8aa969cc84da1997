"""Tries again and again while Ada waits."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "hang"
SAYS = "While shipping hung"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    for service in (shipping, notifications):
        for _ in range(8):
            try:
                await service.ask(order)
                break
            except Unavailable:
                await asyncio.sleep(0.9)
        else:
            raise Unavailable(service.name)
    return Confirmation(order["order"])
