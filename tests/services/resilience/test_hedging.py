"""Hedging: a second try when the first is late, whichever comes first, and what that costs."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.resilience import Latencies, RetryBudget, hedge


class Replicas:
    """The n-th call takes the n-th number of seconds, and then fails if the n-th error is one."""

    def __init__(self, *takes, errors=()):
        self.takes, self.errors = list(takes), dict(errors)
        self.began, self.ended, self.cancelled = [], [], []

    async def __call__(self):
        n = len(self.began)
        self.began.append(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(self.takes[n])
        except asyncio.CancelledError:
            self.cancelled.append(n)
            raise
        self.ended.append(n)
        if n in self.errors:
            raise self.errors[n]
        return n


@pytest.mark.parametrize(
    ("takes", "winner", "at", "calls"),
    [((0.05, 9), 0, 0.05, 1), ((5, 0.05), 1, 0.15, 2), ((0.3, 9), 0, 0.3, 2)],
)
def test_the_first_result_wins_and_the_other_try_is_cancelled(virtually, takes, winner, at, calls):
    replicas = Replicas(*takes)

    async def main():
        result = await hedge(replicas, after=0.1)
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(20)
        return result, now

    assert virtually(main) == (winner, pytest.approx(at))
    assert len(replicas.began) == calls
    assert replicas.ended == [winner]
    assert replicas.cancelled == [n for n in range(calls) if n != winner]


def test_an_error_before_the_hedge_is_raised_at_once(virtually):
    replicas = Replicas(0.05, errors={0: OSError("down")})

    async def main():
        with pytest.raises(OSError, match="down"):
            await hedge(replicas, after=0.1)

    virtually(main)
    assert len(replicas.began) == 1


def test_the_first_try_may_fail_if_the_second_succeeds(virtually):
    replicas = Replicas(0.2, 0.3, errors={0: OSError("first")})

    async def main():
        return await hedge(replicas, after=0.1)

    assert virtually(main) == 1


def test_if_both_fail_the_first_error_is_raised(virtually):
    replicas = Replicas(0.2, 0.05, errors={0: OSError("first"), 1: OSError("second")})

    async def main():
        with pytest.raises(OSError, match="first"):
            await hedge(replicas, after=0.1)

    virtually(main)


def test_to_be_cancelled_cancels_both(virtually):
    replicas = Replicas(9, 9)

    async def main():
        task = asyncio.create_task(hedge(replicas, after=0.1))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    virtually(main)
    assert replicas.cancelled == [0, 1]


def test_with_a_budget_a_slow_day_does_not_double_the_load(virtually):
    """All calls are slow: without a budget there would be 200 of them."""
    replicas = Replicas(*[1.0] * 300)
    budget = RetryBudget(ratio=0.05, burst=2)

    async def main():
        await asyncio.gather(*(hedge(replicas, after=0.1, budget=budget) for _ in range(100)))

    virtually(main)
    assert len(replicas.began) == 102


def test_after_the_95th_percentile_a_hedge_costs_one_call_in_twenty_and_cuts_the_tail(virtually, history):
    rng = Random(7)
    takes = [1.0 if rng.random() < 0.02 else rng.uniform(0.01, 0.03) for _ in range(3000)]
    replicas = Replicas(*takes)
    known = Latencies(keep=500)
    for _ in range(500):
        known.add(1.0 if rng.random() < 0.02 else rng.uniform(0.01, 0.03))

    async def main():
        took = []
        for _ in range(1000):
            began = asyncio.get_running_loop().time()
            await hedge(replicas, after=known.percentile(0.95), observer=history)
            took.append(asyncio.get_running_loop().time() - began)
        return took

    took = virtually(main)
    assert 0.03 < len(history.of("hedge")) / 1000 < 0.07
    assert sum(t > 0.9 for t in took) <= 3  # of 20 that would have been


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_the_least_latency_that_so_many_do_not_exceed(latencies, share):
    known = Latencies(keep=100)
    for latency in latencies:
        known.add(latency)
    value = known.percentile(share)
    assert sum(latency <= value for latency in latencies) >= share * len(latencies) - 1e-6
    less = [latency for latency in latencies if latency < value]
    assert len(less) < share * len(latencies)


def test_without_data_there_is_no_percentile():
    assert Latencies().percentile(0.95) is None
