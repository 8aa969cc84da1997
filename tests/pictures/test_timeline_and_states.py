import xml.etree.ElementTree as ElementTree

import pytest

from classroom.pictures import states, timeline
from classroom.world.history import Event
from minibroker.delivery_states import TRANSITIONS
from tests.pictures import histories
from tests.pictures.boxes import collisions, outside

CASES = {
    "paused": histories.paused_past_the_lease(),
    "died": histories.died_before_the_ack(),
    "lost": histories.lost_reply(),
    "poison": histories.poison(),
    "well": histories.went_well(4),
    "nothing": (),
}


@pytest.mark.parametrize("draw", [timeline, states])
@pytest.mark.parametrize("name", CASES)
def test_no_letters_stand_on_others_or_leave_the_paper(name, draw):
    picture = draw(CASES[name])
    ElementTree.fromstring(picture.svg)
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture == draw(CASES[name])


def test_the_timeline_says_by_how_much_two_deliveries_overlap():
    picture = timeline(histories.paused_past_the_lease())
    assert picture.title == "Order 7: the second delivery starts 10 s before the first ends"
    assert picture.title in picture.alt
    assert "worker-1 still has it: 10 s" in picture.svg


def test_the_timeline_of_a_crash_says_when_the_next_delivery_starts():
    assert timeline(histories.died_before_the_ack()).title.startswith(
        "Order 1: the second delivery starts 30 s after"
    )
    assert "crash, down 2 s" in timeline(histories.died_before_the_ack()).svg


def test_the_text_of_a_timeline_has_leases_work_and_acks_that_came_too_late():
    text = timeline(histories.paused_past_the_lease()).text
    assert "expired" in text and "acked" in text and "ack too late" in text and "pauses" in text
    assert text.count("order 7 charged") == 2


def test_a_prediction_stands_on_the_picture_or_that_there_was_none():
    history = histories.paused_past_the_lease()
    asked = {"label": "charges for order 7", "measured": 2}
    assert (
        "charges for order 7: you predicted 1, the run gave 2" in timeline(history, prediction=1, **asked).svg
    )
    assert "the run gave 2 too" in timeline(history, prediction=2, **asked).text
    assert "No prediction made." in timeline(history, prediction=None).alt
    assert "prediction" not in timeline(history).svg


def test_only_the_deliveries_that_were_asked_for():
    text = timeline(histories.went_well(4), about=3).text
    assert "order 3" in text and "order 2" not in text


def test_many_deliveries_are_folded_and_counted():
    picture = timeline(histories.went_well(300))
    assert "260 deliveries that came later" in picture.text
    assert len(picture.svg) < 120_000


# -- states -------------------------------------------------------------------------------


def test_the_diagram_draws_every_move_of_the_table_and_no_other():
    drawn = states().svg
    for state, event in TRANSITIONS:
        assert f">{event.replace('_', ' ')}<" in drawn and state
    assert states().text.count("-->") == len(TRANSITIONS)


def test_the_path_of_a_message_is_numbered_in_order():
    picture = states(histories.paused_past_the_lease())
    assert picture.title == "Order 7 is received twice; at the end it is done"
    moves = [line.split("--")[1].strip() for line in picture.text.splitlines()]
    assert moves == ["send", "receive", "expire", "receive", "ack"]
    assert "Path: new, ready, in_flight, ready, in_flight, done." in picture.alt


def test_the_last_delivery_of_poison_ends_among_the_dead_letters():
    picture = states(histories.poison())
    assert picture.title == "Order 13 is received 3 times; at the end it is among the dead letters"
    assert picture.text.splitlines()[-1].endswith("in_flight -- exhaust --> dead")


def test_a_move_that_the_table_does_not_allow_is_said():
    history = [
        *histories.went_well(1),
        Event(500, 9.0, "broker", "leased", {"queue": "charges", "message": 1}),
    ]
    picture = states(history)
    assert "receive in state done, which the table does not allow" in picture.text
    assert "does not allow" in picture.svg


def test_a_state_that_is_new_is_drawn_too():
    more = {**TRANSITIONS, ("in_flight", "park"): "parked", ("parked", "resume"): "ready"}
    picture = states(transitions=more)
    assert ">parked<" in picture.svg and collisions(picture.svg) == []
