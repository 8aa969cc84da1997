"""The watchdog: what never comes back to the loop is broken off, whatever it catches."""

# ruff: noqa: ASYNC110, B012 (bad manners are what is tested)

from __future__ import annotations

import _thread
import asyncio
import threading
import time

import pytest

from classroom.world.loop import EndlessLoop
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.world.actors import kept

PATIENCE = 0.25  # seconds


def spin() -> None:
    n = 0
    while True:
        n += 1


async def endless(world: World) -> None:
    world.record("before")
    spin()


async def endless_but_for_exceptions(world: World) -> None:
    while True:
        try:
            spin()
        except Exception:
            pass


async def endless_but_for_everything(world: World) -> None:
    while True:
        try:
            spin()
        except BaseException:
            pass


async def endless_in_a_bare_except_of_its_own(world: World) -> None:
    n = 0
    while True:
        try:
            while True:
                n += len([])
        except:  # noqa: E722
            continue


async def endless_with_a_finally_that_goes_on(world: World) -> None:
    while True:
        try:
            spin()
        finally:
            continue


async def endless_and_then_in_its_finally(world: World) -> None:
    try:
        spin()
    finally:
        spin()


@pytest.mark.parametrize(
    "scenario",
    [
        endless,
        endless_but_for_exceptions,
        endless_but_for_everything,
        endless_in_a_bare_except_of_its_own,
        endless_with_a_finally_that_goes_on,
        endless_and_then_in_its_finally,
    ],
    ids=lambda scenario: scenario.__name__,
)
def test_it_breaks_off_a_scenario_that_is(scenario):
    before = threading.active_count()

    run = simulate(scenario, patience=PATIENCE)

    assert isinstance(run.error, EndlessLoop)
    assert "one step ran for 0.25 s" in str(run.error)
    assert threading.active_count() == before


def test_it_names_the_line_that_was_running():
    run = simulate(endless, patience=PATIENCE)

    assert "spin()" in str(run.error)
    assert "n += 1" in str(run.error) or "while True" in str(run.error)


def test_it_keeps_the_history_up_to_there():
    run = simulate(endless, patience=PATIENCE)

    assert [event.kind for event in run.history] == ["before"]


def test_it_breaks_off_an_endless_loop_of_a_service_as_well():
    async def worker(node: Node) -> None:
        while True:
            try:
                spin()
            except BaseException:
                pass

    async def scenario(world: World) -> None:
        world.start("worker", worker)
        await world.run_for(10)

    run = simulate(scenario, patience=PATIENCE)

    assert isinstance(run.error, EndlessLoop)
    assert not run.of("exit", "error")


def test_a_broken_off_loop_is_no_exception_that_a_service_could_record_or_survive():
    async def worker(node: Node) -> None:
        try:
            spin()
        except BaseException:
            node.record("survived")
        await asyncio.sleep(1)
        node.record("went on")

    async def scenario(world: World) -> None:
        world.start("worker", worker)
        await world.run_for(10)

    run = simulate(scenario, patience=PATIENCE)

    assert isinstance(run.error, EndlessLoop)
    assert not run.of("went on")


def test_an_endless_query_is_interrupted():
    async def scenario(world: World) -> None:
        numbers = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"
        await world.node("ada").database().execute(numbers)

    run = simulate(scenario, patience=PATIENCE)

    assert isinstance(run.error, EndlessLoop)
    assert "ada" in run.databases


def test_what_hangs_in_a_lock_is_left_behind_and_the_run_says_so():
    lock = threading.Lock()
    lock.acquire()

    async def scenario(world: World) -> None:
        world.record("before")
        lock.acquire()

    run = simulate(scenario, patience=0.2)
    lock.release()

    assert isinstance(run.error, EndlessLoop)
    assert "restart the kernel" in str(run.error)
    assert run.of("before")


def test_an_endless_finally_at_the_end_of_a_run_changes_nothing():
    async def scenario(world: World) -> None:
        async def child() -> None:
            try:
                await asyncio.sleep(100)
            finally:
                spin()

        child_of_it = asyncio.create_task(child())
        await asyncio.sleep(1)
        assert not child_of_it.done()

    run = simulate(scenario, patience=PATIENCE)

    assert run.error is None


def test_many_short_steps_are_no_endless_loop_however_long_they_take_together():
    async def scenario(world: World) -> None:
        for _ in range(8):
            began = time.perf_counter()
            while time.perf_counter() - began < 0.1:
                pass
            await asyncio.sleep(1)

    assert kept(scenario, patience=PATIENCE).duration > 7


def test_an_import_takes_as_long_as_it_takes(tmp_path, monkeypatch):
    (tmp_path / "a_module_that_takes_long.py").write_text(
        "import time\nbegan = time.process_time()\nwhile time.process_time() - began < 1.0:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    async def scenario(world: World) -> str:
        import a_module_that_takes_long  # noqa: F401

        return "fine"

    assert kept(scenario, patience=0.3).result == "fine"


def test_interrupt_stops_a_run():
    async def scenario(world: World) -> None:
        while True:
            await asyncio.sleep(0.001)

    threading.Timer(0.2, _thread.interrupt_main).start()

    with pytest.raises(KeyboardInterrupt):
        simulate(scenario, limit=1e9)
    assert not any(thread.name == "world" for thread in threading.enumerate())


def test_interrupt_stops_an_endless_loop_before_the_watchdog_does():
    threading.Timer(0.2, _thread.interrupt_main).start()
    began = time.perf_counter()

    with pytest.raises(KeyboardInterrupt):
        simulate(endless_but_for_everything, patience=60)

    assert time.perf_counter() - began < 30
    assert not any(thread.name == "world" for thread in threading.enumerate())


def test_a_run_after_one_that_was_broken_off_is_as_any_other():
    simulate(endless_but_for_everything, patience=PATIENCE)

    async def scenario(world: World) -> str:
        await world.run_for(1)
        return "fine"

    assert kept(scenario).result == "fine"
