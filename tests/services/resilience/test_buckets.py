"""The two buckets, rate limit and retry budget, against their bound and against a naive model."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.resilience import FINAGLE, RetryBudget, TokenBucket


class BudgetAgainstModel(RuleBasedStateMachine):
    """The model keeps the whole history, in whole tenths of a token and of a second, and adds it up anew."""

    @initialize(
        ratio=st.sampled_from([0, 1, 2, 5, 10]),
        burst=st.integers(1, 12),
        per_second=st.sampled_from([0, 1, 3]),
    )
    def begin(self, ratio, burst, per_second):
        self.ratio, self.burst, self.per_second = ratio, 10 * burst, per_second
        self.budget = RetryBudget(ratio=ratio / 10, burst=burst, per_second=per_second)
        self.now = 0
        self.events = []  # (when, what was added)

    def model(self):
        tokens, at = self.burst, 0
        for when, change in [*self.events, (self.now, 0)]:
            tokens = min(self.burst, tokens + self.per_second * (when - at))
            tokens, at = min(self.burst, tokens + change), when
        return tokens

    @rule(tenths=st.integers(0, 40))
    def time_passes(self, tenths):
        self.now += tenths

    @rule(times=st.integers(1, 15))
    def first_tries(self, times):
        for _ in range(times):
            self.budget.deposit(self.now / 10)
            self.events.append((self.now, self.ratio))

    @rule()
    def a_retry(self):
        may = self.model() >= 10
        assert self.budget.try_withdraw(self.now / 10) == may
        if may:
            self.events.append((self.now, -10))

    @rule()
    def retries_are_within_the_bound_over_every_span_until_now(self):
        retries = tries = 0
        for begin, change in reversed(self.events):
            retries += change < 0
            tries += change >= 0
            assert 10 * retries <= self.burst + self.ratio * tries + self.per_second * (self.now - begin)

    @invariant()
    def the_balance_is_the_models(self):
        assert self.budget.balance(self.now / 10) == pytest.approx(self.model() / 10, abs=1e-6)


TestBudgetAgainstModel = BudgetAgainstModel.TestCase


def test_the_load_of_a_client_whose_requests_all_fail_grows_by_the_ratio():
    budget = RetryBudget(ratio=0.1, burst=10)
    retries = sum(attempt(budget, n / 80) for n in range(80 * 100))
    assert retries == 10 + 799  # the bucket was full: the first deposit ran over


def test_finagles_default_lets_80_requests_a_second_become_106():
    budget = RetryBudget(**FINAGLE)
    emptied = sum(budget.try_withdraw(0.0) for _ in range(1000))
    sent = 0
    for n in range(80 * 100):
        budget.deposit(n / 80)
        sent += 1
        while budget.try_withdraw(n / 80):
            sent += 1
    assert emptied == 100
    assert sent / 100 == pytest.approx(80 + 16 + 10, abs=0.2)


def attempt(budget, now):
    budget.deposit(now)
    return budget.try_withdraw(now)


def test_ten_deposits_of_a_tenth_pay_for_one_retry():
    budget = RetryBudget(ratio=0.1, burst=1)
    assert budget.try_withdraw(0.0)
    may = []
    for _ in range(10):
        budget.deposit(0.0)
        may.append(budget.try_withdraw(0.0))
    assert may == [False] * 9 + [True]


def test_a_ratio_over_one_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1; got 20"):
        RetryBudget(ratio=20)


# ---------------------------------------------------------------- the rate limit


@given(
    rate=st.sampled_from([0.5, 1.0, 7.0, 100.0]),
    burst=st.sampled_from([1.0, 3.0, 10.0]),
    gaps=st.lists(st.floats(0, 2), max_size=60),
)
def test_over_any_span_no_more_pass_than_the_burst_and_what_came_in(rate, burst, gaps):
    bucket, now, passed = TokenBucket(rate=rate, burst=burst), 0.0, []
    for gap in gaps:
        now += gap
        if bucket.try_take(now):
            passed.append(now)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + rate * (passed[last] - begin) + 1e-6


def test_who_waits_is_served_in_order_at_the_rate(virtually):
    async def main():
        bucket, served = TokenBucket(rate=2.0, burst=3.0), []

        async def one(n):
            await bucket.take()
            served.append((n, round(asyncio.get_running_loop().time(), 3)))

        await asyncio.gather(*(one(n) for n in range(7)))
        return served

    assert virtually(main) == [(0, 0), (1, 0), (2, 0), (3, 0.5), (4, 1.0), (5, 1.5), (6, 2.0)]


@pytest.mark.parametrize(
    "bad", [{"rate": -1, "burst": 1}, {"rate": 1, "burst": 0}, {"rate": float("nan"), "burst": 1}]
)
def test_a_bucket_that_cannot_be_is_refused(bad):
    with pytest.raises(ValueError, match="tokens"):
        TokenBucket(**bad)


def test_to_wait_for_tokens_that_never_come_is_an_error():
    bucket = TokenBucket(rate=0, burst=2)
    assert bucket.reserve(0.0, 2) == 0
    with pytest.raises(ValueError, match="will never come in at rate=0; 0 are left"):
        bucket.reserve(5.0)
