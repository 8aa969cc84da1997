import xml.etree.ElementTree as ElementTree

import pytest

from classroom.pictures import crash_strip, curves, dead_letters, phase_map
from classroom.world.effects import Effect
from classroom.world.history import Event
from tests.pictures import histories
from tests.pictures.boxes import collisions, outside

EFFECTS = [
    Effect("worker-1", number, what, number / 10)
    for number, what in enumerate(
        ["send POST broker/queues/charges/receive", "send POST card/charges", "commit"], 1
    )
]
SWEPT = [
    (effect, when, ["order 1 is charged twice"] if (effect.number, when) == (2, "after") else [])
    for effect in EFFECTS
    for when in ("before", "after")
]
MAP = {(x, y): "charged twice" if x > y else "charged once" for x in (0, 30, 60, 90) for y in (10, 40, 70)}
CURVES = {"alone": [(0.0, 0.0), (5.0, 9.0)], "with order 13": [(0.0, 0.0), (9.0, 4.0)]}


def pictures():
    return {
        "strip": crash_strip(SWEPT),
        "map": phase_map(MAP, x="pause, s", y="visibility_timeout, s", good="charged once", here=(30, 10)),
        "curves": curves(CURVES, x="seconds", y="orders done", prediction=7),
    }


@pytest.mark.parametrize("name", pictures())
def test_no_letters_stand_on_others_or_leave_the_paper(name):
    picture = pictures()[name]
    ElementTree.fromstring(picture.svg)
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture == pictures()[name]
    assert picture.alt.startswith(picture.title)


def test_the_title_of_a_strip_counts_what_broke():
    assert pictures()["strip"].title == "worker-1: 1 of 6 crash points breaks the promise"
    kept = crash_strip([(effect, when, []) for effect, when, _ in SWEPT])
    assert kept.title == "worker-1: none of 6 crash points breaks the promise"
    assert "Every crash point is green." in kept.alt


def test_each_cell_of_a_map_says_its_values_and_what_became_of_that_run():
    drawn = ElementTree.fromstring(pictures()["map"].svg)
    cells = [each for each in drawn.iter("{http://www.w3.org/2000/svg}g") if each.get("data-x")]
    assert len(cells) == len(MAP)
    for cell in cells:
        assert MAP[float(cell.get("data-x")), float(cell.get("data-y"))] in cell.get("aria-label")


def test_the_text_of_a_map_counts_its_outcomes_and_says_where_the_reader_stands():
    text = pictures()["map"].text
    for outcome in set(MAP.values()):
        assert f"{outcome}: {list(MAP.values()).count(outcome)} of 12 runs" in text
    assert "your choice: pause, s 30" in text


def test_what_a_run_says_is_escaped():
    evil = "<script>alert(1)</script>"
    assert "<script" not in phase_map({(1, 1): evil}, x=evil, y=evil).svg
    assert "<script" not in crash_strip([(Effect(evil, 1, evil, 0.0), "before", [evil])]).svg
    sent = Event(0, 0.0, "broker", "sent", {"queue": evil, "message": 1, "body": evil})
    facts = {"queue": evil, "message": 1, "reason": evil, "to": evil, "receive_count": 3}
    assert "<script" not in dead_letters([sent, Event(1, 1.0, "broker", "dead", facts)]).html()


def test_the_dead_letters_say_what_why_when_how_often_and_from_where():
    found = dead_letters(histories.poison())
    assert found.title == "1 message in charges-dead"
    for words in ('"order": 13', "max_receive_count", "90.0 s", "3", "charges"):
        assert words in found.text


def test_what_was_redriven_is_no_dead_letter_any_more():
    history = histories.poison()
    facts = {"queue": "charges", "message": 1, "source": "charges-dead", "to": "charges"}
    again = [*history, Event(len(history), 95.0, "broker", "redriven", facts)]
    assert dead_letters(again, "charges-dead").title == "No message in charges-dead"
