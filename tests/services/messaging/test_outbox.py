"""The outbox under crashes, lost replies and duplicates: the database and the broker tell one story."""

from __future__ import annotations

from typing import Any

import pytest

from classroom import Crash, Drop, Duplicate, ErrorRate, Partition, simulate, sweep
from classroom.world.run import Run
from classroom.world.world import World
from minibroker import Broker, BrokerApp, BrokerError
from services.messaging.inbox import once
from services.messaging.outbox import EVENT_ID, Outbox, relay, to_queue, to_topic
from services.messaging.worker import work
from services.node import Node

ORDERS = {n: ("ada", "ben", "chen")[n % 3] for n in range(1, 9)}
REFUSED = (3, 6)  # what these write is rolled back
GOOD = [n for n in ORDERS if n not in REFUSED]


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_topic("orders", partitions=2)
    holder.create_queue("orders", visibility_timeout=10)
    return BrokerApp(holder)


class Refused(Exception):
    """Order 3 was never wanted."""


async def orders(node: Node) -> None:
    """Writes each order, and the event that tells of it, in one transaction."""
    db, outbox = node.database(), Outbox(node.database(), source="orders")
    await db.execute("CREATE TABLE IF NOT EXISTS orders (order_id INTEGER PRIMARY KEY)")
    await outbox.create()
    for order, customer in ORDERS.items():
        if await db.execute("SELECT 1 FROM orders WHERE order_id = ?", (order,)):
            continue
        try:
            async with db.transaction():
                await db.execute("INSERT INTO orders VALUES (?)", (order,))
                await outbox.add(customer, {"order": order})
                if order in REFUSED:
                    raise Refused
        except Refused:
            pass


async def relay_to_topic(node: Node) -> None:
    outbox = Outbox(node.database("orders"), source="orders")
    await relay(node, outbox, to_topic(node.topic("orders")))


async def relay_to_queue(node: Node) -> None:
    outbox = Outbox(node.database("orders"), source="orders")
    await relay(node, outbox, to_queue(node.queue("orders")))


async def billing(node: Node) -> None:
    db = node.database()
    await db.execute("CREATE TABLE IF NOT EXISTS bills (order_id)")

    async def handle(delivery: Any) -> None:
        async with once(db, delivery.headers[EVENT_ID]) as first:
            if first:
                await db.execute("INSERT INTO bills VALUES (?)", (delivery.body["order"],))
        await delivery.ack()

    await work(node, node.queue("orders"), handle, wait=5.0)


def published_by(relay_worker: Any, *, lasts: float = 40.0) -> Any:
    async def scenario(world: World) -> None:
        world.start("broker", broker)
        world.start("orders", orders)
        world.start("relay", relay_worker)
        await world.run_for(lasts)

    return scenario


def billed(*, lasts: float) -> Any:
    async def scenario(world: World) -> None:
        await published_by(relay_to_queue, lasts=0)(world)
        world.start("billing", billing)
        await world.run_for(lasts)

    return scenario


def log_tells_what_was_committed(run: Run) -> list[str]:
    """At least once each, nothing else, each key first in its order."""
    run.raise_error()
    committed = [row["order_id"] for row in run.rows("orders", "orders")]
    told = [(event["key"], event["value"]["order"]) for event in run.of("appended")]
    wrong = []
    if lost := set(committed) - {order for _, order in told}:
        wrong.append(f"lost: {sorted(lost)}")
    if phantoms := {order for _, order in told} - set(committed):
        wrong.append(f"never committed: {sorted(phantoms)}")
    first = list(dict.fromkeys(told))
    for customer in ("ada", "ben", "chen"):
        mine = [order for key, order in first if key == customer]
        if mine != sorted(mine):
            wrong.append(f"{customer}: {mine}")
    return wrong


# ---------------------------------------------------------------- the promise


def test_a_crash_before_or_after_any_effect_loses_no_event_and_makes_none_up():
    struck = sweep(published_by(relay_to_topic), "orders", "relay", check=log_tells_what_was_committed)

    assert len(struck) > 50
    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []


