"""A map to click through, without a browser: its cells, what it answers, what stands where no script runs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from classroom.panels import explore
from classroom.panels.explore import cells_of
from classroom.pictures import Picture, phase_map

CELLS = "".join(f'<rect class="cell" data-x="{x}" data-y="{y}"/>' for x in (0, 2.5) for y in (30, "none"))
MAP = Picture("No timeout saves you", f"<svg>{CELLS}</svg>", "alt", "text")


def run(x, y):
    return SimpleNamespace(x=x, y=y)


def explorer(**options):
    return explore(MAP, run, view=lambda run: None, say=lambda run: f"{run.x!r} and {run.y!r}", **options)


def test_cells_are_found_in_whatever_order_their_attributes_stand():
    svg = '<g data-y="30" tabindex="0" data-x="a&amp;b"><path data-x="1"/></g>'
    assert cells_of(svg) == {("a&b", 30): ("a&b", "30")}


def test_a_cell_that_is_clicked_makes_its_run_from_numbers_and_words():
    an_explorer = explorer()
    assert an_explorer.answer({"x": "2.5", "y": "30"})["sentence"] == "2.5 and 30"
    assert an_explorer.answer({"x": "0", "y": "none"})["sentence"] == "0 and 'none'"
    assert an_explorer.chosen == (0, "none")
    assert an_explorer.run.y == "none"


def test_a_cell_that_the_map_does_not_have_is_told_and_nothing_changes():
    an_explorer = explorer()
    answer = an_explorer.answer({"x": "7", "y": "30"})
    assert answer == {"sentence": "The map has no cell at x=7, y=30.", "failed": True}
    assert an_explorer.chosen is None and an_explorer.run is None


def test_a_page_made_anew_is_told_which_cell_is_chosen_by_now():
    an_explorer = explorer(start=(0, 30))
    assert an_explorer.answer({"hello": True}) == {}
    an_explorer.answer({"x": "2.5", "y": "none"})
    answer = an_explorer.answer({"hello": True})
    assert (answer["chosen"], answer["sentence"]) == (["2.5", "none"], "2.5 and 'none'")


def test_the_house_s_own_phase_map_can_be_clicked():
    drawn = phase_map({(x, y): "fine" for x in (0, 40) for y in (5, 0.5)}, x="pause (s)", y="lease (s)")
    assert set(cells_of(drawn.svg)) == {(0, 5), (0, 0.5), (40, 5), (40, 0.5)}


def test_without_scripts_it_is_the_map_and_the_first_cell_s_run():
    assert explorer()._repr_mimebundle_()["text/plain"] == f"{MAP.title} [{MAP.digest}]"
    bundle = explorer(start=(0, 30))._repr_mimebundle_()
    assert "<img" in bundle["text/html"] and "0 and 30" in bundle["text/html"]
    assert bundle["text/plain"].splitlines()[1] == "0 and 30"


def test_a_picture_without_cells_and_a_start_off_the_map_are_refused():
    with pytest.raises(ValueError, match="no cells"):
        explore(Picture("t", "<svg/>", "a", "t"), run, view=str, say=str)
    with pytest.raises(ValueError, match=r"no cell at x=1, y=30"):
        explorer(start=(1, 30))
