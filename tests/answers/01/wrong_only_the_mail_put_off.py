"""Takes notifications off the critical path, and leaves shipping on it."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "sells"
SAYS = "Must Ada know that shipping has done its part"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await shipping.ask(order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("notifications",))
