"""Try again: the exact number of times, only what may help, only while there is time."""

from __future__ import annotations

import asyncio
from random import Random

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.resilience import (
    BACKOFFS,
    Deadline,
    DeadlineExceeded,
    RetryBudget,
    is_idempotent,
    is_refusal,
    is_transient,
    retry,
)
from tests.services.resilience.scripted import Scripted

REQUEST = httpx.Request("GET", "http://payments/")


def status(code: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(code), request=REQUEST, response=httpx.Response(code, request=REQUEST))


class Flaky:
    """Each attempt takes `takes` seconds; then it raises the next of `errors`, and succeeds after them."""

    def __init__(self, *errors: Exception, takes: float = 0.0) -> None:
        self.errors = list(errors)
        self.takes = takes
        self.began: list[float] = []

    async def __call__(self) -> str:
        self.began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes)
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def why(error: BaseException) -> str:
    return error.__notes__[-1]


OPTIONS = {"idempotent": True, "rng": Random(1)}


def test_it_returns_what_the_first_good_attempt_returned(virtually, history):
    flaky = Flaky(httpx.ConnectError("down"), status(503))

    async def main():
        return await retry(flaky, idempotent=True, rng=Scripted(1.0), observer=history)

    assert virtually(main) == "done"
    assert flaky.began == pytest.approx([0, 0.1, 0.3])
    assert history == [
        {"kind": "retry", "attempt": 1, "wait": pytest.approx(0.1), "error": "ConnectError: down"},
        {"kind": "retry", "attempt": 2, "wait": pytest.approx(0.2), "error": "HTTPStatusError: 503"},
    ]


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_the_cap_on_attempts_is_exact_and_counts_the_first(virtually, attempts):
    flaky = Flaky(*[status(503)] * 9)

    async def main():
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await retry(flaky, attempts=attempts, **OPTIONS)
        return why(caught.value)

    assert virtually(main) == f"gave up after attempt {attempts} of {attempts}: that was the last one"
    assert len(flaky.began) == attempts


@pytest.mark.parametrize(
    "error", [status(400), status(404), status(409), status(422), status(429), KeyError("our own slip")]
)
def test_what_another_try_cannot_help_is_tried_once(virtually, error):
    flaky = Flaky(error)

    async def main():
        with pytest.raises(type(error)) as caught:
            await retry(flaky, attempts=5, **OPTIONS)
        return why(caught.value)

    assert virtually(main).endswith("another one would not help")
    assert len(flaky.began) == 1


@pytest.mark.parametrize("error", [status(503), httpx.ReadTimeout("no answer"), TimeoutError()])
def test_what_is_not_idempotent_is_tried_once_whatever_failed(virtually, error):
    flaky = Flaky(error)

    async def main():
        with pytest.raises(type(error)) as caught:
            await retry(flaky, attempts=5, idempotent=False, rng=Random(1))
        return why(caught.value)

    assert virtually(main).endswith("it is not idempotent, and it may have been done")
    assert len(flaky.began) == 1


@pytest.mark.parametrize(
    ("seconds", "gave_up_at", "wait"), [(1.0, 0.7, 0.8), (0.65, 0.3, 0.4), (0.75, 0.7, 0.8), (0.05, 0.0, 0.1)]
)
def test_there_is_no_wait_that_would_outlast_the_deadline(virtually, seconds, gave_up_at, wait):
    """The waits are 0.1, 0.2, 0.4 and 0.8 s."""
    flaky = Flaky(*[status(503)] * 9)

    async def main():
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await retry(flaky, attempts=9, deadline=Deadline(seconds), idempotent=True, rng=Scripted(1.0))
        return asyncio.get_running_loop().time(), why(caught.value)

    at, reason = virtually(main)
    assert at == pytest.approx(gave_up_at)
    assert reason.endswith(f"a wait of {wait:.3f} s, and {seconds - gave_up_at:.3f} s remain")


