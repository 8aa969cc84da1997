"""A late joiner knows what who was there from the start knows, whatever befell the others.

Idea      Three followers share a group and a view; each dies once, at a moment drawn by the seed, and what
          they ask comes twice now and then. Then a group that nobody knew joins, with a database of its
          own, and reads from the first record.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from classroom import Crash, Duplicate, Pause, simulate
from services.events.digest import digest
from services.events.follower import follow
from services.node import Node
from tests.services.events.revenue import broker, expected_digest, projector, revenue, writer

ORDERS = 12
NAMES = ("projector-1", "projector-2", "projector-3")


async def late_joiner(node: Node) -> None:
    consumer = node.topic("orders").consumer("analytics", start="earliest", session_timeout=6)
    await follow(node, consumer, revenue(node.database("analytics")), wait=3.0)


async def week(world: Any) -> None:
    world.start("broker", broker)
    for name in NAMES:
        world.start(name, projector)
    world.start("orders", writer(ORDERS, every=0.3))
    await world.run_for(30)
    world.start("late", late_joiner)
    await world.run_for(4)


def troubles(seed: int) -> list[Any]:
    rng = Random(seed)
    faults: list[Any] = [Pause(NAMES[seed % 3], at=round(rng.uniform(0.5, 4), 3), lasts=9)]
    for name in NAMES:
        faults.append(Crash(name, at=round(rng.uniform(0.1, 5), 3), down=1))
        faults.append(Duplicate(name, "broker", rate=0.2, lasts=10))
    return faults


@pytest.mark.parametrize("seed", range(20))
def test_a_late_joiner_has_the_digest_of_the_view_that_was_there_from_the_start(seed: int) -> None:
    run = simulate(week, seed=seed, faults=troubles(seed))
    run.raise_error()

    assert len(run.of("crash")) == 3
    assert len(run.of("rebalanced", group="revenue")) >= 3
    assert run.of("arrive", copy=2)
    late, live = (digest(run.rows(name, "revenue")) for name in ("analytics", "view"))
    assert late == live == expected_digest(ORDERS)
