import pytest

from minibroker import TRANSITIONS, Event, IllegalMove, State
from minibroker.delivery_states import AFTER, allowed, next_state


def test_every_state_can_be_reached_from_new():
    reached, frontier = {State.NEW}, [State.NEW]
    while frontier:
        state = frontier.pop()
        for (source, _), target in TRANSITIONS.items():
            if source is state and target not in reached:
                reached.add(target)
                frontier.append(target)
    assert reached == set(State)


def test_every_event_has_a_place_in_the_table():
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_only_a_message_that_is_done_has_no_way_on():
    assert [state for state in State if not allowed(state)] == [State.DONE]


def test_no_other_move_than_those_of_the_table_is_possible():
    for state in State:
        for event in Event:
            if (state, event) in TRANSITIONS:
                assert next_state(state, event) is TRANSITIONS[state, event]
            else:
                with pytest.raises(IllegalMove):
                    next_state(state, event)


def test_an_illegal_move_names_the_state_and_what_is_allowed_there():
    with pytest.raises(IllegalMove, match=r"is ready cannot ack; allowed: receive, lapse, overflow$"):
        next_state(State.READY, Event.ACK)
    with pytest.raises(IllegalMove, match=r"is done cannot ack; allowed: nothing more$"):
        next_state(State.DONE, Event.ACK)


def test_the_table_cut_by_event_says_the_same_and_refuses_the_same():
    for event in Event:
        for state in State:
            if (state, event) in TRANSITIONS:
                assert AFTER[event][state] is TRANSITIONS[state, event]
            else:
                with pytest.raises(IllegalMove, match=f"{state} cannot {event}"):
                    AFTER[event][state]
