"""Throws dice for twenty thousand days."""

import random

from services.shop.checkout import Confirmation


def availability(required, shared):
    parts = [*required.values(), *shared.values()]
    days = 20_000
    rng = random.Random()
    return sum(all(rng.random() < part for part in parts) for _ in range(days)) / days


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
