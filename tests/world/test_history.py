"""Events, the digest, and the Run that is made of them."""

from __future__ import annotations

import dataclasses
import enum
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom.world.history import Event, digest, plain
from classroom.world.run import Run

EVENTS = (
    Event(0, 0.0, "orders", "start", {"incarnation": 1}),
    Event(1, 0.5, "ada", "request", {"call": 1, "to": "orders"}),
    Event(2, 0.501, "orders", "arrive", {"call": 1, "caller": "ada"}),
    Event(3, 1.0, "orders", "crash", {"incarnation": 1, "down": None}),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


def test_an_event_is_read_like_a_dict():
    event = EVENTS[1]

    assert event["to"] == "orders"
    assert event.get("status") is None
    assert event.get("status", 0) == 0


def test_an_event_is_a_value():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EVENTS[0].at = 2.0  # type: ignore[misc]


def test_an_event_shows_itself_on_one_line_without_what_is_none():
    assert str(EVENTS[3]) == "     1.000 s  orders       crash      incarnation=1"


@given(values)
def test_what_is_plain_can_be_stored_as_json_and_stays_what_it_is(value: object):
    made = plain(value)

    assert json.loads(json.dumps(made)) == made or "NaN" in json.dumps(made)
    assert repr(plain(made)) == repr(made)


@pytest.mark.parametrize(
    "value, made",
    [
        (0.1 + 0.2, 0.3),
        ((1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (b"\xff", "\\xff"),
        ({1: {"x"}}, {"1": ["x"]}),
        (object(), "<object>"),
        ("at 0x1", "at 0x1"),
        ("<f at 0xDEADbeef>", "<f>"),
    ],
)
def test_plain_values(value: object, made: object):
    assert plain(value) == made


def test_a_member_of_an_enum_of_texts_is_a_text():
    class Colour(enum.StrEnum):
        RED = "red"

    assert json.dumps(plain({"colour": Colour.RED})) == '{"colour": "red"}'


def test_equal_histories_have_equal_digests_of_16_hex_digits():
    assert digest(EVENTS) == digest(list(EVENTS))
    assert len(digest(EVENTS)) == 16
    assert int(digest(EVENTS), 16) >= 0


def test_the_digest_is_the_same_on_every_machine_and_in_every_year():
    assert digest(EVENTS) == "f93a8c6dde1f4bef"


@pytest.mark.parametrize("change", [{"at": 0.500001}, {"node": "bob"}, {"kind": "asked"}, {"data": {}}])
def test_another_history_has_another_digest(change: dict):
    changed = [EVENTS[0], dataclasses.replace(EVENTS[1], **change), *EVENTS[2:]]

    assert digest(changed) != digest(EVENTS)


def test_the_order_of_an_events_data_makes_no_difference():
    turned = dataclasses.replace(EVENTS[1], data={"to": "orders", "call": 1})

    assert digest([EVENTS[0], turned, *EVENTS[2:]]) == digest(EVENTS)


def test_infinity_can_be_digested():
    assert digest([Event(0, 0.0, "world", "pause", {"lasts": math.inf})])


def test_of_finds_events_by_kind_by_node_and_by_data():
    run = Run(EVENTS)

    assert run.of("request") == [EVENTS[1]]
    assert run.of("request", "arrive", call=1) == [EVENTS[1], EVENTS[2]]
    assert run.of(node="orders") == [EVENTS[0], EVENTS[2], EVENTS[3]]
    assert run.of("request", call=2) == []


def test_a_run_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Run(EVENTS).seed = 2  # type: ignore[misc]


def test_a_run_says_what_it_is():
    run = Run(EVENTS, seed=7, duration=1.0, scenario="checkout")

    assert repr(run) == f"<Run of checkout: 4 events in 1.000 s, seed=7, digest {run.digest}>"


def test_a_run_that_broke_off_says_by_what():
    assert "ended by KeyError: 'lamp'" in repr(Run(EVENTS, error=KeyError("lamp")))


def test_raising_twice_adds_the_waiting_lines_once():
    run = Run(EVENTS, error=ValueError("x"), waiting=("cook: waits",))

    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            run.raise_error()

    assert run.error is not None
    assert run.error.__notes__ == ["cook: waits"]
