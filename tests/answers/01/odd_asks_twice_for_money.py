"""Tries once more for what is needed; each does its part once for an order."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    for service in (inventory, payments):
        try:
            await service.ask(order)
        except Unavailable:
            await asyncio.sleep(0.2)
            await service.ask(order)
    for name in ("shipping", "notifications"):
        await later.send(name, order)
    return Confirmation(order["order"], ("shipping", "notifications"))
