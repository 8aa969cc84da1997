"""The pictures of a view that follows what is written: the staleness band, reads against writes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from classroom.pictures import Picture, staleness_band, throughput
from classroom.world.history import Event
from tests.pictures.boxes import collisions, outside

Fact = tuple[float, str, dict[str, Any]]
CHANGES: list[Fact] = [(1.0, "changed", {}), (2.0, "changed", {}), (2.5, "changed", {})]
VIEW: list[Fact] = [(1.1, "projected", {"new": 1}), (2.8, "projected", {"new": 2})]
FRESH: Fact = (1.5, "look", {"since": 1.498, "version": 1})
STALE: Fact = (2.3, "look", {"since": 2.298, "version": 1})
WAITED: Fact = (2.8, "look", {"since": 2.52, "version": 3})
BY_WRITER: Fact = (2.6, "look", {"since": 2.598, "version": 3, "source": "writer"})
PENDING: Fact = (2.75, "look", {"since": 2.55, "version": None})
AHEAD: Fact = (2.9, "look", {"since": 2.898, "version": 4})
WAYS = {
    "one model": [(12.0, 3.0, "1 reader"), (6.0, 7.0, "4 readers"), (2.0, 9.0, "16 readers")],
    "a view for reading": [(19.0, 50.0, "1 copy"), (19.0, 170.0, "4 copies")],
}


def history(*facts: Fact) -> tuple[Event, ...]:
    ordered = sorted(facts, key=lambda fact: fact[0])
    return tuple(Event(n, at, "node", kind, data) for n, (at, kind, data) in enumerate(ordered))


def band(*looks: Fact, view: list[Fact] = VIEW, **options: Any) -> Picture:
    return staleness_band(history(*CHANGES, *view, *looks), **options)


def pictures() -> dict[str, Picture]:
    return {
        "all kinds": band(FRESH, STALE, WAITED, BY_WRITER, PENDING, AHEAD, prediction=2),
        "no looks": band(),
        "from later": band(STALE, WAITED, since=1.5, prediction=None),
        "never projected": band(view=[]),
        "throughput": throughput(WAYS, title="Four copies: seventeen times the reads"),
    }


@pytest.mark.parametrize("name", pictures())
def test_no_letters_stand_on_others_or_leave_the_paper(name: str) -> None:
    picture = pictures()[name]
    ElementTree.fromstring(picture.svg)
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture == pictures()[name]
    assert picture.alt.startswith(picture.title)
    assert picture.text


@pytest.mark.parametrize(
    ("looks", "title"),
    [
        ((FRESH,), "The view is up to 0.8 s behind; none of 1 look is stale"),
        ((FRESH, STALE, WAITED), "The view is up to 0.8 s behind; 1 of 3 looks is stale"),
        ((FRESH, PENDING), "The view is up to 0.8 s behind; none of 2 looks is stale, 1 is told 'pending'"),
        ((FRESH, AHEAD), "The view counted a change twice; 1 of 2 looks shows it"),
        ((), "The view is up to 0.8 s behind"),
    ],
)
def test_the_title_says_how_far_behind_the_view_is_and_who_saw_it(
    looks: tuple[Fact, ...], title: str
) -> None:
    assert band(*looks).title == title


def test_a_change_that_is_not_in_the_view_at_the_end_is_said() -> None:
    assert band(view=VIEW[:1]).title == (
        "The view is up to 0.1 s behind, and 2 changes are not in it at the end"
    )
    assert band(view=[]).title == "The view shows none of 3 changes"


def test_a_view_that_is_written_with_the_change_itself_is_never_behind() -> None:
    at_once = [(at, "projected", {"new": 1}) for at, _, _ in CHANGES]
    assert band(FRESH, view=at_once).title == "The view is never behind; none of 1 look is stale"


def test_the_text_of_a_band_has_a_row_for_each_change_and_each_look() -> None:
    assert band(STALE, BY_WRITER, PENDING).text.splitlines() == [
        "change  written at  in the view after",
        "     1     1.000 s              0.1 s",
        "     2     2.000 s              0.8 s",
        "     3     2.500 s              0.3 s",
        "asked at  took      shown      written  by",
        " 2.298 s  2 ms      1 stale          2  view",
        " 2.598 s  2 ms      3                3  writer",
        " 2.550 s  0.2 s     pending          3  view",
    ]


def test_what_was_predicted_stands_beside_what_was_measured() -> None:
    assert band(STALE, prediction=5).text.endswith("your prediction: 5 stale; it was 1")
    assert band(STALE, prediction=None).text.endswith("no prediction made")


def test_the_text_of_a_throughput_is_a_row_for_each_way() -> None:
    rows = pictures()["throughput"].text.splitlines()
    assert rows[0].split() == ["writes/s", "reads/s"]
    assert rows[-1].split() == ["a", "view", "for", "reading,", "4", "copies", "19.0", "170.0"]


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="no event `changed`"):
        staleness_band(history(*VIEW))
    with pytest.raises(ValueError, match="one way with a point or more"):
        throughput({}, title="nothing")
