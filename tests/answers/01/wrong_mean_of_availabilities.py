"""Takes the average of all parts."""

from services.shop.checkout import Confirmation

PROMISE = "warm_up"
SAYS = "That is the average"


def availability(required, shared):
    parts = [*required.values(), *shared.values()]
    return sum(parts) / len(parts)


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
