"""What strikes at the shop's sagas: kinds of orders, and trouble on the way that lasts for a while.

Idea      Each kind of order takes another way through the table of states. Each trouble is an attack that the
          coordinator must stand for as long as it lasts, and get over when it is gone. A sweep crosses
          them with a crash before and after each effect of each service.
Not here  What must hold in the end (conserved.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx

from classroom import Crash, Delay, Drop, Duplicate, ErrorRate, Partition, Pause, simulate
from classroom.adversary import effects_that_matter
from classroom.world.faults import Fault
from classroom.world.run import Run
from classroom.world.simulated import Scenario
from classroom.world.world import World
from services.node import Node
from services.saga import Send, Unknown, over_http
from services.shop.order_saga import ORDER, order_desk
from tests.services.saga.order_shop import LIMIT, insist, open_participants

ADA = {"order": 7, "customer": "Ada", "item": "lamp", "quantity": 1, "amount": 1990}
ORDERS = {
    "goes through": ADA,
    "sold out": ADA | {"item": "table", "quantity": 9},
    "declined": ADA | {"amount": LIMIT + 1},
    "out of reach": ADA | {"customer": "Ben"},
}
RIVAL = {"order": 8, "customer": "Chen", "item": "lamp", "quantity": 3, "amount": 600}  # wants all the lamps
LASTS = 12.0  # seconds of trouble
REST = 90.0  # ... and until all must have ended


def failing_twice(node: Node) -> Send:
    """Each compensation fails twice: it is done and the answer is lost, then it never gets there."""
    send = over_http(node.client(timeout=1.0))
    undo = {step.undo for step in ORDER.steps}
    failed: dict[tuple[str, str], int] = {}

    async def poor(to: str, key: str, data: Any) -> None:
        times = failed.get((to, key), 0)
        failed[to, key] = times + 1
        if to in undo and times == 1:
            raise Unknown("lost on the way there")
        await send(to, key, data)
        if to in undo and times == 0:
            raise Unknown("lost on the way back")

    return poor


TROUBLES: dict[str, tuple[Fault, ...]] = {
    "none": (),
    "replies are late": (Delay("orders", "*", part="reply", by=1.4, rate=0.4, lasts=LASTS),),
    "requests are late": (Delay("orders", "*", by=4.0, rate=0.4, lasts=LASTS),),
    "requests come twice": (Duplicate("orders", "*", rate=0.7, lasts=LASTS),),
    "requests come twice, late and early": (
        Duplicate("orders", "*", rate=0.5, lasts=LASTS),
        Delay("orders", "*", by=2.5, rate=0.3, lasts=LASTS),
        Delay("orders", "*", part="reply", by=1.5, rate=0.2, lasts=LASTS),
    ),
    "requests and replies are lost": (
        Drop("orders", "*", rate=0.2, lasts=LASTS),
        Drop("orders", "*", part="reply", rate=0.3, lasts=LASTS),
    ),
    "services are out of order": (ErrorRate("orders", "*", rate=0.4, lasts=LASTS),),
    "compensations fail twice": (),
    "the card network is out of order": (
        ErrorRate("payments", "card", rate=0.2, lasts=LASTS),
        Drop("payments", "card", part="reply", rate=0.2, lasts=LASTS),
        Delay("payments", "card", by=2.5, rate=0.3, lasts=LASTS),
        Duplicate("payments", "card", rate=0.3, lasts=LASTS),
    ),
    "the network is cut": (
        Partition("orders", "payments", at=0.003, lasts=6.0),
        Partition("inventory", "orders", at=0.004, lasts=9.0, one_way=True),
    ),
    "the coordinator stands still again and again": tuple(
        Pause("orders", at=round(0.004 + 2.7 * n, 3), lasts=2.0) for n in range(4)
    ),
}


def ordering(
    kind: str,
    trouble: str,
    *,
    cancel_at: float | None = None,
    rival: bool = False,
    desk: Callable[[Node], Any] | None = None,
) -> Scenario:
    """An order of this kind is placed, and perhaps cancelled `cancel_at` seconds later, and has a rival.

    desk: who takes the orders, in place of the shop's order_desk.
    """
    fails_twice = trouble == "compensations fail twice"
    with_card = trouble in ("none", "the card network is out of order")

    def usual_desk(node: Node) -> Any:
        return order_desk(node, send=failing_twice(node) if fails_twice else None)

    async def scenario(world: World) -> dict[str, int]:
        open_participants(world, with_card=with_card)
        world.start("orders", desk or usual_desk)
        told: dict[str, int] = {}

        async def ada(http: httpx.AsyncClient) -> None:
            told["placed"] = (await insist(world, http, "http://orders/orders", ORDERS[kind])).status_code
            if cancel_at is not None:
                await world.run_for(cancel_at)
                told["cancel"] = (await insist(world, http, "http://orders/orders/7/cancel")).status_code

        async def chen(http: httpx.AsyncClient) -> None:
            await insist(world, http, "http://orders/orders", RIVAL)

        async with world.client("ada", timeout=1.5) as one, world.client("chen", timeout=1.5) as other:
            await asyncio.gather(ada(one), *([chen(other)] if rival else []))
            await world.run_for(REST)
        return told

    return scenario


def sweep_points(run: Run) -> list[Crash]:
    """A crash before and after each effect of each service in this run."""
    return [
        Crash(effect.node, down=1.0, **{when: effect.number})
        for effect in effects_that_matter(run)
        if effect.node not in ("ada", "chen")
        for when in ("before", "after")
    ]


def struck(
    kind: str, trouble: str, seed: int, check: Callable[[Run], list[str]], **more: Any
) -> tuple[int, list[str]]:
    """Sweep one scenario: how many runs, and what was wrong, each with the line that makes it again."""
    scenario = partial(simulate, ordering(kind, trouble, **more), seed=seed, most_steps=200_000)
    calm = scenario(faults=TROUBLES[trouble])
    plans: list[tuple[Fault, ...]] = [()] + [(point,) for point in sweep_points(calm)]
    wrong = []
    for plan in plans:
        run = calm if not plan else scenario(faults=TROUBLES[trouble] + plan)
        wrong += [
            f"{text}  [ordering({kind!r}, {trouble!r}, **{more}), seed={seed}, {plan}]" for text in check(run)
        ]
    return len(plans), wrong
