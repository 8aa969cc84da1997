"""Sends to a queue by a name that nobody has."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "sells"
SAYS = "no service"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("parcels", order)
    await later.send("mails", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
