"""A broker with a journal, made to crash before and after each of its effects, and to lose what it says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from classroom.world.faults import Crash, Drop, Duplicate, Fault, FullDisk
from classroom.world.run import Run
from classroom.world.simulated import simulate
from classroom.world.world import World
from minibroker import Broker, BrokerApp, BrokerError, StaleReceipt
from services.node import Node

ORDERS = 4


def broker(node: Node) -> BrokerApp:
    made = Broker(clock=node.now, observer=node.record, storage=node.file("journal"))
    assert made.found is not None
    node.record("recovered", torn=made.found.torn, damaged=len(made.found.damaged))
    made.create_queue("orders", visibility_timeout=4, max_receive_count=20, dead_letter_queue="dead")
    return BrokerApp(made)


async def again(call: Callable[[], Awaitable[Any]]) -> Any:
    """Until there is an answer: what was lost may have been done, so what is called must bear that."""
    while True:
        try:
            return await call()
        except StaleReceipt:
            raise
        except BrokerError as error:
            assert error.code in ("no_answer", "broker_unreachable", "storage_failed"), error
            await asyncio.sleep(0.2)


async def producer(node: Node) -> None:
    queue = node.queue("orders")
    for order in range(ORDERS):
        message = await again(lambda order=order: queue.send(order, dedup_id=f"order-{order}"))
        node.record("confirmed", order=order, message=message)
        await asyncio.sleep(0.3)


async def worker(node: Node) -> None:
    queue = node.queue("orders")
    while True:
        for delivery in await again(lambda: queue.receive(wait=1)):
            node.record("handled", order=delivery.body, message=delivery.message.id, receipt=delivery.receipt)
            try:
                await again(delivery.ack)
                node.record("settled", message=delivery.message.id)
            except StaleReceipt:
                pass  # it was acked, and the answer lost; or it is another's now


async def scenario(world: World) -> dict[str, int]:
    world.start("broker", broker)
    world.start("producer", producer)
    world.start("worker-1", worker)
    world.start("worker-2", worker)
    await world.run_for(30)
    seen = await world.node("ada").queue("orders").snapshot()
    return {"depth": seen.depth, "acked": seen.acked}


def check(run: Run) -> None:
    """At least once, and what was settled stays so; no receipt fits two leases."""
    run.raise_error()
    confirmed = {event["order"]: event["message"] for event in run.of("confirmed")}
    assert confirmed.keys() == set(range(ORDERS))
    assert len(set(confirmed.values())) == ORDERS
    handled = run.of("handled")
    assert {event["order"] for event in handled} == set(range(ORDERS)), "an order that was confirmed is lost"
    assert {event["message"] for event in handled} == set(confirmed.values()), "one send became two messages"
    assert max(Counter(event["receipt"] for event in handled).values()) == 1, "a receipt was given twice"
    for settled in run.of("settled"):
        late = [e for e in handled if e["message"] == settled["message"] and e.number > settled.number]
        assert not late, "what was acked, and answered, came back"
    assert run.result == {"depth": 0, "acked": ORDERS}
    assert all(event["damaged"] == 0 for event in run.of("recovered"))


def attack(*faults: Fault, seed: int = 3) -> Run:
    run = simulate(scenario, seed=seed, faults=faults)
    check(run)
    return run


def test_a_crash_of_the_broker_before_and_after_each_effect_loses_nothing(record_property):
    calm = attack()
    effects = [effect for effect in calm.effects if effect.node == "broker" and effect.at < 6]

    runs = [attack(Crash("broker", **{when: e.number})) for e in effects for when in ("before", "after")]

    torn = sum(event["torn"] > 0 for run in runs for event in run.of("recovered"))
    restarts = sum(len(run.of("recovered")) - 1 for run in runs)
    record_property(
        "measured", f"{len(runs)} crashes of a durable broker: {restarts} recoveries, {torn} torn tails"
    )
    assert len(runs) > 50
    assert torn > 5


@pytest.mark.parametrize(
    "faults",
    [
        [Drop("producer", "broker", rate=0.4), Drop("worker-1", "broker", rate=0.3)],
        [
            Drop("producer", "broker", rate=0.4, part="reply"),
            Drop("worker-2", "broker", rate=0.3, part="reply"),
        ],
        [Duplicate("producer", "broker", rate=0.5), Duplicate("worker-1", "broker", rate=0.3)],
        [FullDisk("broker", at=0.5, lasts=3)],
        [
            Crash("broker", at=0.31, down=2),
            Crash("broker", at=4.0, down=1),
            FullDisk("broker", at=6, lasts=2),
        ],
        [Crash("worker-1", at=0.4, down=2), Crash("broker", at=0.9, down=1)],
    ],
    ids=["requests", "replies", "duplicates", "full disk", "crashes and a full disk", "both ends"],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_lost_doubled_or_refused_on_the_way_changes_nothing(faults, seed):
    attack(*faults, seed=seed)


@pytest.mark.soak
def test_two_crashes_of_the_broker_at_any_two_effects(record_property):
    calm = attack()
    numbers = [effect.number for effect in calm.effects if effect.node == "broker" and effect.at < 4]
    pairs = [(one, other) for one in numbers for other in numbers if one < other]

    for one, other in pairs:
        attack(Crash("broker", before=one, down=0.5), Crash("broker", after=other, down=0.5))

    record_property("measured", f"{len(pairs)} pairs of crashes of a durable broker")
    assert len(pairs) > 100
