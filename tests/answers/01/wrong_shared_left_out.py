"""Forgets what the services stand on."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "warm_up"
SAYS = "was left out"


def availability(required, shared):
    return prod(required.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
