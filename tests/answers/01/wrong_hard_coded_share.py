"""Gives the figure of the lesson."""

from services.shop.checkout import Confirmation

PROMISE = "warm_up"
SAYS = "Think of a year of days"


def availability(required, shared):
    return 0.999**4


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
