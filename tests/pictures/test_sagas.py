"""The saga board: letters stand apart, bars begin and end where something is held, bad marks are refused."""

import xml.etree.ElementTree as ElementTree

import pytest

from classroom.pictures import Mark, saga_board
from tests.pictures.boxes import collisions, outside

SERVICES = ("orders", "inventory", "payments")
MARKS = [
    Mark(0.010, "", "start open", "log"),
    Mark(0.012, "orders", "pending", "pending"),
    Mark(0.014, "", "start reserve", "log"),
    Mark(0.016, "inventory", "2 lamps", "settled"),
    Mark(0.016, "coordinator", "dies", "dies"),
    Mark(1.016, "coordinator", "gets no answer to `do charge`", "note"),
    Mark(1.020, "inventory", "back", "over"),
    Mark(1.030, "orders", "off", "over"),
]


def board(marks=MARKS, **options):
    return saga_board(marks, services=SERVICES, title="The order is off, and the lamps are back", **options)


def bars(picture):
    """Height of each bar, by its left edge."""
    rects = ElementTree.fromstring(picture.svg).iter("{http://www.w3.org/2000/svg}rect")
    return {float(r.get("x")): float(r.get("height")) for r in rects if r.get("rx") == "3"}


def test_no_letters_stand_on_others_or_leave_the_paper():
    picture = board()
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture == board()
    assert picture.alt.startswith(picture.title)


def test_what_is_held_is_a_bar_until_it_is_given_back():
    heights = sorted(bars(board()).values())
    assert heights == [3 * 24 - 3, 6 * 24 - 3]  # inventory for 3 lines, orders for 6


def test_what_is_not_given_back_is_held_to_the_end():
    assert max(bars(board(MARKS[:-1])).values()) == 6 * 24 - 3


def test_only_what_is_pending_is_hatched():
    settled = [
        Mark(mark.at, mark.column, mark.words, mark.tone.replace("pending", "settled")) for mark in MARKS
    ]
    assert len(board().svg) > len(board(settled).svg)
    assert bars(board(settled)) == bars(board())


def test_the_text_has_a_line_for_each_mark_with_its_time_and_whose_it_is():
    lines = board().text.splitlines()
    assert len(lines) == len(MARKS)
    assert lines[0].split() == ["0.010", "s", "saga", "log", "start", "open"]
    assert lines[4].split() == ["0.016", "s", "coordinator", "dies"]


def test_long_words_are_cut_and_not_drawn_over_the_next_column():
    long = [Mark(0.0, "orders", "a state with a very long name indeed", "pending"), *MARKS]
    assert collisions(board(long).svg) == []


def test_nothing_to_draw_and_marks_without_a_column_are_refused():
    with pytest.raises(ValueError, match="there are no marks"):
        board([])
    with pytest.raises(ValueError, match="no column 'shipping'; there are: orders, inventory, payments"):
        board([Mark(0.0, "shipping", "parcel", "settled")])
    with pytest.raises(ValueError, match="a mark's tone is one of log, pending"):
        Mark(0.0, "orders", "?", "held")
