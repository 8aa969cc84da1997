"""A deadline shrinks from hop to hop, stops the work when it is over, and survives bad headers."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hypothesis import given
from hypothesis import strategies as st

from classroom import simulate
from classroom.world.faults import Slow
from services.resilience import DEADLINE_HEADER, Deadline, DeadlineExceeded, DeadlineMiddleware, enforce, send

MOMENTS = st.floats(0, 1e6)
SPANS = st.floats(0, 1e5)


def test_what_remains_shrinks_with_time_and_is_never_less_than_nothing():
    deadline = Deadline.after(2.0, now=10.0)
    assert [deadline.remaining(now) for now in (10.0, 11.5, 12.0, 99.0)] == [2.0, 0.5, 0.0, 0.0]
    assert [deadline.expired(now) for now in (11.999, 12.0)] == [False, True]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_deadline_is_a_finite_number_of_seconds_from_now(seconds):
    with pytest.raises(ValueError, match="finite number of seconds"):
        Deadline.after(seconds, now=0)


@given(st.lists(st.tuples(SPANS, MOMENTS, st.floats(0, 10), st.floats(0, 1)), min_size=1, max_size=8))
def test_a_deadline_never_grows_along_a_chain_of_machines_whose_clocks_differ(hops):
    """Each hop: its own limit, its clock's reading, how long it works, what it keeps."""
    remaining = 1e5
    headers = {}
    for limit, clock, works, keep in hops:
        deadline = Deadline.from_headers(headers, clock, at_most=limit)
        assert deadline.remaining(clock) <= min(remaining, limit) + 1e-9
        remaining = max(0.0, deadline.remaining(clock) - works - keep)
        headers = deadline.headers(clock + works, keep=keep)
        assert int(headers[DEADLINE_HEADER]) / 1000 <= remaining + 1e-6


@pytest.mark.parametrize(
    "value", ["", " ", "-5", "+5", "1e3", "5.5", "soon", "123456789", "٣", "5, 5", "5 5"]
)
def test_a_malformed_header_leaves_the_services_own_limit(value):
    assert Deadline.from_headers({DEADLINE_HEADER: value}, 7.0, at_most=2.0) == Deadline(9.0)


@given(st.text(), SPANS)
def test_no_header_at_all_can_lengthen_the_limit(value, limit):
    assert Deadline.from_headers({DEADLINE_HEADER: value}, 0.0, at_most=limit).at <= limit


def test_the_header_is_found_whatever_its_case():
    assert Deadline.from_headers({"Timeout-Remaining-MS": "250"}, 1.0, at_most=5.0) == Deadline(1.25)


def test_the_block_is_cancelled_when_the_deadline_is_over(virtually):
    done = []

    async def main():
        with pytest.raises(DeadlineExceeded, match=r"over after 2\.000 s, before the work was done"):
            async with enforce(Deadline.after(2.0, 0.0)):
                done.append("began")
                await asyncio.sleep(3)
                done.append("ended")
        return asyncio.get_running_loop().time()

    assert virtually(main) == pytest.approx(2.0)
    assert done == ["began"]


def test_a_block_whose_deadline_is_over_is_not_entered(virtually):
    async def main():
        await asyncio.sleep(3)
        with pytest.raises(DeadlineExceeded, match=r"over 1\.000 s before the work began"):
            async with enforce(Deadline.after(2.0, 0.0)):
                pytest.fail("entered")

    virtually(main)


def test_somebody_elses_timeout_is_not_taken_for_the_deadline(virtually):
    async def main():
        with pytest.raises(TimeoutError):
            async with enforce(Deadline.after(2.0, 0.0)), asyncio.timeout(1):
                await asyncio.sleep(5)

    virtually(main)


# ---------------------------------------------------------------- over HTTP


def chain(*, at_most):
    """a -> b -> c, each working 0.4 s before it calls on and 0.4 s afterwards, and saying when it is done."""

    def service(after):
        def factory(node):
            app = FastAPI()
            app.add_middleware(DeadlineMiddleware, at_most=at_most)

            @app.get("/")
            async def work(request: Request):
                node.record("work", left=request.state.deadline.remaining(node.now()))
                await asyncio.sleep(0.4)
                if after:
                    answer = await send(
                        node.client(), "GET", f"http://{after}/", deadline=request.state.deadline, keep=0.05
                    )
                    if answer.is_error:
                        return JSONResponse({}, answer.status_code)
                await asyncio.sleep(0.4)
                node.record("done")
                return {}

            return app

        return factory

    async def scenario(world, patience):
        for name, after in (("a", "b"), ("b", "c"), ("c", None)):
            world.start(name, service(after))
        deadline = Deadline.after(patience, world.now())
        try:
            answer = await send(world.client("ada"), "GET", "http://a/", deadline=deadline)
        except DeadlineExceeded:
            answer = None
        left_at = world.now()
        await world.run_for(10)
        return answer.status_code if answer else None, left_at

    return scenario


