"""Counts the shared database once for each service that stands on it."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "warm_up"
SAYS = "once for each that stands on it"


def availability(required, shared):
    under = prod(shared.values())
    return prod(own * under for own in required.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
