"""The breaker: its table, its window, its probes, and all of it against a naive model."""

from __future__ import annotations

import asyncio
from random import Random

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.resilience import BREAKER_TRANSITIONS, BreakerEvent, BreakerState, CircuitBreaker, CircuitOpen
from tests.services.resilience.scripted import Scripted
from tests.services.resilience.test_retry import status


def breaker(**options):
    return CircuitBreaker("payments", **{"rng": Scripted(1.0), "minimum_volume": 4, **options})


def one_call(it, at, *, failed=True, takes=0.0):
    it.settle(it.admit(at), failed=failed, now=at + takes)


def opened(at=0.0, **options):
    it = breaker(**options)
    for _ in range(4):
        one_call(it, at)
    return it


def test_the_table_leads_from_every_state_to_every_other():
    reached = {
        state: {to for (of, _), to in BREAKER_TRANSITIONS.items() if of is state} for state in BreakerState
    }
    assert all(reached.values())
    assert set(BreakerState) == set().union(*reached.values())
    assert {event for _, event in BREAKER_TRANSITIONS} == set(BreakerEvent)


@pytest.mark.parametrize(("failures", "state"), [(9, BreakerState.CLOSED), (10, BreakerState.OPEN)])
def test_hystrixs_defaults_are_20_calls_in_10_s_and_half_of_them_failed(failures, state):
    it = CircuitBreaker("payments", rng=Random(1))
    for n in range(19):
        one_call(it, n * 0.5, failed=n < failures)
    assert it.state is BreakerState.CLOSED
    one_call(it, 9.9, failed=False)
    assert it.state is state


def test_one_call_less_than_the_minimum_volume_never_opens_it():
    it = CircuitBreaker("payments", rng=Random(1))
    for n in range(200):
        one_call(it, n * 0.6)  # 17 in any 10 s
    assert it.state is BreakerState.CLOSED


def test_what_is_older_than_the_window_is_forgotten():
    it = breaker(window=10.0)
    for at in (0.0, 0.0, 0.0, 10.0):
        one_call(it, at)
    assert it.state is BreakerState.CLOSED
    assert it.snapshot(10.0).calls == 1


def test_slow_calls_open_it_though_they_succeed():
    it = breaker(slow_call=1.0)
    for at in range(4):
        one_call(it, float(at), failed=False, takes=1.0)
    assert it.state is BreakerState.OPEN


def test_while_it_is_open_calls_fail_at_once_and_are_told_when_to_come_back():
    it = opened(at=0.0, sleep_window=5.0)
    with pytest.raises(
        CircuitOpen, match=r"payments is open: the next probe may go out in 3\.000 s"
    ) as caught:
        it.admit(2.0)
    assert caught.value.retry_after == 3.0


@pytest.mark.parametrize(("chance", "probe_at"), [(0.0, 4.0), (1.0, 5.0)])
def test_the_first_probe_goes_out_after_the_sleep_less_what_chance_takes_off(chance, probe_at):
    it = opened(rng=Scripted(chance), sleep_window=5.0, jitter=0.2)
    with pytest.raises(CircuitOpen):
        it.admit(probe_at - 0.01)
    it.admit(probe_at)
    assert it.state is BreakerState.HALF_OPEN


def test_half_open_lets_only_its_probes_through():
    it = opened(probes=2)
    probes = [it.admit(5.0), it.admit(5.0)]
    with pytest.raises(CircuitOpen, match="half open: 2 of 2 probes are out"):
        it.admit(5.0)
    it.settle(probes[0], failed=False, now=5.1)
    with pytest.raises(CircuitOpen):
        it.admit(5.2)
    assert it.state is BreakerState.HALF_OPEN
    it.settle(probes[1], failed=False, now=5.3)
    assert it.state is BreakerState.CLOSED


@pytest.mark.parametrize(("failed", "takes"), [(True, 0.0), (False, 2.0), (None, 2.0)])
def test_a_probe_that_fails_or_is_slow_opens_it_for_a_whole_sleep_again(failed, takes):
    it = opened(slow_call=1.0)
    one_call(it, 5.0, failed=failed, takes=takes)
    assert it.state is BreakerState.OPEN
    assert it.snapshot(5.0 + takes).opens_for == 5.0


def test_a_probe_that_was_given_up_leaves_its_place_to_another():
    it = opened()
    one_call(it, 5.0, failed=None)
    assert it.state is BreakerState.HALF_OPEN
    one_call(it, 5.1, failed=False)
    assert it.state is BreakerState.CLOSED


def test_an_outcome_from_before_the_change_of_state_no_longer_counts():
    it = breaker()
    late = it.admit(0.0)
    for _ in range(4):
        one_call(it, 1.0)
    probe = it.admit(6.0)
    it.settle(late, failed=True, now=6.1)
    assert it.state is BreakerState.HALF_OPEN
    it.settle(probe, failed=False, now=6.2)
    assert it.state is BreakerState.CLOSED


