"""The tables: what they promise by themselves, before anybody uses them."""

from __future__ import annotations

import pytest

from services.saga import (
    COMMAND_TRANSITIONS,
    SAGA_TRANSITIONS,
    STEP_TRANSITIONS,
    CommandEvent,
    CommandState,
    Event,
    IllegalMove,
    SagaState,
    StepState,
)
from services.saga.states import ENDED, Moves


def reachable(table: Moves, start: object) -> set[object]:
    found, new = {start}, {start}
    while new:
        new = {target for (source, _), target in table.items() if source in new} - found
        found |= new
    return found


@pytest.mark.parametrize(
    ("table", "start", "states"),
    [
        (SAGA_TRANSITIONS, SagaState.NEW, SagaState),
        (STEP_TRANSITIONS, StepState.WAITING, StepState),
        (COMMAND_TRANSITIONS, CommandState.UNKNOWN, CommandState),
    ],
)
def test_every_state_is_reached_from_the_first(table, start, states):
    assert reachable(table, start) == set(states)


def test_a_saga_ends_completed_or_compensated_and_nowhere_else():
    last = {state for state in SagaState if not SAGA_TRANSITIONS.allowed(state)}

    assert last == set(ENDED) == {SagaState.COMPLETED, SagaState.COMPENSATED}
    for state in SagaState:
        assert reachable(SAGA_TRANSITIONS, state) & last


def test_past_the_pivot_nothing_goes_back():
    assert SagaState.COMPENSATING not in reachable(SAGA_TRANSITIONS, SagaState.COMMITTED)
    assert SagaState.COMPENSATED not in reachable(SAGA_TRANSITIONS, SagaState.COMMITTED)


def test_what_is_being_undone_is_not_done_after_all():
    assert SagaState.COMPLETED not in reachable(SAGA_TRANSITIONS, SagaState.COMPENSATING)


def test_it_can_be_cancelled_until_the_pivots_command_may_be_out():
    assert [state for state in SagaState if Event.CANCEL in SAGA_TRANSITIONS.allowed(state)] == [
        SagaState.RUNNING
    ]


def test_what_is_in_doubt_is_undone_and_what_is_refused_is_not():
    assert [state for state in StepState if Event.UNDO in STEP_TRANSITIONS.allowed(state)] == [
        StepState.IN_DOUBT,
        StepState.DONE,
    ]


def test_a_service_has_an_answer_to_whatever_it_is_asked_in_every_state():
    for state in CommandState:
        for event in (CommandEvent.DO, CommandEvent.UNDO):
            assert (state, event) in COMMAND_TRANSITIONS


def test_what_was_undone_or_refused_is_never_done():
    for state in (CommandState.UNDONE, CommandState.REFUSED):
        assert reachable(COMMAND_TRANSITIONS, state) == {state}


def test_an_illegal_move_names_what_would_be_allowed():
    with pytest.raises(IllegalMove, match="after committed there can be no cancel; allowed: start,"):
        SAGA_TRANSITIONS[SagaState.COMMITTED, Event.CANCEL]
