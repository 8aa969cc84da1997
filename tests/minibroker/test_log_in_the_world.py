"""The log under the world's faults: what is promised when the broker is far away and processes stop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from classroom.world.faults import Crash, Drop, Duplicate, Pause
from classroom.world.simulated import simulate
from classroom.world.world import World
from minibroker import Broker, BrokerApp, BrokerError
from services.node import Node

RECORDS = 24


def broker(node: Node) -> BrokerApp:
    made = Broker(clock=node.now, observer=node.record)
    made.create_topic("orders", partitions=2)
    return BrokerApp(made)


async def producer(node: Node) -> None:
    """An idempotent producer: each record under its number, again until there is an answer."""
    topic = node.topic("orders")
    me = await again(topic.new_producer)
    for n in range(RECORDS):
        number = {"partition": n % 2, "producer": me, "sequence": n // 2}
        await again(lambda n=n, number=number: topic.append(f"order-{n % 2}", n, **number))
        await asyncio.sleep(0.5)


async def worker(node: Node) -> None:
    consumer = node.topic("orders").consumer("billing", start="earliest", session_timeout=6)
    while node.now() < 150:
        try:
            for record in await consumer.poll(max_records=3, wait=1):
                await asyncio.sleep(0.2)
                node.record("handled", n=record.value, generation=consumer.generation)
            await consumer.commit()
        except BrokerError:
            await asyncio.sleep(0.5)


async def again(call: Any) -> Any:
    while True:
        try:
            return await call()
        except BrokerError as error:
            assert error.code in ("no_answer", "broker_unreachable")


async def scenario(world: World) -> None:
    world.start("broker", broker)
    world.start("producer", producer)
    for name in ("worker-1", "worker-2"):
        world.start(name, worker)
    await world.run_for(160)


ATTACKS = {
    "nothing": [],
    "a worker dies and comes back": [Crash("worker-1", at=4.3, down=15)],
    "a worker dies for good": [Crash("worker-2", at=5.1, down=None)],
    "a worker sleeps through a rebalance": [Pause("worker-1", at=4.35, lasts=20)],
    "requests are lost": [Drop("producer", "broker", rate=0.3), Drop("worker-1", "broker", rate=0.2)],
    "replies are lost": [Drop("producer", "broker", part="reply", rate=0.3)],
    "workers' replies are lost": [Drop("worker-1", "broker", part="reply", at=3, lasts=12)],
    "requests come twice": [
        Duplicate("producer", "broker", rate=0.5),
        Duplicate("worker-2", "broker", rate=0.3),
    ],
}


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_is_lost_nor_twice_in_the_log_and_no_zombie_commits(name):
    run = simulate(scenario, seed=7, faults=ATTACKS[name])
    run.raise_error()

    written = [(event["partition"], event["value"]) for event in run.of("appended")]
    assert written == sorted(written, key=lambda row: row[1])  # in order, and
    assert [n for _, n in written] == list(range(RECORDS))  # each once, though it was sent more often
    assert {event["n"] for event in run.of("handled")} == set(range(RECORDS))  # at least once
    at: dict[int, tuple[int, int]] = {}
    for event in run.of("committed"):
        before, now = at.get(event["partition"], (0, 0)), (event["generation"], event["offset"])
        assert now[0] >= before[0], "a zombie committed"
        assert now[1] >= before[1], "a commit went back"
        at[event["partition"]] = now
    assert {partition: offset for partition, (_, offset) in at.items()} == {0: RECORDS // 2, 1: RECORDS // 2}


def test_a_worker_that_sleeps_past_its_session_is_fenced_and_its_successor_does_the_work_again():
    run = simulate(scenario, seed=7, faults=ATTACKS["a worker sleeps through a rebalance"])
    run.raise_error()

    assert next(event["why"] for event in run.of("left", member="worker-1")) == "session_timeout"
    assert run.of("fenced", member="worker-1")
