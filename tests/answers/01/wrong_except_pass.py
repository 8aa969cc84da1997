"""Takes no error seriously."""

from math import prod

from services.shop.checkout import Confirmation

PROMISE = "honest"
SAYS = "went on all the same"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    for service in (inventory, payments, shipping, notifications):
        try:
            await service.ask(order)
        except Exception:
            pass
    return Confirmation(order["order"])
