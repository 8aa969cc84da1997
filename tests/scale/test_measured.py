"""The model against the real services: the same system, the same fate."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from classroom import Pause, Run, simulate
from classroom.scale import Fifo, Storm, measured, storm
from tests.scale.lunch import lunch
from tests.scale.policies import Budget, FullJitter, Immediate, NoRetry

LASTS, STALL_AT, STALL = 75.0, 15.0, 3.0
CASES: dict[str, tuple[Any, int | None]] = {
    "no retry": (NoRetry, None),
    "at once": (Immediate, None),
    "full jitter": (FullJitter, None),
    "budget": (Budget, None),
    "bound of 9": (Immediate, 9),
}


@cache
def both(name: str, seed: int = 0) -> tuple[Storm, Storm]:
    """The real services, and the model of them."""
    policy, bound = CASES[name]
    pause = Pause("orders", at=STALL_AT, lasts=STALL)
    run = simulate(lunch(policy, bound=bound, lasts=LASTS), seed=seed, faults=[pause])
    run.raise_error()
    real = measured(run, "orders", key="order", capacity=10)
    model = storm(
        policy, load=8, workers=1, steady=True, lasts=LASTS, stall_at=STALL_AT, stall=STALL,
        queue=lambda: Fifo(bound=bound), seed=seed,
    )  # fmt: skip
    return real, model


@pytest.mark.parametrize("name", CASES)
def test_the_model_shares_the_fate_of_the_real_services(name: str) -> None:
    real, model = both(name)

    for start, end in ((5, 14), (19, 30), (30, 45), (45, 65)):
        assert model.rate(model.goodput, start, end) == pytest.approx(
            real.rate(real.goodput, start, end), abs=0.5
        )
        assert model.rate(model.offered, start, end) == pytest.approx(
            real.rate(real.offered, start, end), rel=0.05
        )
        assert model.rate(model.in_vain, start, end) == pytest.approx(
            real.rate(real.in_vain, start, end), abs=0.5
        )


@pytest.mark.parametrize("name", CASES)
def test_the_model_recovers_when_the_real_services_do(name: str) -> None:
    real, model = both(name)

    if real.recovered_after is None or model.recovered_after is None:
        assert real.recovered_after is model.recovered_after is None
    else:
        assert model.recovered_after == pytest.approx(real.recovered_after, abs=2)


def test_the_shop_stays_down_with_retries_and_only_with_retries() -> None:
    fates = {name: both(name)[0].recovered_after is not None for name in CASES}

    assert fates == {
        **{"no retry": True, "at once": False, "full jitter": False},
        **{"budget": True, "bound of 9": True},
    }


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("name", CASES)
def test_the_fate_does_not_depend_on_the_seed(name: str, seed: int) -> None:
    real, model = both(name, seed)
    expected = both(name)[0].recovered_after is None

    assert (real.recovered_after is None) == (model.recovered_after is None) == expected


def test_a_run_in_which_nobody_was_asked_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="nobody asked 'orders'"):
        measured(Run(()), "orders", key="order", capacity=10)
