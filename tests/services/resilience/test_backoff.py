"""How long to wait: each formula at both ends of its range, and what jitter is for."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.resilience import BACKOFFS, decorrelated_jitter, full_jitter
from tests.services.resilience.scripted import Scripted

RANGES = {  # the waits before retries 1 to 6, base 0.1, cap 2, at the bottom and at the top of chance
    "immediately": ([0] * 6, [0] * 6),
    "exponential": ([0.1, 0.2, 0.4, 0.8, 1.6, 2.0], [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]),
    "plus_minus_20": ([0.08, 0.16, 0.32, 0.64, 1.28, 1.6], [0.12, 0.24, 0.48, 0.96, 1.92, 2.4]),
    "equal_jitter": ([0.05, 0.1, 0.2, 0.4, 0.8, 1.0], [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]),
    "full_jitter": ([0] * 6, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]),
    "decorrelated_jitter": ([0.1] * 6, [0.3, 0.9, 2.0, 2.0, 2.0, 2.0]),
}


def waits(name, *, rng):
    previous, all_of_them = None, []
    for attempt in range(1, 7):
        previous = BACKOFFS[name](attempt, base=0.1, cap=2.0, rng=rng, previous=previous)
        all_of_them.append(previous)
    return all_of_them


def test_every_backoff_has_its_row():
    assert set(RANGES) == set(BACKOFFS)


@pytest.mark.parametrize("name", RANGES)
def test_the_waits_span_the_whole_of_their_range_and_no_more(name):
    bottom, top = RANGES[name]
    assert waits(name, rng=Scripted(0.0)) == pytest.approx(bottom)
    assert waits(name, rng=Scripted(1.0)) == pytest.approx(top)


@given(st.sampled_from(sorted(BACKOFFS)), st.integers(1, 5000), st.randoms(use_true_random=False))
def test_no_wait_is_negative_or_longer_than_the_cap_by_more_than_a_fifth(name, attempt, rng):
    wait = BACKOFFS[name](attempt, base=0.1, cap=5.0, rng=rng)
    assert 0 <= wait <= (6.0 if name == "plus_minus_20" else 5.0)


@pytest.mark.parametrize("name", sorted(BACKOFFS))
def test_attempts_count_from_one_and_base_is_not_over_cap(name):
    with pytest.raises(ValueError, match="counts from 1"):
        BACKOFFS[name](0, base=0.1, cap=5.0, rng=Random(1))
    with pytest.raises(ValueError, match="0 < base <= cap"):
        BACKOFFS[name](1, base=6.0, cap=5.0, rng=Random(1))


def test_more_of_the_wait_left_to_chance_means_a_lower_peak():
    """200 clients that failed at one instant, retries a 100 ms with a base of 1 s: what jitter is for."""
    peaks = {}
    for name in ("exponential", "plus_minus_20", "equal_jitter", "full_jitter"):
        rng = Random(5)
        slots = Counter(int(BACKOFFS[name](1, base=1.0, cap=60.0, rng=rng) * 10 + 1e-9) for _ in range(200))
        peaks[name] = max(slots.values())
    assert peaks["exponential"] == 200
    assert peaks["exponential"] > peaks["plus_minus_20"] > peaks["equal_jitter"] > peaks["full_jitter"]


def test_decorrelated_jitter_grows_out_of_the_last_wait_and_not_out_of_the_count():
    top = Scripted(1.0)
    assert decorrelated_jitter(9, base=0.1, cap=60, rng=top, previous=0.2) == pytest.approx(0.6)
    assert full_jitter(9, base=0.1, cap=60, rng=top, previous=0.2) == pytest.approx(25.6)
