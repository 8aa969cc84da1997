"""The virtual loop: its clock, its order, and what it says when a run cannot go on."""

# ruff: noqa: ASYNC110 (loops that poll are what is tested)

from __future__ import annotations

import asyncio
import contextvars
import random
import threading
import time

import pytest

from classroom.world.loop import Deadlock, NoRealWorld, OutOfTime, Spinning, VirtualTask
from classroom.world.run import Run
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.world.actors import kept

# ---- the clock -------------------------------------------------------------------------


async def ten_minutes(world: World) -> float:
    await world.run_for(600)
    return world.now()


def test_ten_minutes_of_waiting_take_no_time():
    began = time.process_time()

    run = kept(ten_minutes)

    assert run.result == pytest.approx(600)
    assert time.process_time() - began < 1


def test_a_timer_is_a_hair_late():
    async def scenario(world: World) -> float:
        await asyncio.sleep(0.1)
        return world.now()

    run = kept(scenario)

    assert 0.1 < run.result < 0.1 + 1e-6


def test_a_limiter_that_sleeps_until_the_exact_moment_comes_to_an_end():
    async def scenario(world: World) -> int:
        rounds, due = 0, 0.1 + 0.2  # floats: to sleep for `due - now` may fall short by the last bit
        while world.now() < due:
            rounds += 1
            await asyncio.sleep(due - world.now())
        return rounds

    run = kept(scenario)

    assert run.result <= 2


def test_time_does_not_pass_while_a_task_works():
    async def scenario(world: World) -> float:
        sum(range(200_000))
        await asyncio.sleep(0)
        return world.now()

    assert kept(scenario).result == 0


def test_asyncio_timeout_and_wait_for_keep_to_the_virtual_clock():
    async def scenario(world: World) -> list[float]:
        ends = []
        for waiting in (asyncio.wait_for(asyncio.sleep(100), 7), asyncio.wait_for(asyncio.sleep(100), 11)):
            with pytest.raises(TimeoutError):
                await waiting
            ends.append(round(world.now(), 3))
        return ends

    assert kept(scenario).result == [7, 18]


def test_the_duration_of_a_run_is_virtual():
    assert kept(ten_minutes).duration == pytest.approx(600)


# ---- where it runs ---------------------------------------------------------------------


def test_it_runs_inside_of_a_running_loop_as_in_a_notebook_cell():
    async def cell() -> Run:
        assert asyncio.get_running_loop().is_running()
        return kept(ten_minutes)

    assert asyncio.run(cell()).result == pytest.approx(600)


def test_it_leaves_the_loop_of_its_caller_in_place():
    async def cell() -> bool:
        before = asyncio.get_running_loop()
        kept(ten_minutes)
        return asyncio.get_running_loop() is before

    assert asyncio.run(cell())


def test_it_runs_in_any_thread():
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(kept(ten_minutes)))

    thread.start()
    thread.join()

    assert runs[0].result == pytest.approx(600)


