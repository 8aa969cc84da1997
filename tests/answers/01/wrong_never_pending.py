"""Says that all is done, whatever was put off."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "truthful"
SAYS = "by then"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"])
