"""Nothing is left of a run but the Run: no thread, no task, no warning, no memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from classroom.world.faults import Crash
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.garbage import collect_garbage
from tests.world.actors import app, echo, kept, relay

ROOT = Path(__file__).parent.parent.parent


async def worker_that_leaves_much_behind(node: Node) -> None:
    """Everything that asyncio would complain about at the end of a program."""

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)  # a finally that awaits: "coroutine ignored GeneratorExit"

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            node.record("ghost")

    async def fails() -> None:
        raise ValueError("nobody looks")

    never_awaited = waits()
    in_wait_for = asyncio.create_task(asyncio.wait_for(waits(), 1000))
    generator = numbers()
    await anext(generator)
    tasks = [asyncio.create_task(each()) for each in (waits, fails)]
    future = asyncio.get_running_loop().create_future()
    future.set_exception(ValueError("nobody asks"))
    async with node.database().transaction():
        await node.database().execute("CREATE TABLE t (x)")
        await asyncio.sleep(1_000_000)
    del never_awaited, in_wait_for, tasks


async def untidy(world: World) -> None:
    world.start("echo", echo)
    world.start("relay", relay("echo"))
    world.start("worker", worker_that_leaves_much_behind)
    world.start("late", worker_that_leaves_much_behind)
    await world.run_for(2)
    async with world.client("ada") as ada:
        await ada.get("http://relay/1")
        asyncio.create_task(ada.get("http://relay/2"))  # noqa: RUF006
        await asyncio.sleep(0)
    world.crash("late", down=0)
    await asyncio.sleep(0.000001)


def test_it_is_untidy_enough():
    run = kept(untidy)

    assert {event["error"] for event in run.of("error")} == {"ValueError: nobody looks"}
    assert not run.of("ghost")


def test_a_run_leaves_no_thread():
    before = set(threading.enumerate())

    for _ in range(3):
        kept(untidy)

    assert set(threading.enumerate()) == before


def test_a_run_leaves_no_warning_and_nothing_that_cannot_be_raised(capfd):
    unraisable: list[Any] = []
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            kept(untidy)
            collect_garbage()
    finally:
        sys.unraisablehook = hook

    assert [str(warning.message) for warning in caught] == []
    assert [each.exc_value for each in unraisable] == []
    assert capfd.readouterr() == ("", "")


def test_a_program_that_takes_warnings_for_errors_prints_nothing_to_its_very_end():
    program = (
        "import gc\n"
        "from classroom.world.simulated import simulate\n"
        "from tests.world.test_leaks import untidy\n"
        "run = simulate(untidy, faults=[])\n"
        "assert run.error is None, run.error\n"
        "gc.collect()\n"
    )
    environment = {**os.environ, "PYTHONASYNCIODEBUG": "1"}

    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_a_run_that_broke_off_leaves_no_more_than_one_that_did_not(capfd):
    async def scenario(world: World) -> None:
        await untidy(world)
        await asyncio.Event().wait()

    before = set(threading.enumerate())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = simulate(scenario, limit=10_000)
        collect_garbage()

    assert run.error is not None
    assert set(threading.enumerate()) == before
    assert capfd.readouterr() == ("", "")


def test_the_world_of_a_run_is_let_go_though_the_run_is_kept():
    worlds: list[weakref.ref[World]] = []

    async def scenario(world: World) -> None:
        worlds.append(weakref.ref(world))
        await untidy(world)

    run = kept(scenario)
    collect_garbage()

    assert run.history
    assert worlds[0]() is None


def test_fastapi_which_remembers_endpoints_keeps_no_world():
    worlds: list[weakref.ref[World]] = []

    def service(node: Node) -> FastAPI:
        api = FastAPI()

        @api.get("/{number}")
        async def answer(number: int) -> float:
            return node.now() + number

        return api

    async def scenario(world: World) -> None:
        worlds.append(weakref.ref(world))
        world.start("service", service)
        async with world.client("ada") as ada:
            assert (await ada.get("http://service/1")).is_success

    kept(scenario)
    collect_garbage()

    assert worlds[0]() is None


def test_an_interrupted_handler_of_one_run_is_nowhere_in_the_next():
    seen: list[str] = []

    def remembers(node: Node) -> Any:
        async def answer(path: str) -> int:
            seen.append(path)
            await asyncio.sleep(5)
            node.record("woke")
            return 1

        return app(answer)

    async def scenario(world: World) -> None:
        world.start("service", remembers)
        async with world.client("ada", timeout=1) as ada:
            with pytest.raises(Exception, match="no answer"):
                await ada.get("http://service/")

    first, second = kept(scenario), kept(scenario)

    assert first.digest == second.digest
    assert len(seen) == 2
    assert not second.of("woke")


def many_runs(count: int) -> int:
    """Bytes that Python holds more after `count` runs than after a few."""

    async def scenario(world: World) -> None:
        world.start("echo", echo)
        world.start("worker", worker_that_leaves_much_behind)
        async with world.client("ada") as ada:
            await ada.get("http://echo/1")
        await world.node("ada").database().execute("CREATE TABLE t (x)")

    def runs(times: int) -> None:
        for _ in range(times):
            simulate(scenario, faults=[Crash("worker", at=0.0001, down=0.001)])
        collect_garbage()

    runs(20)
    tracemalloc.start()
    try:
        runs(5)
        before, _ = tracemalloc.get_traced_memory()
        runs(count)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


def test_a_hundred_runs_take_no_memory_that_ten_do_not():
    assert many_runs(100) < 100_000


@pytest.mark.soak
def test_a_thousand_runs_take_no_memory_that_ten_do_not():
    assert many_runs(1000) < 200_000


async def stubborn(node: Node) -> None:
    while True:
        try:
            await asyncio.sleep(1000)
        except:  # noqa: E722
            continue


async def stubborn_to_the_end(world: World) -> None:
    world.start("worker", stubborn)
    await world.run_for(1)


def test_who_catches_everything_and_waits_again_takes_no_time_and_says_nothing(capfd):
    began = time.process_time()

    kept(stubborn_to_the_end)
    collect_garbage()

    assert time.process_time() - began < 2
    assert capfd.readouterr() == ("", "")


def test_who_catches_everything_does_not_hold_up_the_end_of_the_program():
    program = (
        "from classroom.world.simulated import simulate\n"
        "from tests.world.test_leaks import stubborn_to_the_end\n"
        "simulate(stubborn_to_the_end)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_a_long_run_keeps_no_task_that_has_ended():
    async def scenario(world: World) -> int:
        for _ in range(300):
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(100)))
        return len(world.loop.tasks)

    assert kept(scenario).result <= 12_000


def test_timers_that_were_cancelled_do_not_pile_up_past_their_time():
    async def scenario(world: World) -> int:
        for _ in range(2000):
            async with asyncio.timeout(5):
                await asyncio.sleep(0.1)
        return len(world.loop._timers)

    assert kept(scenario).result <= 60
