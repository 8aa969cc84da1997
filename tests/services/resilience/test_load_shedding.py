"""Load shedding: what is let in is served in time, and what is not is told so at once."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.resilience import Deadline, LoadShedder, Order, Overloaded, ShedderSnapshot, safe_bound


def storm(virtually, shedder_of, *, arrivals, timeout, service_time):
    """Requests at these times; each caller waits `timeout`. Who was served how late, who refused when?"""

    async def main():
        shedder, served, refused = shedder_of(), [], []
        clock = asyncio.get_running_loop().time

        async def request(n, at):
            await asyncio.sleep(at)
            try:
                async with shedder.worker(Deadline.after(timeout, at)):
                    await asyncio.sleep(service_time)
            except Overloaded:
                refused.append((n, clock()))
            else:
                served.append((n, clock() - at))

        await asyncio.gather(*(request(n, at) for n, at in enumerate(arrivals)))
        return served, refused, shedder.snapshot()

    return virtually(main)


def test_the_bound_is_capacity_times_timeout_with_something_left_over():
    assert safe_bound(workers=10, service_time=0.1, timeout=1.0) == 90
    assert safe_bound(workers=1, service_time=0.1, timeout=1.0) == 9
    assert safe_bound(workers=1, service_time=2.0, timeout=1.0) == 1


def test_without_a_bound_a_burst_makes_all_that_come_after_it_late(virtually):
    arrivals = [0.0] * 30 + [n * 0.1 for n in range(40)]
    served, refused, _ = storm(
        virtually,
        lambda: LoadShedder(workers=1, bound=None),
        arrivals=arrivals,
        timeout=1.0,
        service_time=0.1,
    )
    assert refused == []
    assert sum(took <= 1.0 for _, took in served) <= 10


@given(
    workers=st.integers(1, 4),
    timeout=st.sampled_from([0.5, 1.0, 2.0]),
    arrivals=st.lists(st.integers(0, 20).map(lambda n: n / 7), max_size=60),
)
def test_below_the_bound_everything_that_is_let_in_is_served_in_time(virtually, workers, timeout, arrivals):
    bound = max(workers, safe_bound(workers=workers, service_time=0.1, timeout=timeout, share=1.0))
    served, refused, left = storm(
        virtually, lambda: LoadShedder(workers=workers, bound=bound), arrivals=arrivals, timeout=timeout,
        service_time=0.1,
    )  # fmt: skip
    assert len(served) + len(refused) == len(arrivals)
    assert all(took <= timeout + 0.001 for _, took in served)
    assert all(at == pytest.approx(arrivals[n]) for n, at in refused)  # told at once
    assert left == ShedderSnapshot(in_service=0, waiting=0, refused=len(refused), dropped=0)


@given(
    order=st.sampled_from(Order),
    arrivals=st.lists(st.integers(0, 20).map(lambda n: n / 7), max_size=40),
)
def test_with_a_service_time_no_work_is_done_for_somebody_who_leaves_before_its_end(
    virtually, order, arrivals
):
    served, refused, left = storm(
        virtually, lambda: LoadShedder(workers=2, bound=None, order=order, service_time=0.1),
        arrivals=arrivals, timeout=0.45, service_time=0.1,
    )  # fmt: skip
    assert all(took <= 0.451 for _, took in served)
    assert (left.dropped, left.refused, left.in_service, left.waiting) == (len(refused), 0, 0, 0)


@pytest.mark.parametrize(("order", "served_in"), [(Order.FIFO, [0, 1, 2, 3]), (Order.LIFO, [0, 3, 2, 1])])
def test_the_order_says_who_is_next(virtually, order, served_in):
    served, _, _ = storm(
        virtually, lambda: LoadShedder(workers=1, bound=None, order=order), arrivals=[0, 0.1, 0.2, 0.3],
        timeout=9, service_time=1,
    )  # fmt: skip
    assert [n for n, _ in served] == served_in


def test_a_request_that_is_cancelled_in_the_line_leaves_no_gap(virtually):
    async def main():
        shedder = LoadShedder(workers=1, bound=None)

        async def one():
            async with shedder.worker():
                await asyncio.sleep(1)

        tasks = [asyncio.create_task(one()) for _ in range(4)]
        await asyncio.sleep(0.5)
        tasks[1].cancel()
        await asyncio.sleep(0.5)  # the first one ends just now, and the third one's turn has come
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return shedder.snapshot().in_service, asyncio.get_running_loop().time()

    assert virtually(main) == (0, pytest.approx(2.0))


def test_each_refusal_is_told_with_its_reason(virtually, history):
    arrivals = [0.0, 0.0, 0.0]
    _, refused, _ = storm(
        virtually, lambda: LoadShedder(workers=1, bound=2, observer=history), arrivals=arrivals, timeout=9,
        service_time=1,
    )  # fmt: skip
    assert [n for n, _ in refused] == [2]
    assert history == [
        {"kind": "shed", "why": "2 requests are inside, and 2 may be", "in_service": 1, "waiting": 1}
    ]


def test_a_bound_below_the_workers_is_refused():
    with pytest.raises(ValueError, match="bound=3"):
        LoadShedder(workers=4, bound=3)
