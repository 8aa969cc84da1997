"""Outages: by chance they add up to what was asked for; a shop is open when nobody it needs is down."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom.scale.outages import (
    YEAR,
    all_up,
    by_chance,
    crashes,
    one_after_the_other,
    share_sold,
    union,
)
from classroom.world.faults import Crash

spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda pair: (pair[0], sum(pair))), max_size=8
)


def test_in_the_long_run_a_service_is_up_as_often_as_was_asked() -> None:
    rng = Random(3)
    shares = [all_up([by_chance(availability=0.999, rng=rng)]) for _ in range(400)]
    assert fmean(shares) == pytest.approx(0.999, abs=0.0001)


def test_independent_services_are_up_together_as_often_as_the_product_says() -> None:
    rng = Random(4)
    shares = [all_up(by_chance(availability=0.99, rng=rng) for _ in range(4)) for _ in range(100)]
    assert fmean(shares) == pytest.approx(0.99**4, abs=0.002)


def test_services_that_fail_together_are_up_as_often_as_one() -> None:
    host = by_chance(availability=0.99, rng=Random(5))
    assert all_up([host, host, host]) == pytest.approx(all_up([host]))


def test_a_service_that_never_fails_has_no_outages() -> None:
    assert by_chance(availability=1, rng=Random(0)) == ()


def test_outages_end_with_the_schedule() -> None:
    found = by_chance(availability=0.5, rng=Random(1), lasts=1000, repair=400)
    assert found and all(0 <= start < end <= 1000 for start, end in found)


@pytest.mark.parametrize("share", [0, -0.1, 1.1])
def test_an_availability_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="a share, above 0 and at most 1"):
        by_chance(availability=share, rng=Random(0))


@given(spans)
def test_a_union_covers_the_same_seconds_and_its_spans_do_not_touch(given_spans: list) -> None:
    seconds = {second for start, end in given_spans for second in range(start, end)}
    found = union(given_spans)
    assert {second for start, end in found for second in range(start, end)} == seconds
    assert all(one[1] < other[0] for one, other in pairwise(found))


@given(st.lists(spans, max_size=4))
def test_all_are_up_in_the_seconds_in_which_none_is_down(services: list) -> None:
    down = {second for each in services for start, end in each for second in range(start, end)}
    assert all_up(services, lasts=50) == pytest.approx(1 - len(down) / 50)


def test_a_schedule_puts_one_outage_after_the_other_and_becomes_faults() -> None:
    schedule = one_after_the_other("orders", "payments", each=10, first=5)
    assert schedule == {"orders": ((5, 15),), "payments": ((25, 35),)}
    assert crashes(schedule) == [Crash("orders", at=5, down=10), Crash("payments", at=25, down=10)]


def test_a_quiet_order_stands_for_all_the_seconds_that_were_not_played() -> None:
    schedule = one_after_the_other("orders", each=10, first=5)
    orders = [(second + 0.5, not 5 <= second < 15) for second in range(20)]
    assert share_sold(orders, schedule, of=10_000) == pytest.approx(0.999)


def test_what_is_not_sold_in_quiet_times_weighs_heavily() -> None:
    schedule = one_after_the_other("orders", each=10, first=5)
    orders = [(second + 0.5, second >= 15) for second in range(20)]
    assert share_sold(orders, schedule, of=10_000) == pytest.approx(0.5 * 9_990 / 10_000)


def test_without_a_quiet_order_nothing_can_be_said() -> None:
    with pytest.raises(ValueError, match="no order was placed"):
        share_sold([(6.0, True)], one_after_the_other("orders", first=5), of=YEAR)
