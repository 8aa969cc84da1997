"""A rebuild: beside the view in use, from zero, and then in its place."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from classroom import Crash, simulate, sweep
from classroom.world.run import Run
from classroom.world.world import World
from minibroker import Broker, BrokerApp, OffsetOutOfRange
from services.events.digest import digest
from services.events.projection import OutOfStep, Projection
from services.events.rebuild import rebuild
from services.node import Node
from tests.services.events.revenue import (
    COLUMNS,
    add_order,
    broker,
    expected_digest,
    projector,
    revenue,
    writer,
)

ORDERS = 12


async def spoilt(world: World) -> None:
    """A view of twelve orders, in which somebody has made a mess."""
    world.start("broker", broker)
    world.start("orders", writer(ORDERS, every=0.01))
    await world.run_for(1)
    node = world.node("somebody")
    await rebuild(node.topic("orders"), revenue(node.database("view")))
    await node.database("view").execute("UPDATE revenue SET amount = 0")


def kept(scenario: Any, **options: Any) -> Run:
    run = simulate(scenario, **options)
    run.raise_error()
    return run


def test_a_rebuild_makes_the_view_what_the_log_says():
    async def scenario(world: World) -> int:
        await spoilt(world)
        node = world.node("operator")
        return await rebuild(node.topic("orders"), revenue(node.database("view")), batch=5)

    run = kept(scenario)

    assert run.result == ORDERS
    assert digest(run.rows("view", "revenue")) == expected_digest(ORDERS)
    assert list(run.databases["view"]) == ["positions", "revenue"]


def test_readers_have_the_whole_old_view_until_they_have_the_whole_new_one():
    async def scenario(world: World) -> set[str]:
        await spoilt(world)
        node, seen = world.node("operator"), []
        view = revenue(node.database("view"))
        rebuilding = asyncio.create_task(rebuild(node.topic("orders"), view, batch=1))
        while not rebuilding.done():
            seen.append(await view.digest())
            await world.run_for(0.001)
        await rebuilding
        return [*dict.fromkeys([*seen, await view.digest()])]

    spoilt_digest = digest(kept(spoilt).rows("view", "revenue"))

    assert kept(scenario).result == [spoilt_digest, expected_digest(ORDERS)]


def test_while_orders_come_in_the_follower_goes_on_before_and_after_the_switch():
    async def scenario(world: World) -> list[dict[int, int]]:
        world.start("broker", broker)
        world.start("projector-1", projector)
        world.start("orders", writer(60, every=0.01))
        await world.run_for(0.3)
        node = world.node("operator")
        view, positions = revenue(node.database("view")), []

        async def watch() -> None:
            while True:
                positions.append(await view.positions())
                await world.run_for(0.002)

        watching = asyncio.create_task(watch())
        await rebuild(node.topic("orders"), view, batch=3)
        world.record("switched")
        await world.run_for(1)
        watching.cancel()
        await world.run_for(10)
        return positions

    run = kept(scenario)

    switched = run.of("switched")[0].at
    assert any(e.at < switched for e in run.of("projected"))
    assert any(e.at > switched for e in run.of("projected"))
    assert digest(run.rows("view", "revenue")) == expected_digest(60)
    for partition in (0, 1):  # a reader is never taken back in time
        seen = [positions.get(partition, 0) for positions in run.result]
        assert seen == sorted(seen)
    assert run.of("exit", node="projector-1") == []


def test_a_crash_before_or_after_any_effect_of_a_rebuild_leaves_the_old_view_or_the_new_one():
    async def rebuilder(node: Node) -> None:
        await rebuild(node.topic("orders"), revenue(node.database("view")), batch=5)

    async def scenario(world: World) -> None:
        await spoilt(world)
        world.start("rebuilder", rebuilder)
        await world.run_for(3)

    def check(run: Run) -> list[Any]:
        run.raise_error()
        again = bool(run.of("start", node="rebuilder")[1:])
        right = digest(run.rows("view", "revenue")) == expected_digest(ORDERS)
        return [] if right and again else [run.rows("view", "revenue")]

    struck = sweep(scenario, "rebuilder", check=check)

    assert len(struck) > 20
    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []


def test_a_rebuild_that_never_comes_back_leaves_the_old_view_to_its_readers():
    async def rebuilder(node: Node) -> None:
        await rebuild(node.topic("orders"), revenue(node.database("view")), batch=5)

    async def scenario(world: World) -> None:
        await spoilt(world)
        world.start("rebuilder", rebuilder)
        await world.run_for(3)

    run = kept(scenario, faults=[Crash("rebuilder", before=9, down=None)])

    assert run.rows("view", "revenue") == kept(spoilt).rows("view", "revenue")
    assert "revenue_rebuilt" in run.databases["view"]


def test_other_columns_come_by_a_rebuild():
    async def count(db: Any, table: str, record: Any) -> None:
        await db.execute(f"INSERT INTO {table} VALUES (?)", (record.value["order"],))

    async def scenario(world: World) -> None:
        await spoilt(world)
        node = world.node("operator")
        new = Projection(
            node.database("view"), "revenue", columns="order_id INTEGER PRIMARY KEY", apply=count
        )
        await rebuild(node.topic("orders"), new)

    run = kept(scenario)

    assert [row["order_id"] for row in run.rows("view", "revenue")] == list(range(ORDERS))


def test_a_rebuild_from_another_log_is_refused():
    async def scenario(world: World) -> None:
        await spoilt(world)
        node = world.node("operator")
        world.crash("broker")
        world.restart("broker")  # it keeps nothing: the topic is empty now
        with pytest.raises(OutOfStep, match="is at offset 6 of orders/0, beyond its end"):
            await rebuild(node.topic("orders"), revenue(node.database("view")))

    kept(scenario)


def test_a_log_without_its_beginning_cannot_be_rebuilt_from_unless_holes_are_fine():
    def forgetful(node: Node) -> BrokerApp:
        holder = Broker(clock=node.now, observer=node.record)
        holder.create_topic("orders", partitions=2, retention=2.0, check_interval=1.0)
        return BrokerApp(holder)

    async def scenario(world: World) -> int:
        world.start("broker", forgetful)
        world.start("orders", writer(10, every=1.0))
        await world.run_for(9)
        node = world.node("operator")
        with pytest.raises(OffsetOutOfRange):
            await rebuild(node.topic("orders"), revenue(node.database("view")))
        content = Projection(node.database("view"), "revenue", columns=COLUMNS, apply=add_order, holes=True)
        return await rebuild(node.topic("orders"), content)

    assert 2 <= kept(scenario).result < 10


def test_a_view_that_was_never_there_is_whole_before_anybody_sees_it():
    async def scenario(world: World) -> int:
        world.start("broker", broker)
        world.start("orders", writer(ORDERS, every=0.01))
        await world.run_for(1)
        node = world.node("operator")
        return await rebuild(node.topic("orders"), revenue(node.database("view")), batch=5)

    run = kept(scenario)

    assert run.result == ORDERS
    assert digest(run.rows("view", "revenue")) == expected_digest(ORDERS)


def test_a_view_that_is_behind_does_not_take_the_place_of_one_that_is_ahead():
    async def scenario(world: World) -> list[Any]:
        world.start("broker", broker)
        world.start("orders", writer(ORDERS, every=0.01))
        await world.run_for(1)
        node = world.node("operator")
        view = revenue(node.database("view"))
        await rebuild(node.topic("orders"), view)
        records = await node.topic("orders").fetch_many({0: 0, 1: 0})
        behind = await view.fresh_copy("behind")
        await behind.take(records[:-1])
        refused = await view.replace_by(behind)
        await behind.take(records[-1:])
        return [refused, await view.replace_by(behind), await view.positions()]

    run = kept(scenario)

    assert run.result == [False, True, {0: 6, 1: 6}]
    assert digest(run.rows("view", "revenue")) == expected_digest(ORDERS)
