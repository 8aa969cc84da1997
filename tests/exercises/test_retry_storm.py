"""Exercise 05: what a check shows of a storm and of a single question, and that its line replays it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from classroom import exercises, replay
from classroom.check import Verdict, judge
from tests.scale.policies import Budget, FullJitter


def verdict(policy: Any) -> Verdict:
    return judge(exercises.load("05"), {"RetryPolicy": policy})


def test_full_jitter_alone_is_shown_the_storm_that_it_leaves_behind() -> None:
    shown = verdict(FullJitter)._repr_html_()

    assert re.search(
        r"after a stall of 3 s: 80 requests a second, 3[12]\d tries a second, 0 successes", shown
    )
    assert 'class="bop-picture"' in shown


def test_a_single_question_is_shown_as_a_table_of_what_was_asked_and_answered() -> None:
    found = verdict(Budget)  # it retries whatever fails

    assert found.broken[0][0].name == "retryable"
    assert "was answered 400" in found.broken[0][1].violation.message
    assert "<table>" in found._repr_html_()


def test_the_line_that_replays_a_storm_makes_the_same_run() -> None:
    found = verdict(FullJitter)

    again = eval(found.replay_line, {"replay": replay, "RetryPolicy": FullJitter})

    assert found.run is not None
    assert again.digest == found.run.digest
    assert len(again.of("second")) == 55


@pytest.mark.parametrize("answer", ["soon", -1, float("nan")])
def test_an_answer_that_is_no_wait_is_told_as_such(answer: Any) -> None:
    class Odd(Budget):
        def delay(self, attempt: int, failure: Any, remaining: float) -> Any:
            return answer

    found = verdict(Odd)

    assert "seconds from 0 up, or None" in found.broken[0][1].violation.message


def test_a_policy_that_raises_is_told_what_it_raised() -> None:
    class Broken(Budget):
        def delay(self, attempt: int, failure: Any, remaining: float) -> float | None:
            raise KeyError("tokens")

    found = verdict(Broken)

    assert "KeyError: 'tokens'" in found.broken[0][1].violation.message
    assert "RetryPolicy raises KeyError" in str(found)