@pytest.mark.parametrize(
    "bad",
    [
        {"window": 0},
        {"sleep_window": -1},
        {"jitter": 1},
        {"failure_rate": 0},
        {"slow_rate": 2},
        {"probes": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        breaker(**bad)


# ---------------------------------------------------------------- around a call


def caller(it, error=None, takes=0.0):
    async def function():
        await asyncio.sleep(takes)
        if error is not None:
            raise error
        return "done"

    return it.call(function)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (httpx.ReadTimeout("x"), BreakerState.OPEN),
        (status(503), BreakerState.OPEN),
        (status(404), BreakerState.CLOSED),
        (status(429), BreakerState.CLOSED),
        (KeyError("our own slip"), BreakerState.CLOSED),
    ],
)
def test_only_trouble_over_there_opens_it(virtually, error, state):
    it = breaker()

    async def main():
        for _ in range(10):
            with pytest.raises((type(error), CircuitOpen)):
                await caller(it, error)

    virtually(main)
    assert it.state is state


def test_refusals_count_as_calls_that_went_well(virtually):
    it = breaker()

    async def main():
        for error in (status(404), status(404), status(404), status(503)):
            with pytest.raises(httpx.HTTPStatusError):
                await caller(it, error)
        return await caller(it)

    assert virtually(main) == "done"
    assert (it.snapshot(0.0).calls, it.snapshot(0.0).failures) == (5, 1)


def test_calls_that_hang_and_are_cancelled_open_it_by_being_slow(virtually):
    it = breaker(slow_call=1.0)

    async def main():
        for _ in range(4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    await caller(it, takes=60)
        with pytest.raises(CircuitOpen):
            await caller(it)

    virtually(main)


def test_every_change_and_every_rejection_is_told(virtually, history):
    it = breaker(observer=history)

    async def main():
        for _ in range(4):
            with pytest.raises(httpx.ConnectError):
                await caller(it, httpx.ConnectError("x"))
        with pytest.raises(CircuitOpen):
            await caller(it)
        await asyncio.sleep(6)
        await caller(it)

    virtually(main)
    told = [(e["was"], e["event"], e["state"]) for e in history.of("breaker")]
    assert told == [
        ("closed", "trip", "open"),
        ("open", "probe", "half_open"),
        ("half_open", "recover", "closed"),
    ]
    assert history.of("breaker")[0]["failures"] == history.of("breaker")[0]["calls"] == 4
    assert history.of("breaker_rejected") == [
        {"kind": "breaker_rejected", "name": "payments", "state": "open"}
    ]


# ---------------------------------------------------------------- against a naive model


class BreakerAgainstModel(RuleBasedStateMachine):
    """The model knows one list of (when, how) and asks it everything, each time from the start."""

    @initialize(volume=st.integers(1, 5), rate=st.sampled_from([0.25, 0.5, 1.0]), probes=st.integers(1, 3))
    def begin(self, volume, rate, probes):
        self.volume, self.rate, self.probes = volume, rate, probes
        self.it = CircuitBreaker(
            "payments", rng=Scripted(1.0), window=10.0, minimum_volume=volume, failure_rate=rate,
            slow_call=3.0, slow_rate=rate, sleep_window=5.0, probes=probes,
        )  # fmt: skip
        self.now = 0.0
        self.out = []  # (permit, the model's period)
        self.period, self.state, self.since = 0, "closed", 0.0
        self.ended = []  # of this period: (when, failed, slow)
        self.probing = 0

    def change(self, state):
        self.period, self.state, self.since = self.period + 1, state, self.now
        self.ended, self.probing = [], 0

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 5.0, 11.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def a_call_wants_out(self):
        if self.state == "open" and self.now >= self.since + 5.0:
            self.change("half_open")
        good = len(self.ended)
        may = self.state == "closed" or (self.state == "half_open" and self.probing + good < self.probes)
        try:
            permit = self.it.admit(self.now)
        except CircuitOpen:
            assert not may
        else:
            assert may
            self.probing += self.state == "half_open"
            self.out.append((permit, self.period))

    @precondition(lambda self: self.out)
    @rule(data=st.data(), failed=st.sampled_from([True, True, False, None]))
    def a_call_ends(self, data, failed):
        permit, period = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.it.settle(permit, failed=failed, now=self.now)
        if period != self.period:
            return
        slow = self.now - permit.at >= 3.0
        if self.state == "half_open":
            self.probing -= 1
        if failed is None and not slow:
            return
        self.ended.append((self.now, bool(failed), slow))
        if self.state == "half_open":
            if failed or slow:
                self.change("open")
            elif len(self.ended) == self.probes:
                self.change("closed")
        elif self.state == "closed":
            last = [call for call in self.ended if call[0] > self.now - 10.0]
            failures, slows = sum(call[1] for call in last), sum(call[2] for call in last)
            if len(last) >= self.volume and max(failures, slows) / len(last) >= self.rate:
                self.change("open")

    @invariant()
    def the_states_are_the_same(self):
        assert self.it.state == self.state


TestBreakerAgainstModel = BreakerAgainstModel.TestCase
