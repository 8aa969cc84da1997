"""The worker pool: how many at once, how many leased, and what a stop leaves behind."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from classroom import Crash, Drop, Partition, simulate
from classroom.world.run import Run
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from services.messaging.worker_pool import WorkerPool
from services.node import Node

JOBS = 12


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue("jobs", visibility_timeout=30)
    return BrokerApp(holder)


def worker(*, takes: float = 1.0, fails: tuple[int, ...] = (), patience: float = 30.0, **options: Any) -> Any:
    """A pool that is stopped by POST /stop, as a process is by SIGTERM."""

    def factory(node: Node) -> FastAPI:
        async def handle(delivery: Any) -> None:
            await asyncio.sleep(takes)
            if delivery.body in fails and delivery.receive_count == 1:
                raise RuntimeError("a bad moment")
            node.record("done", job=delivery.body)
            await delivery.ack()

        pool = WorkerPool(node, node.queue("jobs"), handle, **options)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> Any:
            serving = asyncio.create_task(pool.run())
            yield
            serving.cancel()

        app = FastAPI(lifespan=lifespan)

        @app.post("/stop")
        async def stop() -> dict[str, int]:
            return {"late": await pool.stop(timeout=patience)}

        return app

    return factory


def jobs_for(factory: Any, *, jobs: int = JOBS, stop_at: float | None = None, lasts: float = 40.0) -> Any:
    async def scenario(world: World) -> Any:
        world.start("broker", broker)
        queue = world.node("ada").queue("jobs")
        for job in range(jobs):
            await queue.send(job)
        world.start("worker", factory)
        answer = None
        if stop_at is not None:
            await world.run_for(stop_at - world.now())
            async with world.client("operator", timeout=60) as operator:
                answer = (await operator.post("http://worker/stop")).json()
            world.record("stopped")
        await world.run_for(lasts)
        return answer

    return scenario


def kept(*args: Any, **options: Any) -> Run:
    run = simulate(*args, **options)
    run.raise_error()
    return run


def most_at_once(run: Run, begins: str, ends: str) -> int:
    at_once = most = 0
    for event in run.of(begins, ends):
        at_once += 1 if event.kind == begins else -1
        most = max(most, at_once)
    return most


def test_as_many_handlers_run_at_once_as_were_asked_for():
    run = kept(jobs_for(worker(concurrency=4)))

    assert sorted(event["job"] for event in run.of("done")) == list(range(JOBS))
    assert most_at_once(run, "handling", "handled") == 4
    assert 3 < run.of("done")[-1].at < 3.5  # twelve jobs of a second each, four at a time


def test_no_more_are_leased_than_the_window_holds():
    run = kept(jobs_for(worker(concurrency=2, prefetch=5)))

    assert most_at_once(run, "leased", "acked") == 5
    assert most_at_once(run, "handling", "handled") == 2


def test_a_stop_lets_what_was_begun_end_and_gives_back_what_was_not():
    run = kept(jobs_for(worker(concurrency=2, prefetch=6), stop_at=1.5))

    [stopped] = run.of("stopped")
    assert run.result == {"late": 0}
    assert {event["message"] for event in run.of("handling")} == {
        event["message"] for event in run.of("acked")
    }
    assert len(run.of("released")) == len(run.of("leased")) - len(run.of("acked")) > 0
    assert not [event for event in run.of("leased", "handling", "done") if event.at > stopped.at]


def test_what_was_given_back_counts_as_never_delivered():
    async def scenario(world: World) -> Any:
        await jobs_for(worker(concurrency=2, prefetch=6), stop_at=1.5, lasts=0)(world)
        world.start("worker-2", worker(concurrency=4))
        await world.run_for(40)

    run = kept(scenario)

    assert sorted(event["job"] for event in run.of("done")) == list(range(JOBS))  # each once
    assert {event["receive_count"] for event in run.of("handling")} == {1}


def test_a_handler_that_is_not_done_in_time_is_cancelled_and_its_message_comes_again():
    async def scenario(world: World) -> Any:
        answer = await jobs_for(
            worker(concurrency=2, takes=20.0, patience=3.0), jobs=2, stop_at=1.0, lasts=0
        )(world)
        world.start("worker-2", worker())
        await world.run_for(60)
        return answer

    run = kept(scenario)

    assert run.result == {"late": 2}
    assert sorted(event["job"] for event in run.of("done", node="worker-2")) == [0, 1]
    assert run.of("done", node="worker") == []


def test_a_handler_that_raises_leaves_its_message_to_the_lease_and_the_others_go_on():
    run = kept(jobs_for(worker(concurrency=2, fails=(0,)), lasts=60))

    assert sorted(event["job"] for event in run.of("done")) == list(range(JOBS))
    assert run.of("done")[-1]["job"] == 0
    assert run.of("done")[-1].at > 30


@pytest.mark.parametrize(
    "faults",
    [
        [Partition("worker", "broker", at=0.5, lasts=8)],
        [Drop("worker", "broker", rate=0.3)],
        [Drop("worker", "broker", part="reply", rate=0.3)],
        [Crash("worker", at=1.5, down=1)],
    ],
    ids=repr,
)
def test_every_job_is_done_at_least_once_through_bad_times(faults):
    run = kept(jobs_for(worker(concurrency=3), lasts=200), faults=faults)

    assert {event["job"] for event in run.of("done")} == set(range(JOBS))


def test_a_stop_while_the_broker_is_away_ends_all_the_same():
    run = kept(
        jobs_for(worker(concurrency=2, prefetch=6), stop_at=1.5),
        faults=[Partition("worker", "broker", at=1.2, lasts=100)],
    )

    assert run.of("stopped")[0].at < 30


def test_a_window_smaller_than_the_number_of_handlers_is_refused():
    async def scenario(world: World) -> None:
        with pytest.raises(ValueError, match="let prefetch be at least concurrency"):
            WorkerPool(world.node("ada"), world.node("ada").queue("jobs"), None, concurrency=4, prefetch=2)
        with pytest.raises(ValueError, match="concurrency counts handlers, from 1 up; got 0"):
            WorkerPool(world.node("ada"), world.node("ada").queue("jobs"), None, concurrency=0)

    kept(scenario)
