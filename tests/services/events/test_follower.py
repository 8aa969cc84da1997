"""Followers in the simulated world: whatever befalls them, the view is that of the log."""

from __future__ import annotations

from typing import Any

import pytest

from classroom import Crash, Delay, Drop, Duplicate, Partition, Pause, simulate, sweep
from classroom.world.run import Run
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from services.events.digest import digest
from services.events.follower import follow
from services.events.rebuild import rebuild
from services.node import Node
from tests.services.events.revenue import again, broker, expected_digest, order, projector, revenue, writer

ORDERS = 24


def followed_by(*names: str, count: int = ORDERS, every: float = 0.2, lasts: float = 30.0) -> Any:
    """Returns, in the end, the digest of a view that was made by a late joiner from zero."""

    async def scenario(world: World) -> str:
        world.start("broker", broker)
        for name in names:
            world.start(name, projector)
        world.start("orders", writer(count, every=every))
        await world.run_for(lasts)
        late = revenue(world.node("late").database())
        await again(lambda: rebuild(world.node("late").topic("orders"), late))
        return await late.digest()

    return scenario


ATTACKS = {
    "nothing": [],
    "a follower dies and comes back": [Crash("projector-1", at=2.1, down=1)],
    "a follower dies for good": [Crash("projector-2", at=3.3, down=None)],
    "both die again and again": [
        Crash(name, at=at, down=0.7)
        for name, at in (("projector-1", 1.1), ("projector-2", 1.9), ("projector-1", 2.6))
    ],
    "a follower sleeps through a rebalance": [Pause("projector-1", at=2.35, lasts=15)],
    "requests are lost": [Drop("*", "broker", rate=0.2, at=0.5, lasts=10)],
    "replies are lost": [Drop("*", "broker", part="reply", rate=0.2, at=0.5, lasts=10)],
    "requests come twice": [Duplicate("*", "broker", rate=0.4)],
    "the network is cut": [Partition("projector-1", "broker", at=1.5, lasts=10)],
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("seed", range(3))
def test_the_view_equals_a_rebuild_by_digest_whatever_befalls_two_followers(name, seed):
    run = simulate(followed_by("projector-1", "projector-2", lasts=70), seed=seed, faults=ATTACKS[name])
    run.raise_error()

    assert len(run.of("appended")) == ORDERS
    assert digest(run.rows("view", "revenue")) == run.result == expected_digest(ORDERS)
    assert [event["error"] for event in run.of("exit") if event["error"]] == []


def test_a_crash_before_or_after_any_effect_of_a_follower_leaves_the_view_equal_to_a_rebuild():
    def check(run: Run) -> list[Any]:
        run.raise_error()
        found = digest(run.rows("view", "revenue"))
        return [] if found == run.result == expected_digest(4) else [found]

    struck = sweep(followed_by("projector-1", count=4, every=0.1, lasts=6), "projector-1", check=check)

    assert len(struck) > 60
    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []


def test_what_a_zombie_brings_when_it_wakes_up_is_known_to_the_view_already():
    scenario = followed_by("projector-1", "projector-2")
    quiet = simulate(scenario)
    fetched = [
        e for e in quiet.effects if e.node == "projector-1" and "answer to" in e.what and "/fetch" in e.what
    ]
    asleep = Pause("projector-1", after=fetched[3].number, lasts=12)  # with records in hand
    run = simulate(scenario, faults=[asleep])
    run.raise_error()

    in_vain = [e for e in run.of("projected", node="projector-1") if e["new"] < e["records"]]
    assert in_vain and in_vain[0].at > 12
    assert digest(run.rows("view", "revenue")) == run.result == expected_digest(ORDERS)
    assert sum(e["new"] for e in run.of("projected")) == ORDERS


def test_a_view_that_was_lost_is_made_again_from_the_log_and_not_from_where_the_group_was():
    async def scenario(world: World) -> None:
        await followed_by("projector-1", lasts=20)(world)
        world.crash("projector-1")
        db = world.node("operator").database("view")
        await db.execute("DROP TABLE revenue")
        await db.execute("DROP TABLE positions")
        world.restart("projector-1")
        await world.run_for(20)

    run = simulate(scenario)
    run.raise_error()

    assert digest(run.rows("view", "revenue")) == expected_digest(ORDERS)


def test_the_group_shows_how_far_behind_the_view_is():
    async def scenario(world: World) -> Any:
        await followed_by("projector-1", lasts=20)(world)
        return [lag.records for lag in await world.node("operator").topic("orders").lag("revenue")]

    run = simulate(scenario)
    run.raise_error()

    assert run.result == [0, 0]


def test_a_slow_follower_is_waited_for_by_who_holds_a_token():
    async def scenario(world: World) -> tuple[bool, bool]:
        world.start("broker", broker)
        world.start("projector-1", projector)
        await world.run_for(5)
        ada = world.node("ada")
        view = revenue(ada.database("view"))
        token = await ada.topic("orders").append("ada", order(0))
        at_once = await view.wait_for_position(token.partition, token.offset, timeout=0.1)
        in_time = await view.wait_for_position(token.partition, token.offset, timeout=5.0)
        return at_once, in_time

    run = simulate(scenario, faults=[Delay("projector-1", "broker", by=0.5, part="reply")])
    run.raise_error()

    assert run.result == (False, True)


# ---------------------------------------------------------------- what cannot be right


def ends_with(run: Run, name: str = "projector-1") -> str:
    return next(event["error"] for event in run.of("exit", node=name) if event["error"])


def test_another_log_than_the_views_own_ends_the_follower():
    """The broker keeps nothing here: after its crash the topic is there again, and empty."""
    run = simulate(followed_by("projector-1", count=6, lasts=60), faults=[Crash("broker", at=10, down=0.5)])

    assert ends_with(run).startswith("OutOfStep: revenue is at offset 3 of orders/0, which holds 0 to 0: ")


def test_a_log_whose_beginning_is_deleted_ends_the_follower_unless_the_view_is_content_with_that():
    def forgetful(node: Node) -> BrokerApp:
        holder = Broker(clock=node.now, observer=node.record)
        holder.create_topic("orders", partitions=2, retention=2.0, check_interval=1.0)
        return BrokerApp(holder)

    def follower(holes: bool) -> Any:
        async def worker(node: Node) -> None:
            consumer = node.topic("orders").consumer("revenue", start="earliest")
            await follow(node, consumer, revenue(node.database("view"), holes=holes))

        return worker

    def scenario(holes: bool) -> Any:
        async def night(world: World) -> None:
            world.start("broker", forgetful)
            world.start("orders", writer(10, every=1.0))
            await world.run_for(8)
            world.start("projector-1", follower(holes))
            await world.run_for(10)

        return night

    assert ends_with(simulate(scenario(False))).startswith("OutOfStep: revenue is at offset 0 of orders/")
    content = simulate(scenario(True))
    assert content.of("exit", node="projector-1") == []
    assert 2 <= sum(event["new"] for event in content.of("projected")) < 10


def test_a_record_that_cannot_be_applied_ends_the_follower_with_its_reason():
    async def poison(node: Node) -> None:
        await node.topic("orders").append("ada", {"order": 13}, partition=0)

    async def scenario(world: World) -> None:
        world.start("broker", broker)
        world.start("projector-1", projector)
        world.start("poison", poison)
        await world.run_for(10)

    assert ends_with(simulate(scenario)) == "KeyError: 'customer'"