def test_two_threads_can_run_simulations_side_by_side():
    runs: list[Run] = []
    threads = [threading.Thread(target=lambda: runs.append(kept(talk))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({run.digest for run in runs}) == 1


async def talk(world: World) -> None:
    for number in range(20):
        world.record("tick", number=number, chance=world.node("ada").rng("x").random())
        await asyncio.sleep(0.1)


def test_a_scenario_may_run_a_simulation_of_its_own():
    async def inner(world: World) -> str:
        await world.run_for(5)
        return "inner"

    async def outer(world: World) -> str:
        return simulate(inner).result

    assert kept(outer).result == "inner"


def test_a_context_variable_of_the_caller_is_not_seen_by_the_scenario():
    variable = contextvars.ContextVar("variable", default="nothing")
    variable.set("of the notebook")

    async def scenario(world: World) -> str:
        return variable.get()

    assert kept(scenario).result == "nothing"


# ---- order -----------------------------------------------------------------------------


def test_timers_of_one_instant_come_in_the_order_in_which_they_were_set():
    async def scenario(world: World) -> list[int]:
        came: list[int] = []

        async def sleeper(number: int) -> None:
            await asyncio.sleep(1)
            came.append(number)

        await asyncio.gather(*(sleeper(number) for number in range(9)))
        return came

    assert kept(scenario).result == list(range(9))


def test_tasks_that_a_group_cancels_do_so_in_an_order_that_memory_does_not_decide():
    async def scenario(world: World) -> None:
        async def child(number: int) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                world.record("cancelled", number=number)

        async def breaks() -> None:
            await asyncio.sleep(1)
            raise ValueError

        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                for number in range(10):
                    group.create_task(child(number))
                    litter()
                group.create_task(breaks())

    assert len({kept(scenario).digest for _ in range(5)}) == 1


def test_the_set_that_wait_returns_is_gone_through_in_an_order_that_memory_does_not_decide():
    async def scenario(world: World) -> None:
        tasks = []
        for number in range(10):
            tasks.append(asyncio.create_task(asyncio.sleep(1, number)))
            litter()
        done, _ = await asyncio.wait(tasks)
        for task in done:
            world.record("done", number=task.result())

    assert len({kept(scenario).digest for _ in range(5)}) == 1


def test_as_completed_begins_in_the_order_in_which_it_was_given():
    async def scenario(world: World) -> list[int]:
        began: list[int] = []

        async def child(number: int) -> None:
            began.append(number)
            await asyncio.sleep(1)

        children = []
        for number in range(10):
            children.append(child(number))
            litter()
        for completed in asyncio.as_completed(children):
            await completed
        return began

    assert kept(scenario).result == list(range(10))


def test_as_completed_outside_of_a_simulation_is_what_it_was():
    kept(ten_minutes)

    async def main() -> set[int]:
        return {await each for each in asyncio.as_completed([asyncio.sleep(0, 1), asyncio.sleep(0, 2)])}

    assert asyncio.run(main()) == {1, 2}


def test_names_of_tasks_begin_anew_in_each_run():
    async def scenario(world: World) -> str:
        return asyncio.create_task(asyncio.sleep(0)).get_name()

    assert kept(scenario).result == kept(scenario).result


def test_a_task_keeps_the_name_that_it_is_given():
    async def scenario(world: World) -> str:
        return asyncio.create_task(asyncio.sleep(0), name="the cook").get_name()

    assert kept(scenario).result == "the cook"


def test_ready_tasks_take_turns_as_in_asyncio_unless_shuffled():
    async def scenario(world: World) -> str:
        said = ""

        async def says(letter: str) -> None:
            nonlocal said
            for _ in range(2):
                said += letter
                await asyncio.sleep(0)

        await asyncio.gather(says("a"), says("b"), says("c"))
        return said

    plain = kept(scenario).result
    shuffled = {kept(scenario, seed=seed, shuffle=True).result for seed in range(8)}

    assert plain == "abcabc"
    assert len(shuffled) > 1
    assert all(sorted(each) == sorted(plain) for each in shuffled)


def litter() -> None:
    """Objects of random sizes, so that the next task lies somewhere else in memory in each run."""
    LITTER.append([object() for _ in range(random.randrange(1, 3000))])
    del LITTER[:-5]


LITTER: list[list[object]] = []


# ---- when it cannot go on ----------------------------------------------------------------


async def waits_for_ever(node: Node) -> None:
    gate = asyncio.Event()
    await gate.wait()


def test_a_deadlock_is_told_as_one():
    async def scenario(world: World) -> None:
        await asyncio.Event().wait()

    run = simulate(scenario)

    assert isinstance(run.error, Deadlock)
    assert "every task waits for ever" in str(run.error)


def test_a_deadlock_names_who_waits_at_which_line_of_the_learners_code():
    async def scenario(world: World) -> None:
        world.start("cook", waits_for_ever)
        await asyncio.Event().wait()

    run = simulate(scenario)

    [line] = [line for line in run.waiting if line.startswith("cook")]
    assert "await gate.wait()" in line
    assert "waits_for_ever()" in line


def test_who_waits_for_his_turn_at_a_database_is_shown_at_his_own_line_and_not_inside_of_a_library():
    async def scenario(world: World) -> None:
        async def impatient() -> None:
            async with world.node("ada").database().transaction():
                await asyncio.Event().wait()

        async with world.node("ada").database().transaction():
            await asyncio.create_task(impatient())

    run = simulate(scenario)

    assert any("async with world.node" in line for line in run.waiting)


def test_a_run_that_broke_off_raises_when_asked_to_with_all_who_waited():
    async def scenario(world: World) -> None:
        world.start("cook", waits_for_ever)
        await asyncio.Event().wait()

    run = simulate(scenario)
    with pytest.raises(Deadlock) as raised:
        run.raise_error()

    assert any("gate.wait()" in note for note in raised.value.__notes__)


def test_a_wait_that_only_a_dead_process_could_end_is_a_deadlock_too():
    async def scenario(world: World) -> None:
        async def sleeper(node: Node) -> None:
            await asyncio.sleep(1000)

        world.start("sleeper", sleeper)
        await world.run_for(1)
        world.crash("sleeper")
        await asyncio.Event().wait()

    run = simulate(scenario)

    assert isinstance(run.error, Deadlock)
    assert run.duration == pytest.approx(1)


def test_a_scenario_that_never_ends_is_out_of_time_at_its_limit():
    async def scenario(world: World) -> None:
        while True:
            await asyncio.sleep(1)

    run = simulate(scenario, limit=30)

    assert isinstance(run.error, OutOfTime)
    assert "limit of 30 s" in str(run.error)
    assert 29 <= run.duration <= 30


def test_a_loop_around_sleep_0_is_told_to_be_spinning():
    async def scenario(world: World) -> None:
        while True:
            await asyncio.sleep(0)

    run = simulate(scenario)

    assert isinstance(run.error, Spinning)
    assert "sleep(0)" in str(run.error)


def test_a_loop_that_polls_every_nanosecond_is_spinning_too():
    async def scenario(world: World) -> None:
        while True:
            await asyncio.sleep(1e-9)

    run = simulate(scenario)

    assert isinstance(run.error, Spinning)


def test_polling_a_thousand_times_a_second_is_not_spinning():
    async def scenario(world: World) -> None:
        while world.now() < 20:
            await asyncio.sleep(0.001)

    assert kept(scenario).duration >= 20


def test_what_a_scenario_raises_is_on_the_run_with_the_history_up_to_there():
    async def scenario(world: World) -> None:
        world.record("before")
        raise KeyError("lamp")

    run = simulate(scenario)

    assert isinstance(run.error, KeyError)
    assert [event.kind for event in run.history] == ["before"]


# ---- no real world -----------------------------------------------------------------------

REFUSED = {
    "a connection": lambda: asyncio.open_connection("127.0.0.1", 9),
    "a unix connection": lambda: asyncio.open_unix_connection("nowhere"),
    "a server": lambda: asyncio.start_server(lambda *_: None, "127.0.0.1", 0),
    "a look-up": lambda: asyncio.get_running_loop().getaddrinfo("localhost", 80),
    "a datagram": lambda: asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol),
    "a subprocess": lambda: asyncio.create_subprocess_exec("true"),
    "a shell": lambda: asyncio.create_subprocess_shell("true"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_sockets_and_processes_are_refused_with_the_reason_and_what_to_use(what: str):
    async def scenario(world: World) -> None:
        await REFUSED[what]()

    run = simulate(scenario)

    assert isinstance(run.error, NoRealWorld)
    assert "node.client()" in str(run.error)


def test_an_httpx_client_that_is_not_the_nodes_is_refused_too():
    import httpx

    async def scenario(world: World) -> None:
        async with httpx.AsyncClient() as client:
            await client.get("http://payments/charges")

    run = simulate(scenario)

    assert "no real network" in str(run.error)


def test_to_thread_runs_here_and_now():
    async def scenario(world: World) -> tuple[bool, float]:
        there = await asyncio.to_thread(threading.get_ident)
        return there == threading.get_ident(), world.now()

    assert kept(scenario).result == (True, 0)


def test_what_a_function_in_to_thread_raises_comes_back():
    async def scenario(world: World) -> None:
        await asyncio.to_thread(int, "seven")

    assert isinstance(simulate(scenario).error, ValueError)


# ---- async generators ----------------------------------------------------------------------


def test_an_async_generator_works():
    async def scenario(world: World) -> list[int]:
        async def numbers():
            for number in range(3):
                await asyncio.sleep(1)
                yield number

        return [number async for number in numbers()]

    assert kept(scenario).result == [0, 1, 2]


def test_the_finally_of_an_async_generator_of_a_dead_process_does_not_run():
    ran: list[str] = []

    async def counts(node: Node) -> None:
        async def numbers():
            try:
                while True:
                    yield await asyncio.sleep(1)
            finally:
                ran.append("finally")

        async for _ in numbers():
            node.record("number")

    async def scenario(world: World) -> None:
        world.start("counter", counts)
        await world.run_for(3.5)
        world.crash("counter")
        await world.run_for(10)
        assert not ran

    assert len(kept(scenario).of("number")) == 3


# ---- the Python that it bends ----------------------------------------------------------------


def test_the_private_names_of_asyncio_that_the_loop_uses_are_there():
    loop = asyncio.new_event_loop()
    try:
        handle = loop.call_later(1, print)
        assert hasattr(asyncio.BaseEventLoop, "_run_once")
        assert hasattr(asyncio.BaseEventLoop, "_check_closed")
        assert hasattr(asyncio.BaseEventLoop, "_asyncgen_firstiter_hook")
        assert hasattr(asyncio.BaseEventLoop, "_asyncgen_finalizer_hook")
        assert type(loop._ready).__name__ == "deque"
        assert loop._stopping is False
        assert isinstance(handle._context, contextvars.Context)
        assert handle._cancelled is False
        assert callable(handle._run)
        assert handle._callback is print
        assert asyncio._get_running_loop() is None
    finally:
        loop.close()


def test_a_task_has_the_private_marks_that_the_world_sets_and_reads():
    async def scenario(world: World) -> None:
        task = asyncio.create_task(asyncio.sleep(0))
        assert isinstance(task, VirtualTask)
        assert task._log_destroy_pending is False
        assert task._log_traceback is False
        assert hash(task) == task.number

    kept(scenario)


def test_a_step_of_a_task_leads_to_its_task_by_its_callback():
    async def scenario(world: World) -> bool:
        sleeping = asyncio.create_task(asyncio.sleep(0))
        handles = list(asyncio.get_running_loop()._ready)
        return any(getattr(handle._callback, "__self__", None) is sleeping for handle in handles)

    assert kept(scenario).result


def test_the_loop_of_one_run_is_closed_at_its_end():
    loops = []

    async def scenario(world: World) -> None:
        loops.append(asyncio.get_running_loop())

    kept(scenario)

    assert loops[0].is_closed()
    assert not loops[0].is_running()
