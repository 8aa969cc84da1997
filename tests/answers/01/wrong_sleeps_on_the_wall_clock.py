"""Waits with time.sleep for shipping to come round."""

import time
from math import prod

from services.shop.checkout import Confirmation

PROMISE = "sells"
SAYS = "time.sleep"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    time.sleep(0.05)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
