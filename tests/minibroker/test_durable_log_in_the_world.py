"""A durable log under a broker that crashes at its effects: each record once in the log, and no zombie."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from classroom.world.faults import Crash, Drop, Duplicate, Fault, FullDisk, Pause
from classroom.world.run import Run
from classroom.world.simulated import simulate
from classroom.world.world import World
from minibroker import Broker, BrokerApp, BrokerError
from minibroker.errors import TRY_AGAIN
from services.node import Node

RECORDS = 6


def broker(node: Node) -> BrokerApp:
    made = Broker(clock=node.now, observer=node.record, storage=node.file("journal"))
    assert made.found is not None
    node.record("recovered", torn=made.found.torn, damaged=len(made.found.damaged))
    made.create_topic("orders", partitions=2)
    return BrokerApp(made)


async def again(call: Callable[[], Awaitable[Any]]) -> Any:
    while True:
        try:
            return await call()
        except TRY_AGAIN:
            await asyncio.sleep(0.2)


async def producer(node: Node) -> None:
    """Each record under its number, again until there is an answer; the last two as a batch."""
    topic = node.topic("orders")
    me = await again(topic.new_producer)
    for n in range(RECORDS - 2):
        number = {"partition": n % 2, "producer": me, "sequence": n // 2}
        record = await again(lambda n=n, number=number: topic.append(f"k{n % 2}", n, **number))
        node.record("answered", n=n, partition=n % 2, offset=record.offset)
        await asyncio.sleep(0.3)
    batch = [("k0", RECORDS - 2), ("k0", RECORDS - 1)]
    number = {"partition": 0, "producer": me, "sequence": (RECORDS - 2) // 2}
    offsets = await again(lambda: topic.append_many(batch, **number))
    for (_, n), offset in zip(batch, offsets[0], strict=True):
        node.record("answered", n=n, partition=0, offset=offset)


async def worker(node: Node) -> None:
    consumer = node.topic("orders").consumer("billing", start="earliest", session_timeout=4)
    while True:
        try:
            for record in await consumer.poll(max_records=2, wait=1):
                node.record("handled", n=record.value, generation=consumer.generation)
            await consumer.commit()
        except BrokerError:
            await asyncio.sleep(0.3)


async def scenario(world: World) -> dict[str, Any]:
    world.start("broker", broker)
    world.start("producer", producer)
    world.start("worker-1", worker)
    world.start("worker-2", worker)
    await world.run_for(40)
    topic = world.node("ada").topic("orders")
    return {
        "log": [[record.value for record in await topic.fetch(n, 0)] for n in range(2)],
        "lag": [lag.records for lag in await topic.lag("billing")],
    }


def check(run: Run) -> None:
    """Each record once and in order; all handled; no commit of an older generation; none begins twice."""
    run.raise_error()
    assert run.result["log"] == [[0, 2, 4, 5], [1, 3]]
    assert run.result["lag"] == [0, 0]
    answered = {(e["partition"], e["offset"]): e["n"] for e in run.of("answered")}
    assert answered == {(p, o): n for p, row in enumerate(run.result["log"]) for o, n in enumerate(row)}
    assert {event["n"] for event in run.of("handled")} == set(range(RECORDS))
    assert all(event["damaged"] == 0 for event in run.of("recovered"))
    owners: dict[tuple[int, int], str] = {}
    reached: dict[int, int] = {}
    for event in run.of("committed"):
        owner = owners.setdefault((event["generation"], event["partition"]), event["member"])
        assert owner == event["member"], "one partition had two owners in one generation"
        assert event["generation"] >= reached.get(event["partition"], 0), "a zombie committed"
        reached[event["partition"]] = event["generation"]


def attack(*faults: Fault, seed: int = 3) -> Run:
    run = simulate(scenario, seed=seed, faults=faults)
    check(run)
    return run


def test_a_crash_of_the_broker_before_or_after_every_third_effect_keeps_the_log_whole(record_property):
    calm = attack()
    effects = [effect for effect in calm.effects if effect.node == "broker" and effect.at < 1.3]

    runs = [attack(Crash("broker", **{when: e.number})) for e in effects[::3] for when in ("before", "after")]

    restarts = sum(len(run.of("recovered")) - 1 for run in runs)
    torn = sum(event["torn"] > 0 for run in runs for event in run.of("recovered"))
    record_property("measured", f"{len(runs)} crashes under a log: {restarts} recoveries, {torn} torn tails")
    assert len(runs) > 40
    assert torn


@pytest.mark.parametrize(
    "faults",
    [
        [Drop("producer", "broker", rate=0.3), Drop("worker-1", "broker", rate=0.2)],
        [Drop("*", "broker", rate=0.2, part="reply", lasts=20)],
        [Duplicate("producer", "broker", rate=0.5), Duplicate("worker-2", "broker", rate=0.3)],
        [Pause("worker-1", at=0.8, lasts=8), Crash("broker", at=3.0)],
        [FullDisk("broker", at=0.5, lasts=3)],
    ],
    ids=["requests", "replies", "duplicates", "a zombie and a crash", "full disk"],
)
@pytest.mark.parametrize("seed", [1])
def test_what_is_lost_doubled_or_late_changes_nothing(faults, seed):
    attack(*faults, seed=seed)


@pytest.mark.soak
def test_crashes_of_the_broker_over_twenty_seeds(record_property):
    runs = 0
    for seed in range(20):
        calm = attack(seed=seed)
        effects = [effect for effect in calm.effects if effect.node == "broker" and effect.at < 2.5]
        for effect in effects:
            attack(Crash("broker", before=effect.number), seed=seed)
            attack(Crash("broker", after=effect.number), seed=seed)
            runs += 2

    record_property("measured", f"{runs} crashes under a log over 20 seeds")
    assert runs > 1_000
