"""kill -9: no finally, no goodbye; memory is lost, what is durable stays; then a new incarnation."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from classroom.world.effects import Effect
from classroom.world.faults import Crash
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.garbage import collect_garbage
from tests.world.actors import app, echo, kept


async def sleeper(node: Node) -> None:
    node.record("awake")
    try:
        await asyncio.sleep(10)
        node.record("slept well")
    finally:
        node.record("finally")


async def killed_in_its_sleep(world: World) -> None:
    world.start("sleeper", sleeper)
    await world.run_for(1)
    world.crash("sleeper")
    await world.run_for(100)


# ---- what does not happen ------------------------------------------------------------------


def test_a_killed_process_runs_no_finally():
    run = kept(killed_in_its_sleep)

    assert [event.kind for event in run.of(node="sleeper")] == ["start", "awake", "crash"]


def test_its_finally_changes_nothing_that_can_be_seen_when_garbage_is_collected():
    run = kept(killed_in_its_sleep)
    before = run.digest, len(run.history)

    collect_garbage()

    assert (run.digest, len(run.history)) == before


def test_what_a_dying_coroutine_still_writes_after_the_end_reaches_neither_history_nor_database():
    async def stubborn(node: Node) -> None:
        db = node.database()
        await db.execute("CREATE TABLE t (x)")
        try:
            await asyncio.sleep(1000)
        finally:
            node.record("ghost")
            await db.execute("INSERT INTO t VALUES ('ghost')")

    async def scenario(world: World) -> None:
        world.start("stubborn", stubborn)
        await world.run_for(1)

    run = kept(scenario)
    collect_garbage()

    assert run.rows("stubborn", "t") == []
    assert not run.of("ghost")


def test_none_of_its_tasks_goes_on():
    async def busy(node: Node) -> None:
        async def beat() -> None:
            while True:
                node.record("beat")
                await asyncio.sleep(1)

        await asyncio.gather(beat(), beat(), beat())

    async def scenario(world: World) -> None:
        world.start("busy", busy)
        await world.run_for(2.5)
        world.crash("busy")
        await world.run_for(10)

    run = kept(scenario)

    assert len(run.of("beat")) == 9
    assert max(event.at for event in run.of("beat")) < 2.5


def test_a_callback_that_it_had_asked_for_is_not_called():
    async def caller(node: Node) -> None:
        asyncio.get_running_loop().call_later(5, node.record, "called")
        await asyncio.sleep(100)

    async def scenario(world: World) -> None:
        world.start("caller", caller)
        await world.run_for(1)
        world.crash("caller")
        await world.run_for(10)

    assert not kept(scenario).of("called")


def test_nobody_dies_twice():
    async def scenario(world: World) -> None:
        world.start("sleeper", sleeper)
        world.crash("sleeper")
        world.crash("sleeper")

    assert len(kept(scenario).of("crash")) == 1


# ---- a dead node refuses everything ----------------------------------------------------------


def test_a_dead_node_records_nothing():
    nodes: list[Node] = []

    async def lends(node: Node) -> None:
        nodes.append(node)
        await asyncio.sleep(1000)

    async def scenario(world: World) -> None:
        world.start("lender", lends)
        await world.run_for(1)
        world.crash("lender")
        nodes[0].record("ghost")

    assert not kept(scenario).of("ghost")


@pytest.mark.parametrize("operation", ["write", "read", "transaction", "call", "queue"])
def test_a_dead_node_never_comes_back_from(operation: str):
    nodes: list[Node] = []

    async def lends(node: Node) -> None:
        nodes.append(node)
        await asyncio.sleep(1000)

    async def attempt(node: Node) -> None:
        match operation:
            case "write":
                await node.database().execute("CREATE TABLE ghost (x)")
            case "read":
                await node.database().execute("SELECT 1")
            case "transaction":
                async with node.database().transaction():
                    await node.database().execute("CREATE TABLE ghost (x)")
            case "call":
                async with node.client(timeout=None) as client:
                    await client.get("http://echo/ghost")
            case "queue":
                await node.queue("q").send("ghost")

    async def scenario(world: World) -> bool:
        world.start("echo", echo)
        world.start("broker", echo)
        world.start("lender", lends)
        await world.run_for(1)
        world.crash("lender")
        trying = asyncio.create_task(attempt(nodes[0]))
        await world.run_for(100)
        assert "lender" not in [effect.node for effect in world.effects.log]
        return trying.done()

    run = kept(scenario)

    assert run.result is False
    assert not run.of("asked", "request", "commit")


def test_a_dead_node_that_tries_does_not_lock_the_living_out_of_its_database():
    nodes: list[Node] = []

    async def lends(node: Node) -> None:
        nodes.append(node)
        await asyncio.sleep(1000)

    async def scenario(world: World) -> None:
        world.start("lender", lends)
        await world.run_for(1)
        world.crash("lender", down=1)
        for attempt in (nodes[0].database().execute("SELECT 1"), begin(nodes[0].database())):
            trying = asyncio.create_task(attempt)
            await world.run_for(5)
            assert not trying.done()
        await nodes[1].database().execute("CREATE TABLE living (x)")

    assert kept(scenario).databases["lender"] == {"living": ()}


async def begin(db: Any) -> None:
    async with db.transaction():
        pass


# ---- what is lost, and what stays --------------------------------------------------------------


def counter(node: Node) -> Any:
    """Counts requests in memory and in its database."""
    db = node.database()
    in_memory = 0

    async def count(path: str) -> list[int]:
        nonlocal in_memory
        in_memory += 1
        await db.execute("CREATE TABLE IF NOT EXISTS requests (path)")
        await db.execute("INSERT INTO requests VALUES (?)", (path,))
        return [in_memory, len(await db.execute("SELECT * FROM requests"))]

    return app(count)


def test_a_restart_forgets_memory_and_keeps_the_database():
    async def scenario(world: World) -> list[list[int]]:
        world.start("counter", counter)
        answers = []
        async with world.client("ada") as ada:
            answers.append((await ada.get("http://counter/1")).json())
            answers.append((await ada.get("http://counter/2")).json())
            world.crash("counter", down=1)
            await world.run_for(2)
            answers.append((await ada.get("http://counter/3")).json())
        return answers

    assert kept(scenario).result == [[1, 1], [2, 2], [1, 3]]


def test_what_was_not_committed_is_lost():
    async def writer(node: Node) -> None:
        db = node.database("ledger")
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES ('uncommitted')")
            await asyncio.sleep(10)

    async def scenario(world: World) -> None:
        db = world.node("ada").database("ledger")
        await db.execute("CREATE TABLE t (x)")
        world.start("writer", writer)
        await world.run_for(1)
        world.crash("writer")

    assert kept(scenario).rows("ledger", "t") == []


def test_the_transaction_of_a_dead_process_lets_the_next_one_in():
    async def holds(node: Node) -> None:
        async with node.database("ledger").transaction():
            await asyncio.sleep(1000)

    async def scenario(world: World) -> float:
        world.start("holder", holds)
        await world.run_for(1)
        waiting = asyncio.create_task(world.node("ada").database("ledger").execute("CREATE TABLE t (x)"))
        await world.run_for(1)
        world.crash("holder")
        await waiting
        return world.now()

    assert kept(scenario).result == pytest.approx(2, abs=0.01)


def test_a_restart_begins_after_the_time_that_it_is_down():
    async def scenario(world: World) -> None:
        world.start("sleeper", sleeper)
        await world.run_for(1)
        world.crash("sleeper", down=3)
        await world.run_for(10)

    starts = kept(scenario).of("start")

    assert [event.at for event in starts] == [0, pytest.approx(4)]
    assert [event["incarnation"] for event in starts] == [1, 2]


def test_a_crash_without_down_leaves_it_down_until_it_is_restarted_by_hand():
    async def scenario(world: World) -> None:
        world.start("sleeper", sleeper)
        world.crash("sleeper")
        await world.run_for(50)
        world.restart("sleeper")

    assert [event.at for event in kept(scenario).of("start")] == [0, pytest.approx(50)]


def test_who_was_restarted_by_hand_is_not_started_a_second_time():
    async def scenario(world: World) -> None:
        world.start("sleeper", sleeper)
        world.crash("sleeper", down=5)
        world.restart("sleeper")
        await world.run_for(10)

    assert len(kept(scenario).of("start")) == 2


def test_who_runs_is_not_restarted():
    async def scenario(world: World) -> None:
        world.start("sleeper", sleeper)
        world.restart("sleeper")

    run = simulate(scenario)

    assert isinstance(run.error, ValueError)
    assert "is running" in str(run.error)


def test_the_rng_of_a_restarted_node_does_not_say_the_same_again():
    drawn: list[float] = []

    async def draws(node: Node) -> None:
        drawn.append(node.rng("dice").random())
        await asyncio.sleep(1000)

    async def scenario(world: World) -> None:
        world.start("drawer", draws)
        for _ in range(3):
            await world.run_for(1)
            world.crash("drawer", down=0.1)
        await world.run_for(1)

    kept(scenario)

    assert len(set(drawn)) == 4


# ---- a crash is no cancellation ------------------------------------------------------------------


def test_a_cancelled_task_does_run_its_finally():
    async def worker(node: Node) -> None:
        task = asyncio.create_task(sleeper(node))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)

    async def scenario(world: World) -> None:
        world.start("worker", worker)
        await world.run_for(5)

    assert len(kept(scenario).of("finally")) == 1


def test_a_worker_that_raises_exits_with_its_error():
    async def fails(node: Node) -> None:
        await asyncio.sleep(1)
        raise ValueError("no more")

    async def scenario(world: World) -> None:
        world.start("worker", fails)
        await world.run_for(5)

    [event] = kept(scenario).of("exit")

    assert (event.node, event["error"], event.at) == ("worker", "ValueError: no more", pytest.approx(1))


def test_a_worker_that_returns_exits_without_an_error():
    async def ends(node: Node) -> None:
        pass

    async def scenario(world: World) -> None:
        world.start("worker", ends)
        await world.run_for(1)

    [event] = kept(scenario).of("exit")

    assert event["error"] is None


def test_the_tasks_that_a_worker_leaves_behind_end_with_it():
    async def leaves(node: Node) -> None:
        task = asyncio.create_task(sleeper(node))
        await asyncio.sleep(1)
        assert not task.done()

    async def scenario(world: World) -> None:
        world.start("worker", leaves)
        await world.run_for(100)

    assert not kept(scenario).of("slept well", "finally")


@pytest.mark.parametrize("where", ["worker", "task", "handler"])
def test_sys_exit_ends_its_process_and_not_the_run(where: str):
    async def exits(node: Node) -> None:
        sys.exit(3)

    async def exits_in_a_task(node: Node) -> None:
        await asyncio.gather(exits(node), asyncio.sleep(100))

    def exits_in_a_handler(node: Node) -> Any:
        return app(lambda path: exits(node))

    factory: Any = {"worker": exits, "task": exits_in_a_task, "handler": exits_in_a_handler}[where]

    async def scenario(world: World) -> None:
        world.start("service", factory)
        async with world.client("ada") as ada:
            if where == "handler":
                with pytest.raises(Exception, match="died"):
                    await ada.get("http://service/")
        await world.run_for(5)
        world.record("the run goes on")

    run = kept(scenario)

    assert [event["error"] for event in run.of("exit")] == ["SystemExit: 3"]
    assert run.of("the run goes on")
    assert not run.of("error")


def test_sys_exit_in_the_scenario_is_the_error_of_the_run():
    async def scenario(world: World) -> None:
        sys.exit("enough")

    assert isinstance(simulate(scenario).error, SystemExit)


def test_a_task_whose_exception_nobody_awaits_is_an_error_event_of_its_node():
    async def careless(node: Node) -> None:
        async def fails() -> None:
            raise ValueError("lost")

        asyncio.create_task(fails())  # noqa: RUF006
        await asyncio.sleep(10)

    async def scenario(world: World) -> None:
        world.start("careless", careless)
        await world.run_for(1)

    [event] = kept(scenario).of("error")

    assert (event.node, event["error"]) == ("careless", "ValueError: lost")


# ---- crash points --------------------------------------------------------------------------------


def marks_and_acts(node: Node) -> Any:
    """Marks, then acts, and awaits nothing of its own in between."""
    db = node.database()

    async def handle(path: str) -> str:
        await db.execute("CREATE TABLE IF NOT EXISTS done (what)")
        await db.execute("INSERT INTO done VALUES ('marked')")
        await db.execute("INSERT INTO done VALUES ('acted')")
        return "ok"

    return app(handle)


async def asks_once(world: World) -> None:
    world.start("service", marks_and_acts)
    async with world.client("ada") as ada:
        try:
            await ada.get("http://service/order")
        except Exception as error:
            world.record("ada saw", error=type(error).__name__)
    await world.run_for(10)


def durable(*faults: Crash) -> list[str]:
    return [row["what"] for row in kept(asks_once, faults=faults).rows("service", "done")]


def test_every_effect_of_a_node_has_a_number():
    run = kept(asks_once)

    effects = [effect for effect in run.effects if effect.node == "service"]

    assert [effect.number for effect in effects] == [1, 2, 3, 4, 5]
    assert [effect.what.split()[0] for effect in effects] == [
        "receive",
        "CREATE",
        "INSERT",
        "INSERT",
        "answer",
    ]
    assert all(isinstance(effect, Effect) and effect.at > 0 for effect in effects)


def test_between_a_mark_and_an_act_without_an_await_of_its_own_there_is_a_crash_point():
    assert durable(Crash("service", after=3, down=None)) == ["marked"]
    assert durable(Crash("service", before=4, down=None)) == ["marked"]


def test_before_an_effect_is_before_and_after_is_after():
    assert durable(Crash("service", before=3, down=None)) == []
    assert durable(Crash("service", after=4, down=None)) == ["marked", "acted"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 6))
def test_a_crash_strikes_at_each_effect_once(when: str, number: int):
    run = kept(asks_once, faults=[Crash("service", down=0.5, **{when: number})])

    assert len(run.of("crash")) == 1
    assert len(run.of("start", node="service")) == 2


def test_the_caller_of_one_that_died_before_its_answer_sees_a_broken_connection():
    run = kept(asks_once, faults=[Crash("service", before=5)])

    [saw] = run.of("ada saw")

    assert saw["error"] == "ReadError"


def test_the_caller_of_one_that_died_after_its_answer_gets_the_answer():
    run = kept(asks_once, faults=[Crash("service", after=5)])

    assert not run.of("ada saw")
    assert run.of("answer", node="ada")


def test_effects_are_counted_on_over_a_restart():
    async def scenario(world: World) -> None:
        await asks_once(world)
        world.crash("service", down=0)
        await world.run_for(1)
        async with world.client("ada") as ada:
            await ada.get("http://service/again")

    numbers = [effect.number for effect in kept(scenario).effects if effect.node == "service"]

    assert numbers == list(range(1, 11))


def test_a_crash_at_a_time_strikes_at_that_time():
    run = kept(killed_in_its_sleep, faults=[Crash("sleeper", at=0.25, down=None)])

    assert run.of("crash")[0].at == pytest.approx(0.25)


def test_a_crash_of_a_client_at_its_own_effect_leaves_what_it_sent_on_the_wire():
    async def scenario(world: World) -> None:
        world.start("echo", echo)
        world.start("sender", one_call)
        await world.run_for(5)

    run = kept(scenario, faults=[Crash("sender", after=1, down=None)])

    assert run.of("asked", path="/last-words")
    assert not run.of("answer")


async def one_call(node: Node) -> None:
    async with node.client() as client:
        await client.get("http://echo/last-words")
