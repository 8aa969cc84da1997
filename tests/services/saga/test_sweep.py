"""The sweep: a crash before and after every effect of every service, under every trouble on the way.

`make test` runs a part of it, `make soak` 200 seeds.
"""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from classroom import simulate
from tests.services.saga.attacks import ORDERS, TROUBLES, ordering, struck, sweep_points
from tests.services.saga.conserved import wrong_with

CANCEL = 0.025  # seconds: within so much of its placing a saga is over, if nothing is in its way
MORE = ("alone", "cancelled", "with a rival")
SWEEPS = list(product(ORDERS, TROUBLES, MORE))
SOAK_SWEEPS = 4  # of each seed: so each of the 132 is swept under six seeds
PAIRS = 8  # of crashes, of each seed


def company(more: str, seed: int) -> dict[str, object]:
    """When the order is cancelled, or whether it has a rival."""
    if more == "cancelled":
        return {"cancel_at": round(Random(f"{seed}/cancel").uniform(0, CANCEL), 4)}
    return {"rival": True} if more == "with a rival" else {}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_troubles_them_sagas_end_and_stock_and_money_are_conserved(trouble):
    wrong = []
    for seed, (kind, more) in enumerate(product(ORDERS, MORE)):
        run = simulate(ordering(kind, trouble, **company(more, seed)), seed=seed, faults=TROUBLES[trouble])
        wrong += [f"{kind}, {more}, seed {seed}: {text}" for text in wrong_with(run)]

    assert wrong == []


def test_a_crash_before_and_after_every_effect_of_every_service_is_got_over():
    runs, wrong = struck("out of reach", "none", 1, wrong_with)

    assert runs > 90
    assert wrong == []


TENS = [range(first, first + 10) for first in range(1, 201, 10)]  # the 200 seeds of `make soak`


def between(seeds: range) -> str:
    return f"seeds {seeds[0]} to {seeds[-1]}"


@pytest.mark.soak
@pytest.mark.parametrize("seeds", TENS, ids=between)
def test_a_crash_at_every_effect_under_every_trouble(seeds, record_property):
    total, wrong = 0, []
    for seed, n in product(seeds, range(SOAK_SWEEPS)):
        kind, trouble, more = SWEEPS[(seed * SOAK_SWEEPS + n) * 7 % len(SWEEPS)]
        runs, broken = struck(kind, trouble, seed, wrong_with, **company(more, seed))
        total += runs
        wrong += broken

    record_property("measured", f"{between(seeds)}: {total} runs, in nearly each a crash")
    assert wrong == []


@pytest.mark.soak
@pytest.mark.parametrize("seeds", TENS, ids=between)
def test_two_crashes_at_any_two_effects_under_any_trouble(seeds, record_property):
    wrong = []
    for seed in seeds:
        chance = Random(f"{seed}/pairs")
        for _ in range(PAIRS):
            kind, trouble, more = chance.choice(SWEEPS)
            scenario, troubles = ordering(kind, trouble, **company(more, seed)), TROUBLES[trouble]
            calm = simulate(scenario, seed=seed, faults=troubles)
            pair = tuple(chance.sample(sweep_points(calm), 2))
            run = simulate(scenario, seed=seed, faults=troubles + pair)
            wrong += [f"{kind}, {trouble}, {more}, seed {seed}, {pair}: {text}" for text in wrong_with(run)]

    record_property("measured", f"{between(seeds)}: {len(seeds) * PAIRS} runs with two crashes each")
    assert wrong == []
