"""Puts the parcel into the queue before it is known whether the card pays."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "honest"
SAYS = "The parcel of order"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await later.send("shipping", order)
    await later.send("notifications", order)
    await inventory.ask(order)
    await payments.ask(order)
    return Confirmation(order["order"], ("shipping", "notifications"))
