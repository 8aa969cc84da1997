"""The same seed, the same run: in this process, in another one, beside a live server, in any order."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from classroom.world.simulated import simulate
from classroom.world.world import World
from tests.world.actors import kept
from tests.world.determinism import PLAN, digests, everything

ROOT = Path(__file__).parent.parent.parent


def test_five_runs_of_one_seed_are_one():
    assert len({digest for _ in range(5) for digest in digests(range(1))}) == 1


def test_the_system_under_test_has_something_to_disagree_about():
    run = simulate(everything, faults=PLAN)

    assert run.error is None
    kinds = {event.kind for event in run.history}
    assert {"crash", "pause", "partition", "lost", "timeout", "refused", "fault", "charge", "round"} <= kinds


def test_effects_and_databases_are_the_same_too():
    first, second = (simulate(everything, seed=3, faults=PLAN) for _ in range(2))

    assert first.effects == second.effects
    assert first.databases == second.databases
    assert first.duration == second.duration


def test_another_seed_another_run():
    assert len(set(digests(range(4)))) == 4


def test_a_shuffled_run_is_repeatable_too():
    assert digests(range(2), shuffle=True) == digests(range(2), shuffle=True)


def test_shuffling_makes_another_run():
    assert digests(range(1), shuffle=True) != digests(range(1))


def test_hashes_of_texts_and_the_process_make_no_difference():
    def elsewhere(hash_seed: str, *options: str) -> Any:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, *options, "-m", "tests.world.determinism"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    others = [elsewhere("1"), elsewhere("4242", "-X", "dev")]
    answers = [json.loads(other.communicate()[0]) for other in others]

    assert answers[0] == answers[1] == [digests(range(2)), digests(range(2), shuffle=True)]


def test_where_garbage_is_collected_makes_no_difference():
    before = digests(range(1))
    thresholds = gc.get_threshold()
    try:
        gc.set_threshold(1, 1, 1)
        often = digests(range(1))
        gc.disable()
        never = digests(range(1))
    finally:
        gc.enable()
        gc.set_threshold(*thresholds)

    assert before == often == never


def test_the_global_random_and_its_seed_make_no_difference():
    random.seed(1)
    first = digests(range(1))
    random.seed(2)

    assert digests(range(1)) == first


@pytest.fixture
def live_server() -> Iterator[str]:
    """A real uvicorn in a thread of this process, with `def` and `async def` endpoints."""
    import uvicorn

    app = FastAPI()

    @app.get("/def")
    def in_a_thread() -> bool:
        return threading.current_thread().name.startswith("AnyIO worker")

    @app.get("/async")
    async def in_the_loop() -> str:
        await asyncio.sleep(0.001)
        return "ok"

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_a_live_server_in_the_same_process_disturbs_no_run_and_no_run_disturbs_it(live_server: str):
    import httpx

    quiet = digests(range(2))
    answers: list[Any] = []
    over = threading.Event()

    def asks() -> None:
        with httpx.Client() as client:
            while not over.is_set() or len(answers) < 4:
                answers.append(client.get(f"{live_server}/def").json())
                answers.append(client.get(f"{live_server}/async").json())

    thread = threading.Thread(target=asks)
    thread.start()
    busy = digests(range(2))
    over.set()
    thread.join()

    assert busy == quiet
    assert set(answers) == {True, "ok"}


def test_runs_side_by_side_do_not_disturb_each_other():
    alone = digests(range(3))
    together: dict[int, str] = {}

    def run(seed: int) -> None:
        [together[seed]] = digests(range(seed, seed + 1))

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [together[seed] for seed in range(3)] == alone


def test_an_address_in_memory_does_not_get_into_the_history():
    async def scenario(world: World) -> None:
        world.record("seen", what=f"it is {object()}", thing=object(), nested=[f"{object()!r}"])

    run = kept(scenario)

    assert run.history[0]["what"] == "it is <object object>"
    assert run.history[0]["thing"] == "<object>"
    assert len({kept(scenario).digest for _ in range(3)}) == 1


def test_a_set_in_the_history_is_in_order():
    async def scenario(world: World) -> None:
        world.record("seen", names={"zoe", "ada", "bob"}, numbers=frozenset({3, 1, 2}))

    run = kept(scenario)

    assert run.history[0]["names"] == ["ada", "bob", "zoe"]
    assert run.history[0]["numbers"] == [1, 2, 3]


def test_what_is_recorded_is_a_copy():
    async def scenario(world: World) -> None:
        basket = ["lamp"]
        world.record("seen", basket=basket)
        basket.append("desk")

    assert kept(scenario).history[0]["basket"] == ["lamp"]


def test_an_exception_that_nobody_retrieves_is_not_told_when_garbage_happens_to_be_collected():
    async def scenario(world: World) -> None:
        for number in range(200):
            future = asyncio.get_running_loop().create_future()
            future.set_exception(ValueError(str(number)))
            circle = [future]
            circle.append(circle)  # type: ignore[arg-type]
            del future, circle
            if number % 50 == 0:
                gc.collect()
            await asyncio.sleep(0.01)

    assert kept(scenario).history == ()


def test_ten_thousand_lost_tasks_are_told_the_same_way_each_time():
    async def scenario(world: World) -> None:
        async def fails(number: int) -> None:
            raise ValueError(number)

        for number in range(11_000):
            asyncio.create_task(fails(number))  # noqa: RUF006
            if number % 100 == 0:
                await asyncio.sleep(0.01)

    runs = [kept(scenario) for _ in range(2)]

    assert runs[0].digest == runs[1].digest
    assert len(runs[0].of("error")) == 11_000 - 100 + 1 or len(runs[0].of("error")) == 11_000


def test_names_that_our_own_arguments_have_may_be_recorded():
    async def scenario(world: World) -> None:
        world.record("moved", node="a", kind="b", self="c")
        world.node("ada").record("moved", node="a", kind="b")

    assert kept(scenario).history[0].data == {"node": "a", "kind": "b", "self": "c"}