def test_with_enough_time_the_whole_chain_answers():
    async def scenario(world):
        return await chain(at_most=10)(world, 3.0)

    run = simulate(scenario, seed=1)
    assert run.result[0] == 200
    assert [event.node for event in run.of("done")] == ["c", "b", "a"]
    left = [event["left"] for event in run.of("work")]
    assert left == sorted(left, reverse=True)


def test_nobody_works_on_for_a_customer_who_has_left():
    async def scenario(world):
        return await chain(at_most=10)(world, 1.0)

    run = simulate(scenario, seed=1)
    status, left_at = run.result
    assert status in (None, 504)
    assert run.of("done") == []
    last = max(event.at for event in run.history if event.kind in ("work", "done", "reply"))
    assert last <= left_at + 0.001


def test_a_request_whose_time_is_over_on_arrival_is_answered_504_without_any_work():
    async def scenario(world):
        world.start("a", chain_end)
        async with world.client("ada") as ada:
            return (await ada.get("http://a/", headers={DEADLINE_HEADER: "0"})).status_code

    def chain_end(node):
        app = FastAPI()
        app.add_middleware(DeadlineMiddleware, at_most=10)

        @app.get("/")
        async def work():
            node.record("work")

        return app

    run = simulate(scenario, seed=1)
    assert run.result == 504
    assert run.of("work") == []


def test_a_handler_is_stopped_at_the_services_own_limit_without_any_header():
    async def scenario(world):
        world.start("a", slow)
        async with world.client("ada") as ada:
            answer = await ada.get("http://a/")
        return answer.status_code, answer.json()["error"], world.now()

    def slow(node):
        app = FastAPI()
        app.add_middleware(DeadlineMiddleware, at_most=0.5)

        @app.get("/")
        async def work():
            await asyncio.sleep(60)

        return app

    status, error, now = simulate(scenario, seed=1).result
    assert (status, error) == (504, "the deadline was over after 0.500 s, before the work was done")
    assert now == pytest.approx(0.5, abs=0.02)


def quick(node):
    app = FastAPI()

    @app.get("/")
    async def show(request: Request):
        return dict(request.headers)

    return app


def test_one_try_may_be_shorter_than_the_deadline_and_then_says_so():
    async def scenario(world):
        world.start("a", quick)
        deadline = Deadline.after(5.0, 0.0)
        with pytest.raises(httpx.ReadTimeout):
            await send(world.client("ada"), "GET", "http://a/", deadline=deadline, timeout=1.0)
        tried_until = world.now()
        with pytest.raises(DeadlineExceeded, match=r"no answer within the 4\.\d+ s that remained"):
            await send(world.client("ada"), "GET", "http://a/", deadline=deadline, timeout=60.0)
        return tried_until, world.now()

    run = simulate(scenario, seed=1, faults=[Slow("a", by=30)])
    run.raise_error()
    assert run.result == (pytest.approx(1.0), pytest.approx(5.0))


def test_what_travels_is_the_shorter_of_the_try_and_the_deadline_less_what_is_kept():
    async def scenario(world):
        world.start("a", quick)
        ada, deadline = world.client("ada"), Deadline.after(5.0, 0.0)
        with_try = await send(ada, "GET", "http://a/", deadline=deadline, timeout=1.0)
        kept = await send(ada, "GET", "http://a/", deadline=deadline, keep=2.0, headers={"trace": "7"})
        with pytest.raises(DeadlineExceeded, match=r"was not sent: 4\.\d+ s remain, and 5 s are kept back"):
            await send(ada, "GET", "http://a/", deadline=deadline, keep=5.0)
        return with_try.json()[DEADLINE_HEADER], kept.json()[DEADLINE_HEADER], kept.json()["trace"]

    run = simulate(scenario, seed=1)
    run.raise_error()
    with_try, kept, trace = run.result
    assert with_try == "1000"
    assert 2900 < int(kept) < 3000
    assert trace == "7"
