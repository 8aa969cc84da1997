"""Asks all four, one after the other, and needs them all."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "sells"
SAYS = "Must Ada know that shipping has done its part"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    for service in (inventory, payments, shipping, notifications):
        await service.ask(order)
    return Confirmation(order["order"])
