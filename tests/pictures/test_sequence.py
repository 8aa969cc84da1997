import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from hashlib import sha256

import pytest

from classroom.pictures import Picture, sequence, story, table
from classroom.world.history import Event
from tests.pictures import histories
from tests.pictures.boxes import collisions, outside

CASES = {
    "paused": histories.paused_past_the_lease(),
    "died": histories.died_before_the_ack(),
    "lost": histories.lost_reply(),
    "poison": histories.poison(),
    "well": histories.went_well(3),
    "nothing": (),
}


@pytest.mark.parametrize("name", CASES)
def test_no_letters_stand_on_others_or_leave_the_paper(name):
    picture = sequence(CASES[name])
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []


@pytest.mark.parametrize("name", CASES)
def test_the_drawing_is_well_formed_and_the_same_each_time(name):
    first, second = sequence(CASES[name]), sequence(CASES[name])
    ElementTree.fromstring(first.svg)
    assert first == second


def test_title_and_alt_text_state_the_finding():
    picture = sequence(histories.paused_past_the_lease())
    assert picture.title == "Order 7 is charged twice"
    assert picture.alt.startswith("Order 7 is charged twice.")
    assert "worker-1 crashes" in sequence(histories.died_before_the_ack()).alt


def test_the_text_twin_says_what_the_drawing_says():
    picture = sequence(histories.died_before_the_ack())
    shown = {
        each.text for each in ElementTree.fromstring(picture.svg).iter("{http://www.w3.org/2000/svg}text")
    }
    for words in (
        "send order 1",
        "order 1 (second time)",
        "crash",
        "starts again",
        "charge order 1 again: 1,990",
    ):
        assert words in shown
        assert words in picture.text


def test_receives_that_brought_nothing_are_left_out_and_counted():
    picture = sequence(histories.paused_past_the_lease())
    assert "1 receive that brought nothing" in picture.text
    assert "1 receive that brought nothing" in picture.alt


def test_a_wait_is_a_gap_that_says_how_long():
    drawn = sequence(histories.paused_past_the_lease()).svg
    assert re.search(r"… 30 s later", drawn)
    assert "pauses 40 s" in drawn


def test_what_was_lost_or_refused_says_so_and_a_reply_that_comes_late_too():
    picture = sequence(histories.lost_reply())
    for words in (
        "reply lost",
        "gives up after 5 s",
        "refused: nobody listens",
        "the network between worker-1 and",
    ):
        assert words in picture.text


def test_a_long_run_is_folded_and_says_what_is_left_out():
    long = histories.went_well(60)
    picture = sequence(long)
    assert picture.svg.count("<line") < 400
    assert "Left out:" in picture.text and "between=(from, to)" in picture.text
    assert "order 60" in sequence(long, limit=10_000).text


def test_only_the_lanes_and_the_time_that_were_asked_for():
    history = histories.paused_past_the_lease()
    assert "orders" not in sequence(history, nodes=["worker-2", "card"]).text
    assert "send order 7" not in sequence(history, between=(20, 60)).text


def test_what_a_run_says_is_escaped():
    evil = "</text><script>alert(1)</script>\x00"
    history = [*histories.went_well(1), Event(999, 9.0, evil, "note", {"order": evil, "text": evil})]
    picture = sequence(history, title=evil)
    assert "<script" not in picture.svg and "<script" not in picture.html()
    ElementTree.fromstring(picture.svg)
    assert "<script" not in table(history).html()


def test_a_picture_is_the_same_with_another_hash_seed():
    code = "from classroom.pictures import sequence; from tests.pictures import histories as h\n"
    code += "from hashlib import sha256\n"
    code += "print(sha256(sequence(h.died_before_the_ack()).svg.encode()).hexdigest())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": s}, capture_output=True, text=True
        ).stdout
        for s in ("1", "2")
    }
    assert found == {sha256(sequence(histories.died_before_the_ack()).svg.encode()).hexdigest() + "\n"}


def test_a_notebook_shows_an_image_with_alt_text_and_nbval_compares_title_and_digest():
    picture = sequence(histories.went_well(1))
    bundle = picture._repr_mimebundle_()
    assert bundle["text/plain"] == f"{picture.title} [{picture.digest}]"
    assert "data:image/svg+xml;base64," in bundle["text/html"] and picture.title in bundle["text/html"]
    assert "color-scheme" in bundle["text/html"]


def test_the_digest_is_of_the_facts_and_not_of_the_drawing():
    one = Picture("Order 7 is charged twice", "<svg/>", "alt", "facts")
    assert one.digest == Picture("Order 7 is charged twice", "<svg></svg>", "other", "facts").digest
    assert one.digest != Picture("Order 7 is charged twice", "<svg/>", "alt", "other facts").digest


def test_a_picture_is_saved_as_svg_or_as_a_page_and_as_nothing_else(tmp_path):
    picture = sequence(histories.went_well(1))
    assert picture.save(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert picture.title in picture.save(tmp_path / "a.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"\.svg or \.html"):
        picture.save(tmp_path / "a.png")


# -- in words -----------------------------------------------------------------------------


def test_the_story_of_a_crash_before_the_ack():
    assert story(histories.died_before_the_ack()) == [
        "order 1 is sent to the queue charges",
        "worker-1 receives order 1 (first time)",
        "the card is charged 1,990 for order 1",
        "worker-1 crashes with order 1 in hand, before any ack",
        "2 s later worker-1 starts again",
        "30 s after it was received, the lease of order 1 ends without an ack; "
        "worker-1 receives order 1 (second time)",
        "the card is charged again for order 1",
        "worker-1 acks order 1: it leaves the queue",
    ]


def test_a_story_keeps_to_its_order():
    told = story(histories.went_well(5), about=3)
    assert all("order 3" in line for line in told) and len(told) >= 3


def test_a_story_is_short_and_never_drops_what_broke():
    told = story(histories.paused_past_the_lease(), lines=5)
    assert len(told) <= 5
    assert any("charged again" in line for line in told) and any("pauses for 40 s" in line for line in told)


def test_rounds_that_repeat_are_told_once():
    assert any("more time" in line for line in story(histories.poison()))
    assert (
        story(histories.poison())[-1]
        == "order 13 goes to charges-dead after 3 deliveries (max receive count)"
    )


def test_the_story_of_many_thousand_events_is_told_at_once():
    assert len(story(histories.went_well(2_000), about=1_999)) <= 8


def test_the_table_is_readable_at_100_columns_and_says_the_same_in_html():
    found = table(histories.paused_past_the_lease())
    assert max(len(line) for line in found.text.splitlines()) <= 100
    assert all(row[3] in found.html() for row in found.rows if "'" not in row[3])
    assert len(table(histories.paused_past_the_lease(), everything=True)) == len(
        histories.paused_past_the_lease()
    )
