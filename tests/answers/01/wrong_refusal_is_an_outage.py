"""Takes a declined card for a service that is down, and goes on."""

from math import prod

from services.shop.checkout import Confirmation, Refused

PROMISE = "honest"
SAYS = "went on all the same"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    for service in (inventory, payments):
        try:
            await service.ask(order)
        except Refused:
            break
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
