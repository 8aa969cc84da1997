"""The bulkhead: never more inside than there are places, whoever comes, leaves or gives up."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.resilience import Bulkhead, BulkheadFull, BulkheadSnapshot


async def hold(bulkhead, seconds, *, log=None, name=None):
    async with bulkhead.slot():
        if log is not None:
            log.append((name, round(asyncio.get_running_loop().time(), 3)))
        await asyncio.sleep(seconds)


def test_a_full_compartment_refuses_at_once(virtually):
    async def main():
        bulkhead = Bulkhead("recommendations", limit=2)
        calls = [asyncio.create_task(hold(bulkhead, 5)) for _ in range(2)]
        await asyncio.sleep(1)
        with pytest.raises(BulkheadFull, match="recommendations is full: 2 of 2 calls run and 0 wait"):
            await hold(bulkhead, 1)
        refused_at = asyncio.get_running_loop().time()
        await asyncio.gather(*calls)
        await hold(bulkhead, 0)  # there is room again
        return refused_at, bulkhead.snapshot()

    assert virtually(main) == (pytest.approx(1.0), BulkheadSnapshot(running=0, waiting=0, rejected=1))


def test_who_waits_is_served_in_order_and_the_line_has_an_end(virtually):
    async def main():
        bulkhead, log = Bulkhead("recommendations", limit=1, waiting=2), []
        calls = [asyncio.create_task(hold(bulkhead, 1, log=log, name=n)) for n in range(4)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        return log, [type(result) for result in results]

    log, results = virtually(main)
    assert log == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert results == [type(None)] * 3 + [BulkheadFull]


def test_nobody_waits_longer_than_max_wait(virtually):
    async def main():
        bulkhead = Bulkhead("recommendations", limit=1, waiting=5, max_wait=0.5)
        first = asyncio.create_task(hold(bulkhead, 10))
        await asyncio.sleep(0)
        with pytest.raises(BulkheadFull, match=r"no place came free within 0\.5 s"):
            await hold(bulkhead, 1)
        now, snapshot = asyncio.get_running_loop().time(), bulkhead.snapshot()
        await first
        return now, snapshot.waiting

    assert virtually(main) == (pytest.approx(0.5), 0)


def test_an_error_inside_gives_the_place_back(virtually):
    async def main():
        bulkhead = Bulkhead("recommendations", limit=1)
        with pytest.raises(KeyError):
            async with bulkhead.slot():
                raise KeyError
        return bulkhead.snapshot().running

    assert virtually(main) == 0


def test_who_is_given_the_place_as_he_gives_up_passes_it_on(virtually):
    async def main():
        bulkhead = Bulkhead("recommendations", limit=1, waiting=2)
        slot = bulkhead.slot()
        await slot.__aenter__()
        second, third = (asyncio.create_task(hold(bulkhead, 1)) for _ in range(2))
        await asyncio.sleep(0)
        await slot.__aexit__(None, None, None)  # the place is the second one's now, who has yet to wake up
        second.cancel()
        await asyncio.gather(second, third, return_exceptions=True)
        return second.cancelled(), asyncio.get_running_loop().time(), bulkhead.snapshot().running

    assert virtually(main) == (True, pytest.approx(1.0), 0)


def test_limits_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="limit=0"):
        Bulkhead("x", limit=0)


CALLS = st.lists(
    st.tuples(
        st.integers(0, 8),  # comes at
        st.integers(0, 4),  # stays
        st.none() | st.integers(0, 6),  # is cancelled so long after it came
    ),
    max_size=12,
)


@given(
    calls=CALLS, limit=st.integers(1, 3), waiting=st.integers(0, 3), max_wait=st.none() | st.integers(1, 3)
)
def test_places_are_never_exceeded_and_never_lost(virtually, calls, limit, waiting, max_wait):
    """All times are whole seconds, so that arrivals, ends, timeouts and cancellations coincide often."""

    async def main():
        bulkhead = Bulkhead("x", limit=limit, waiting=waiting, max_wait=max_wait)
        inside = 0

        async def one(stays):
            nonlocal inside
            async with bulkhead.slot():
                inside += 1
                assert inside <= limit
                try:
                    await asyncio.sleep(stays)
                finally:
                    inside -= 1

        async def customer(comes, stays, gives_up):
            await asyncio.sleep(comes)
            call = asyncio.create_task(one(stays))
            if gives_up is not None:
                await asyncio.sleep(gives_up)
                call.cancel()
            try:
                await call
            except (BulkheadFull, asyncio.CancelledError):
                pass

        await asyncio.gather(*(customer(*call) for call in calls))
        left = bulkhead.snapshot()
        assert (left.running, left.waiting) == (0, 0)
        places = [asyncio.create_task(one(1)) for _ in range(limit)]
        await asyncio.gather(*places)  # every place is there still

    virtually(main)


@given(calls=CALLS, limit=st.integers(1, 3), waiting=st.integers(0, 3))
def test_who_gets_in_is_who_a_naive_model_lets_in(virtually, calls, limit, waiting):
    """Without cancellation or max_wait: the model walks through time and keeps two plain lists."""
    arrivals = sorted((comes + n / 100, stays + 0.005) for n, (comes, stays, _) in enumerate(calls))

    async def main():
        bulkhead, began, refused = Bulkhead("x", limit=limit, waiting=waiting), {}, set()

        async def customer(n, comes, stays):
            await asyncio.sleep(comes)
            try:
                async with bulkhead.slot():
                    began[n] = asyncio.get_running_loop().time()
                    await asyncio.sleep(stays)
            except BulkheadFull:
                refused.add(n)

        await asyncio.gather(*(customer(n, *times) for n, times in enumerate(arrivals)))
        return began, refused

    began, refused = virtually(main)

    ends, starts = [], {}
    for n, (comes, stays) in enumerate(arrivals):
        inside = [end for end in ends if end > comes]
        if len(inside) >= limit + waiting:
            assert n in refused
            continue
        start = comes if len(inside) < limit else sorted(inside)[len(inside) - limit]
        starts[n] = start
        ends.append(start + stays)
    assert began == pytest.approx(starts, abs=1e-6)
