"""A pause: the process stands still, then goes on as if nothing had been."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from classroom.world.faults import Crash, Pause
from classroom.world.world import World
from services.node import Node
from tests.world.actors import app, echo, kept


async def ticks(node: Node) -> None:
    for number in range(6):
        node.record("tick", number=number, says=node.now())
        await asyncio.sleep(1)


async def six_ticks(world: World) -> None:
    world.start("clock", ticks)
    await world.run_for(30)


def test_a_paused_process_takes_no_step():
    run = kept(six_ticks, faults=[Pause("clock", at=2.5, lasts=10)])

    assert not [event for event in run.of("tick") if 2.5 < event.at < 12.5]


def test_after_the_pause_it_goes_on_where_it_stopped_and_in_order():
    run = kept(six_ticks, faults=[Pause("clock", at=2.5, lasts=10)])

    assert [event["number"] for event in run.of("tick")] == list(range(6))
    assert [round(event.at, 1) for event in run.of("tick")] == [0, 1, 2, 12.5, 13.5, 14.5]


def test_a_pause_is_written_down_with_its_length_and_its_end():
    run = kept(six_ticks, faults=[Pause("clock", at=2.5, lasts=10)])

    assert [(event.kind, event.at) for event in run.of("pause", "resume")] == [
        ("pause", pytest.approx(2.5)),
        ("resume", pytest.approx(12.5)),
    ]
    assert run.of("pause")[0]["lasts"] == 10


def test_the_clock_went_on_for_all_others_and_for_it_too():
    run = kept(six_ticks, faults=[Pause("clock", at=2.5, lasts=10)])

    assert all(event["says"] == pytest.approx(event.at, abs=1e-5) for event in run.of("tick"))


def test_timers_that_ran_out_during_the_pause_come_in_the_order_of_their_times():
    async def timers(node: Node) -> None:
        loop = asyncio.get_running_loop()
        for seconds in (3, 1, 2):
            loop.call_later(seconds, node.record, "rang")
            loop.call_later(seconds, lambda seconds=seconds: node.record("rang at", seconds=seconds))
        await asyncio.sleep(100)

    async def scenario(world: World) -> None:
        world.start("timers", timers)
        await world.run_for(0.5)
        world.pause("timers", lasts=10)
        await world.run_for(20)

    run = kept(scenario)

    assert [event["seconds"] for event in run.of("rang at")] == [1, 2, 3]
    assert all(event.at == pytest.approx(10.5) for event in run.of("rang at"))


def test_what_reaches_a_paused_node_waits_at_its_door():
    async def scenario(world: World) -> float:
        world.start("echo", echo)
        world.pause("echo", lasts=3)
        async with world.client("ada") as ada:
            await ada.get("http://echo/hello")
        return world.now()

    run = kept(scenario)

    assert run.result == pytest.approx(3, abs=0.01)
    assert run.of("arrive")[0].at >= 3


def test_the_caller_of_a_paused_node_may_run_out_of_patience_and_the_work_is_done_all_the_same():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        world.pause("echo", lasts=3)
        async with world.client("ada", timeout=1) as ada:
            with pytest.raises(Exception, match="no answer from echo within 1 s"):
                await ada.get("http://echo/hello")
        await world.run_for(5)

    run = kept(scenario)

    assert len(run.of("timeout")) == 1
    assert len(run.of("asked")) == 1


def looks_then_writes(node: Node) -> Any:
    db = node.database("ledger")

    async def handle(path: str) -> str:
        if not await db.execute("SELECT 1 FROM t WHERE x = ?", (path,)):
            await db.execute("INSERT INTO t VALUES (?)", (path,))
        return "ok"

    return app(handle)


async def two_workers(world: World) -> None:
    await world.node("ada").database("ledger").execute("CREATE TABLE t (x)")
    world.start("one", looks_then_writes)
    world.start("two", looks_then_writes)
    async with world.client("ada", timeout=None) as ada:
        await asyncio.gather(ada.get("http://one/a"), delayed(ada))


async def delayed(client: Any) -> None:
    await asyncio.sleep(1)
    await client.get("http://two/a")


def test_a_pause_before_a_write_lets_another_write_first():
    quiet = kept(two_workers)
    run = kept(two_workers, faults=[Pause("one", before=2, lasts=5)])

    assert len(quiet.rows("ledger", "t")) == 1
    assert len(run.rows("ledger", "t")) == 2
    assert [event.node for event in run.of("commit")] == ["ada", "two", "one"]


def test_a_pause_after_an_effect_comes_after_it():
    run = kept(two_workers, faults=[Pause("one", after=2, lasts=5)])

    assert [event.node for event in run.of("commit")] == ["ada", "one"]
    assert len(run.of("pause")) == 1


def test_who_dies_in_a_pause_does_not_wake():
    run = kept(six_ticks, faults=[Pause("clock", at=2.5, lasts=10), Crash("clock", at=5, down=None)])

    assert not run.of("resume")
    assert len(run.of("tick")) == 3


def test_who_died_in_a_pause_and_was_started_again_is_awake():
    run = kept(six_ticks, faults=[Pause("clock", at=2.5, lasts=100), Crash("clock", at=5, down=1)])

    assert [round(event.at) for event in run.of("tick")][3:] == [6, 7, 8, 9, 10, 11]


def test_a_pause_of_a_paused_node_is_no_second_pause():
    run = kept(six_ticks, faults=[Pause("clock", at=2.5, lasts=10), Pause("clock", at=3, lasts=1)])

    assert len(run.of("pause")) == 1
    assert run.of("resume")[0].at == pytest.approx(12.5)
