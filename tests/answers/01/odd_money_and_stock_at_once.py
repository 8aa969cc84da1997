"""Asks for money and stock at the same time."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await asyncio.gather(payments.ask(order), inventory.ask(order))
    await asyncio.gather(*(later.send(name, order) for name in ("shipping", "notifications")))
    return Confirmation(order["order"], ["shipping", "notifications"])
