"""Calls pending what is no name of a service."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "truthful"
SAYS = "pending are names of"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("parcel", "mail"))
