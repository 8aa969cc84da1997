"""Exercise 14 beyond its answers: unfinished ones, its two stages, and the traces that it asks about."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from classroom import exercises
from classroom.check import judge
from classroom.exercises.distributed_tracing.hands import told
from classroom.exercises.distributed_tracing.system import metadata_of
from classroom.exercises.distributed_tracing.traces import CLEAR, traces, truth
from services.tracing import FinishedSpan
from tests.exercises.test_answers import ANSWERS, load

EXERCISE = exercises.load("14")
RIGHT = load(ANSWERS / "14" / "odd_letter_by_letter.py")


def turn(name: str) -> Callable[..., Any]:
    def answer(*given: Any) -> Any:
        raise NotImplementedError(f"your turn: {name}")

    return answer


def judged(*finished: str) -> Any:
    answers = {name: getattr(RIGHT, name) if name in finished else turn(name) for name in EXERCISE.answers}
    return judge(EXERCISE, answers)


@pytest.mark.parametrize(
    ("finished", "left", "stages"),
    [
        ((), "culprit", ()),
        (("culprit",), "inject", ("A",)),
        (("culprit", "inject"), "extract", ("A",)),
        (("culprit", "inject", "extract"), "process_span", ("A",)),
    ],
)
def test_it_says_whose_turn_it_is_and_what_is_earned_already(finished: Any, left: str, stages: Any) -> None:
    found = judged(*finished)

    assert found.status == "unfinished"
    assert found.unfinished == ((left, f"your turn: {left}"),)
    assert found.stages == stages


def test_a_wrong_stage_b_leaves_stage_a_earned() -> None:
    wrong = load(ANSWERS / "14" / "wrong_no_link.py")

    found = judge(EXERCISE, {name: getattr(wrong, name) for name in EXERCISE.answers})

    assert (found.status, found.stages) == ("failed", ("A",))


# ---------------------------------------------------------------- the traces to read


@pytest.mark.parametrize("seed", range(5))
def test_each_trace_has_one_culprit_and_nobody_comes_near_it(seed: int) -> None:
    for _, spans in traces(Random(seed)):
        service, most = truth(spans)
        own = sorted(_own(span, spans) for span in spans)

        assert most == pytest.approx(own[-1])
        assert len(own) == 1 or own[-1] - own[-2] >= CLEAR
        assert service in {span.service for span in spans if _own(span, spans) == own[-1]}


def _own(span: FinishedSpan, spans: list[FinishedSpan]) -> float:
    """By looking at every millisecond: all times are whole ones."""
    below = [each for each in spans if each.parent_id == span.span_id]
    ticks = range(round(span.start * 1000), round(span.end * 1000))
    return (
        sum(not any(each.start * 1000 <= t + 0.5 < each.end * 1000 for each in below) for t in ticks) / 1000
    )


# ---------------------------------------------------------------- the shop


def test_grpc_takes_no_capital_letters_in_a_metadata_key() -> None:
    assert metadata_of({"traceparent": "x", "order-id": "7"})
    with pytest.raises(ValueError, match="gRPC takes no metadata key 'Traceparent'"):
        metadata_of({"Traceparent": "x"})


def test_no_context_is_told_as_no_ids() -> None:
    assert told(None) == {"trace": None, "span": None, "flags": None}
