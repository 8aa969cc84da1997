"""Asks all four at the same time, to save time."""

import asyncio
from math import prod

from services.shop.checkout import Confirmation, Unavailable

PROMISE = "honest"
SAYS = "nobody had paid for it"


def availability(required, shared):
    return prod(required.values()) * prod(shared.values())


async def checkout(order, *, inventory, payments, shipping, notifications, later):
    async def try_it(service):
        try:
            async with asyncio.timeout(0.1):
                await service.ask(order)
        except (Unavailable, TimeoutError):
            await later.send(service.name, order)
            return service.name

    async with asyncio.TaskGroup() as group:
        optional = [group.create_task(try_it(service)) for service in (shipping, notifications)]
        needed = [group.create_task(service.ask(order)) for service in (inventory, payments)]
        await asyncio.wait([*needed, *optional])
    return Confirmation(order["order"], tuple(name for task in optional if (name := task.result())))