def test_an_attempt_is_cancelled_when_the_deadline_is_over(virtually):
    flaky = Flaky(status(503), takes=0.8)

    async def main():
        with pytest.raises(DeadlineExceeded):
            await retry(flaky, deadline=Deadline(1.0), idempotent=True, rng=Scripted(0.0))
        return asyncio.get_running_loop().time()

    assert virtually(main) == pytest.approx(1.0)
    assert flaky.began == pytest.approx([0, 0.8])


def test_an_empty_budget_forbids_the_retry(virtually):
    budget = RetryBudget(ratio=0.0, burst=1.0)
    first, second = Flaky(*[status(503)] * 5), Flaky(status(503))

    async def main():
        for flaky in (first, second):
            with pytest.raises(httpx.HTTPStatusError) as caught:
                await retry(flaky, budget=budget, **OPTIONS)
        return why(caught.value)

    assert virtually(main).endswith("the retry budget is empty (0.0 tokens)")
    assert [len(first.began), len(second.began)] == [2, 1]


def test_to_be_cancelled_is_no_failure(virtually):
    flaky = Flaky(takes=5)

    async def main():
        task = asyncio.create_task(retry(flaky, **OPTIONS))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    virtually(main)
    assert len(flaky.began) == 1


def test_attempts_of_less_than_one_are_refused(virtually):
    async def main():
        with pytest.raises(ValueError, match="1 or more; got 0"):
            await retry(Flaky(), attempts=0, **OPTIONS)

    virtually(main)


ERRORS = st.sampled_from(
    [status(500), status(503), status(404), httpx.ConnectError("x"), httpx.ReadTimeout("x"), ValueError("x")]
)


@given(
    errors=st.lists(ERRORS, max_size=6),
    attempts=st.integers(1, 5),
    idempotent=st.booleans(),
    seconds=st.floats(0.05, 3),
    takes=st.floats(0, 1),
    name=st.sampled_from(sorted(BACKOFFS)),
    seed=st.integers(0, 99),
)
def test_whatever_fails_the_attempts_are_those_of_a_naive_model(
    virtually, errors, attempts, idempotent, seconds, takes, name, seed
):
    flaky = Flaky(*errors, takes=takes)

    async def main():
        try:
            await retry(
                flaky, idempotent=idempotent, rng=Random(seed), attempts=attempts, backoff=BACKOFFS[name],
                deadline=Deadline(seconds),
            )  # fmt: skip
        except Exception as error:
            error.__dict__.pop("__notes__", None)  # the errors are shared by all examples
        return asyncio.get_running_loop().time()

    ended = virtually(main)

    helpful = 0  # how many attempts might be followed by another, but for the time
    while helpful < len(errors) and idempotent and is_transient(errors[helpful]):
        helpful += 1
    assert 1 <= len(flaky.began) <= min(attempts, helpful + 1)
    assert all(at < seconds for at in flaky.began)
    assert ended <= seconds + 1e-6


def test_a_request_may_be_sent_twice_by_its_method_or_by_its_key():
    assert [
        m for m in "GET HEAD OPTIONS TRACE PUT DELETE POST PATCH get".split() if not is_idempotent(m)
    ] == [
        "POST",
        "PATCH",
    ]
    assert is_idempotent("POST", {"Idempotency-Key": "order-7"})
    assert not is_idempotent("POST", {"Content-Type": "application/json"})


@pytest.mark.parametrize("code", [400, 404, 429, 499])
def test_a_refusal_is_ours_to_mend(code):
    assert (is_transient(status(code)), is_refusal(status(code))) == (False, True)


@pytest.mark.parametrize("error", [status(500), status(503), httpx.ReadError("x"), ConnectionResetError()])
def test_trouble_over_there_may_be_over_soon(error):
    assert (is_transient(error), is_refusal(error)) == (True, False)


def test_a_deadline_that_is_over_is_neither():
    assert not is_transient(DeadlineExceeded()) and not is_refusal(DeadlineExceeded())
