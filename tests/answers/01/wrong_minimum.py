"""Takes a chain for as strong as its weakest link."""

from services.shop.checkout import Confirmation

PROMISE = "warm_up"
SAYS = "the weakest of them alone"


def availability(required, shared):
    return min([*required.values(), *shared.values()])


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    await inventory.ask(order)
    await payments.ask(order)
    await later.send("shipping", order)
    await later.send("notifications", order)
    return Confirmation(order["order"], ("shipping", "notifications"))