ATTACKS = {
    "nothing": [],
    "requests are lost": [Drop("relay", "broker", rate=0.4)],
    "replies are lost": [Drop("relay", "broker", part="reply", rate=0.4)],
    "requests come twice": [Duplicate("relay", "broker", rate=0.5)],
    "the broker is out of order": [ErrorRate("relay", "broker", rate=0.4)],
    "the network is cut": [Partition("relay", "broker", at=0.01, lasts=7)],
    "the relay dies again and again": [Crash("relay", at=at, down=0.5) for at in (0.01, 1.2, 3.3)],
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("seed", range(3))
def test_the_log_tells_what_was_committed_whatever_happens_on_the_way(name, seed):
    run = simulate(published_by(relay_to_topic, lasts=120), seed=seed, faults=ATTACKS[name])

    assert log_tells_what_was_committed(run) == []
    assert [row["order_id"] for row in run.rows("orders", "orders")] == GOOD


def test_at_least_once_means_twice_when_the_relay_dies_between_the_publish_and_the_mark():
    quiet = simulate(published_by(relay_to_topic))
    [first_answer, *_] = [e for e in quiet.effects if e.node == "relay" and "/append" in e.what]
    run = simulate(published_by(relay_to_topic), faults=[Crash("relay", after=first_answer.number + 1)])

    told = [event["value"]["order"] for event in run.of("appended")]
    assert told[:2] == [1, 1]
    assert log_tells_what_was_committed(run) == []


def test_what_is_published_is_marked_and_not_published_again_after_a_restart():
    run = simulate(published_by(relay_to_topic), faults=[Crash("relay", at=20, down=1)])

    assert len(run.of("appended")) == len(run.rows("orders", "outbox")) == len(GOOD)
    assert all(row["published_at"] > 0 for row in run.rows("orders", "outbox"))


def test_over_a_queue_with_an_inbox_each_order_is_billed_once_and_in_the_order_of_its_key():
    def check(run: Run) -> list[Any]:
        run.raise_error()
        bills = [row["order_id"] for row in run.rows("billing", "bills")]
        of_each = [[order for order in bills if ORDERS[order] == who] for who in ("ada", "ben", "chen")]
        wanted = [[order for order in GOOD if ORDERS[order] == who] for who in ("ada", "ben", "chen")]
        return [] if of_each == wanted else [of_each]

    struck = sweep(billed(lasts=25), "billing", check=check)
    lossy = [Drop("*", "broker", part="reply", rate=0.3), Duplicate("relay", "broker", rate=0.3)]

    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []
    assert [check(simulate(billed(lasts=400), seed=seed, faults=lossy)) for seed in range(3)] == [[], [], []]


# ---------------------------------------------------------------- without it


def two_writes(first: str) -> Any:
    """Without an outbox: the database and the broker, one after the other."""

    async def orders(node: Node) -> None:
        db, topic = node.database(), node.topic("orders")
        await db.execute("CREATE TABLE IF NOT EXISTS orders (order_id INTEGER PRIMARY KEY)")
        for order, customer in ORDERS.items():
            if await db.execute("SELECT 1 FROM orders WHERE order_id = ?", (order,)):
                continue
            if first == "publish":
                await topic.append(customer, {"order": order})
            await db.execute("INSERT INTO orders VALUES (?)", (order,))
            if first == "commit":
                await topic.append(customer, {"order": order})

    async def scenario(world: World) -> None:
        world.start("broker", broker)
        world.start("orders", orders)
        await world.run_for(5)

    return scenario


@pytest.mark.parametrize("first, wrong", [("commit", "lost"), ("publish", "never committed")])
def test_the_same_check_finds_what_two_writes_lose_or_make_up(first, wrong):
    run = simulate(two_writes(first))
    crashes = [
        Crash("orders", **{when: effect.number}, down=None)
        for effect in run.effects
        if effect.node == "orders"
        for when in ("before", "after")
    ]
    found = [log_tells_what_was_committed(simulate(two_writes(first), faults=[crash])) for crash in crashes]

    assert log_tells_what_was_committed(run) == []
    assert {text.split(":")[0] for texts in found for text in texts} == {wrong}


# ---------------------------------------------------------------- what cannot heal


def test_what_the_broker_will_never_take_ends_the_relay_with_its_reason():
    async def relay_to_nowhere(node: Node) -> None:
        outbox = Outbox(node.database("orders"), source="orders")
        await relay(node, outbox, to_topic(node.topic("nowhere")))

    run = simulate(published_by(relay_to_nowhere))

    [exit_] = run.of("exit", node="relay")
    assert exit_["error"].startswith("NoSuchTopic: ")
    assert [row["published_at"] for row in run.rows("orders", "outbox")] == [None] * len(GOOD)


def test_a_full_queue_holds_the_relay_up_and_nothing_overtakes():
    def small(node: Node) -> BrokerApp:
        holder = Broker(clock=node.now, observer=node.record)
        holder.create_queue("orders", max_length=2)
        return BrokerApp(holder)

    async def scenario(world: World) -> None:
        world.start("broker", small)
        world.start("orders", orders)
        world.start("relay", relay_to_queue)
        await world.run_for(10)
        world.start("billing", billing)
        await world.run_for(60)

    run = simulate(scenario)

    run.raise_error()
    assert run.of("unpublished")[0]["error"] == "queue_full"
    assert [event["body"]["order"] for event in run.of("sent")] == GOOD
    assert [row["order_id"] for row in run.rows("billing", "bills")] == GOOD


def test_headers_travel_with_the_event_and_its_id_with_them():
    async def shop(node: Node) -> None:
        outbox = Outbox(node.database("orders"), source="orders")
        await outbox.create()
        async with node.database("orders").transaction():
            await outbox.add("ada", {"order": 7}, headers={"traceparent": "00-abc-def-01"})

    async def scenario(world: World) -> Any:
        world.start("broker", broker)
        world.start("orders", shop)
        world.start("relay", relay_to_topic)
        await world.run_for(5)
        topic = world.node("reader").topic("orders")
        records = await topic.fetch_many({0: 0, 1: 0})
        return [dict(record.headers) for record in records]

    run = simulate(scenario)

    run.raise_error()
    assert run.result == [{"traceparent": "00-abc-def-01", EVENT_ID: "orders-1"}]


def test_an_event_that_raised_is_not_in_the_inbox_and_may_come_again():
    async def receiver(node: Node) -> None:
        db = node.database()
        await db.execute("CREATE TABLE t (x)")
        for attempt in (1, 2, 3):
            try:
                async with once(db, "orders-1") as first:
                    if first:
                        await db.execute("INSERT INTO t VALUES (?)", (attempt,))
                    if attempt == 1:
                        raise BrokerError("a bad moment")
            except BrokerError:
                pass

    async def scenario(world: World) -> None:
        world.start("receiver", receiver)
        await world.run_for(1)

    run = simulate(scenario)

    run.raise_error()
    assert run.rows("receiver", "t") == [{"x": 2}]
