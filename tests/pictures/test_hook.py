"""The README's picture is of lesson 08's night as it runs today, and says nothing that the run does not."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from classroom.pictures import svg
from classroom.pictures.film import Film, Pose
from classroom.pictures.hook import hook, main
from classroom.pictures.hook_night import LESSON, NIGHT, alt, lessons_run, night_of
from tests.pictures import histories
from tests.repository import ROOT

FILE = ROOT / "lessons" / "pictures" / "hook.svg"
KILOBYTE = 1_000


@pytest.fixture(scope="module")
def run():
    return lessons_run(ROOT)


@pytest.fixture(scope="module")
def drawing(run):
    return hook(run)


def words_in(drawing: str) -> list[str]:
    """Every line of letters of a drawing, its title and its description."""
    return [each.text for each in ET.fromstring(drawing).iter() if each.text and each.tag[-5:] != "style"]


def figures_in(drawing: str) -> set[str]:
    return set(re.findall(r"\d+(?:[.:]\d+)*", " ".join(words_in(drawing))))


# -- the file -----------------------------------------------------------------------------


def test_the_committed_picture_is_the_one_that_the_lesson_gives_today(drawing):
    assert FILE.read_text(encoding="utf-8") == drawing, "make it again: make pictures"


def test_the_picture_is_small_and_asks_nobody_for_anything(drawing):
    assert len(drawing.encode()) <= 60 * KILOBYTE
    assert re.findall(r"https?://[^\"' ]+", drawing) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|<foreignObject|@import|url\(|\bon\w+=", drawing)


def test_the_command_writes_the_file_and_says_its_size(run, drawing, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("classroom.pictures.hook.lessons_run", lambda root: run)
    target = tmp_path / "hook.svg"
    assert main([str(target)]) == 0
    assert target.read_text(encoding="utf-8") == drawing
    assert f"{len(drawing.encode()):,} bytes" in capsys.readouterr().out


def test_the_command_without_a_path_says_how_it_is_used(capsys):
    assert main([]) == 2
    assert "usage: " in capsys.readouterr().err


# -- what it says -------------------------------------------------------------------------


def test_every_figure_of_the_picture_is_in_the_run(run, drawing):
    sent, (first, again), charges = run.of("sent")[0], run.of("leased"), run.of("charge")
    expired, pause = run.of("expired")[0], run.of("pause")[0]
    cents = [charge["amount"] for charge in charges]
    seconds = [expired.at, pause["lasts"], first["until"] - first.at, *(charge.at for charge in charges)]
    known = {
        str(sent["body"]["order"]),
        *(each["consumer"].removeprefix("worker-") for each in (first, again)),
        *(f"{amount / 100:.2f}" for amount in [*cents, sum(cents)]),
        *(f"{value:.1f}".removesuffix(".0") for value in seconds),
        *(f"{NIGHT}:{second:02}" for second in range(int(charges[-1].at) + 1)),
        LESSON.name[:2],
    }
    assert figures_in(drawing) <= known


def test_the_clock_shows_the_lessons_hour(run):
    assert f"At {NIGHT} " in (ROOT / LESSON).read_text(encoding="utf-8")
    assert int(run.of("leased")[0].at) == 0


def test_the_clock_rolls_over_every_second_up_to_the_last_charge(run, drawing):
    shown = [words for words in words_in(drawing) if re.fullmatch(r"\d\d:\d\d:\d\d", words)]
    assert shown == [f"{NIGHT}:{second:02}" for second in range(int(run.of("charge")[-1].at) + 1)]


def test_another_night_makes_another_picture():
    other = hook(another_night())
    assert "order 9" in other and "order 7" not in other
    assert "19.90" not in other
    assert {"25.50", "51.00", "20", "65", f"{NIGHT[:-2]}15:05"} <= figures_in(other)
    assert not {"30", "40", "39.80"} & figures_in(other)


def test_whoever_paid_is_who_asked_the_card(run):
    night = night_of(run)
    asked = [event["caller"] for event in run.of("arrive", node="card")]
    assert [who for _, who, _ in night.charges] == asked
    assert [at for at, _, _ in night.charges] == [event.at for event in run.of("charge")]


@pytest.mark.parametrize(
    "history", [histories.went_well(1), histories.died_before_the_ack(), histories.paused_past_the_lease()]
)
def test_a_run_with_another_story_is_refused(history):
    with pytest.raises(ValueError, match="this film is of"):
        hook(history)


def test_the_description_tells_the_same_story(run, drawing):
    description = alt(night_of(run))
    assert svg.escape(description) in drawing
    assert description.endswith("Ada paid twice.")


def another_night():
    """Order 9 for 25.50, a lease of 20 s, a pause of 65 s; in a history written by hand."""
    diary = histories.Diary()
    diary.send(9, 1)
    diary.receive("worker-1", 1)
    diary.write("worker-1", "pause", lasts=65.0)
    diary.expire(1, 1, 20.0)
    diary.receive("worker-2", 1, 2)
    diary.charge("worker-2", 9)
    diary.ack("worker-2", 1, 2)
    diary.at = 65.0
    diary.write("worker-1", "resume", 0.0)
    diary.charge("worker-1", 9)
    diary.ack("worker-1", 1, 1, stale=True)
    changed = []
    for event in diary.events:
        data = dict(event.data)
        if event.kind == "charge":
            data["amount"] = 2550
        if event.kind == "leased":
            data["until"] = event.at + 20
        changed.append(replace(event, data=data))
    return changed


# -- how it moves -------------------------------------------------------------------------


def test_nothing_moves_where_motion_is_not_wanted(drawing):
    outside = re.sub(r"@media \(prefers-reduced-motion:no-preference\)\{.*?\}\}</style>", "", drawing)
    assert "@keyframes" in drawing
    assert "animation" not in outside and "@keyframes" not in outside


def test_without_motion_the_end_of_the_story_is_seen_and_nothing_else(drawing):
    """What is hidden says so in an attribute, so it is hidden wherever styles are taken away."""
    shown: list[str] = []

    def look(element):
        if element.get("opacity") != "0":
            shown.extend([element.text] if element.tag.endswith("}text") else [])
            for child in element:
                look(child)

    look(ET.fromstring(drawing))
    assert {"Ada paid twice.", "Play it", "Nothing crashed. Why?"} <= set(shown)
    assert [words for words in shown if "waits" in words or "wakes" in words or "lease" in words] == []


def test_no_letters_are_too_small_for_a_telephone(drawing):
    sizes = [float(size) for size in re.findall(r'<text[^>]* font-size="([\d.]+)"', drawing)]
    assert len(sizes) == drawing.count("<text")
    assert min(sizes) * 360 / 600 >= 10  # pixels, on a page 360 pixels wide


def test_the_colours_of_dark_paper_are_there(drawing):
    assert "@media (prefers-color-scheme:dark)" in drawing


def test_a_film_goes_from_its_first_pose_to_its_last():
    film = Film(10, still=9)
    moved = film.move("<path/>", Pose(2, x=1), Pose(4, x=5, seen=0.5))
    assert 'transform="translate(5 0) scale(1 1)" opacity="0.5"' in moved
    percents = [float(value) for value in re.findall(r"([\d.]+)%\{", film.style())]
    assert percents == [0, 20, 40, 100] and all(a < b for a, b in pairwise(percents))


@pytest.mark.parametrize("poses", [(), (Pose(3), Pose(2)), (Pose(1), Pose(11)), (Pose(8), Pose(10, x=1))])
def test_a_film_refuses_what_has_no_order_no_end_or_no_still(poses):
    with pytest.raises(ValueError):
        Film(10, still=9).move("<path/>", *poses)
