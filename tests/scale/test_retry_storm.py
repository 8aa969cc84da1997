"""The model of the retry storm: its bookkeeping, its known results, its determinism."""

from __future__ import annotations

from typing import Any

import pytest

from classroom.scale import Admission, DropHopeless, DropLate, Fifo, Lifo, storm
from classroom.scale.retry_storm import BadPolicy
from tests.scale.policies import Budget, FullJitter, Immediate, NoRetry

SMALL: dict[str, Any] = {"load": 8, "workers": 1, "steady": True}


# ---- what is counted ---------------------------------------------------------------------


def test_what_is_offered_is_served_waits_still_or_was_turned_away() -> None:
    run = storm(Immediate, **SMALL, stall=0, lasts=60)

    done = sum(run.goodput) + sum(run.in_vain) + sum(run.rejected)
    assert 0 <= sum(run.offered) - done <= 3, "in a quiet shop hardly anybody waits at the end"
    assert sum(run.goodput) == sum(run.served)
    assert run.share(0, run.judged_until) == 1.0


def test_in_a_storm_the_server_is_busy_answering_nobody() -> None:
    run = storm(Immediate, **SMALL)

    assert run.rate(run.goodput, 100, 120) == 0
    assert run.rate(run.in_vain, 100, 120) == pytest.approx(run.capacity, rel=0.01)
    assert run.rate(run.offered, 100, 120) == pytest.approx(4 * 8, rel=0.05)


def test_equal_seeds_give_equal_runs_and_other_seeds_others() -> None:
    assert storm(FullJitter, lasts=30, seed=1) == storm(FullJitter, lasts=30, seed=1)
    assert storm(FullJitter, lasts=30, seed=1) != storm(FullJitter, lasts=30, seed=2)


def test_random_failures_fail_tries_and_nothing_else() -> None:
    alone = storm(NoRetry, stall=0, lasts=110, failures=0.02)
    again = storm(FullJitter, stall=0, lasts=110, failures=0.02)

    assert alone.share(0, 100) == pytest.approx(0.98, abs=0.005)
    assert again.share(0, 100) > 0.999


# ---- what is known of storms -------------------------------------------------------------


def test_a_stall_is_harmless_below_capacity_divided_by_the_attempts_and_fatal_above() -> None:
    low, high = (storm(Immediate, load=load, workers=1, steady=True, lasts=200) for load in (2.2, 2.8))

    assert low.recovered_after is not None
    assert high.recovered_after is None


def test_jitter_alone_does_not_bring_the_shop_back() -> None:
    assert storm(FullJitter, lasts=90).recovered_after is None


def test_without_retries_it_is_back_once_the_queue_has_drained_below_the_timeout() -> None:
    run = storm(NoRetry, lasts=60, steady=True)

    drained = (80 * 3 - 100) / (100 - 80)  # tries that waited, less those who need not wait too long
    assert run.recovered_after == pytest.approx(drained, abs=2)


def test_a_budget_brings_it_back_and_a_budget_for_each_of_many_callers_does_not() -> None:
    assert storm(Budget, lasts=90).recovered_after is not None
    assert storm(Budget, lasts=90, clients=1000).recovered_after is None


@pytest.mark.parametrize(
    ("queue", "back"),
    [
        (lambda: Fifo(bound=9), True),
        (lambda: Fifo(bound=15), False),
        (Lifo, True),
        (DropLate, False),
        (DropHopeless, True),
        (lambda: Admission(lambda length, remaining: length * 0.1 < remaining), True),
    ],
    ids=["bound of 9", "bound of 15", "lifo", "drop late", "drop hopeless", "admission"],
)
def test_what_the_server_itself_can_do(queue: Any, back: bool) -> None:
    run = storm(FullJitter, **SMALL, queue=queue, lasts=100)

    assert (run.recovered_after is not None) == back


# ---- when it is back ---------------------------------------------------------------------


def test_a_shop_without_a_stall_is_back_at_once() -> None:
    assert storm(NoRetry, **SMALL, stall=0, lasts=60).recovered_after == 0


def test_a_shop_that_is_down_at_the_end_has_not_recovered_however_well_it_did_between() -> None:
    class Late(NoRetry):
        """Retries only from a time on."""

        def __init__(self, *, rng: Any, clock: Any) -> None:
            super().__init__(rng=rng)
            self.clock = clock

        def on_first_try(self) -> None:
            self.down = self.clock() > 50

        def allow(self) -> bool:
            return not self.down

    run = storm(Late, **SMALL, lasts=100)

    assert run.share(35, 45) == 1.0
    assert run.recovered_after is None


# ---- what is refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ({"load": 0}, "load is more than 0"),
        ({"workers": -1}, "workers is more than 0"),
        ({"stall": -1}, "seconds from 0 up"),
        ({"failures": 1.5}, "a chance below 1"),
    ],
)
def test_a_system_that_cannot_be_is_refused(system: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        storm(NoRetry, **system)


@pytest.mark.parametrize("answer", [-1.0, "soon", float("nan")])
def test_a_delay_that_no_caller_can_wait_is_refused(answer: Any) -> None:
    class Odd(NoRetry):
        def delay(self, attempt: int, failure: Any, remaining: float) -> Any:
            return answer

    with pytest.raises(BadPolicy, match="seconds from 0 up, or None"):
        storm(Odd, **SMALL, lasts=30)


def test_a_policy_that_never_gives_up_is_told_so() -> None:
    class Stubborn(NoRetry):
        def delay(self, attempt: int, failure: Any, remaining: float) -> float | None:
            return 0.0

    with pytest.raises(BadPolicy, match="when does it give up"):
        storm(Stubborn, **SMALL, queue=lambda: Fifo(bound=1), lasts=30)


def test_a_bound_counts_from_one() -> None:
    with pytest.raises(ValueError, match="from 1 up"):
        Fifo(bound=0)
