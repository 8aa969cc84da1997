"""The course map, and that README's table says the same."""

from __future__ import annotations

import re

import pytest

from classroom.lessons import LESSONS
from classroom.pictures import course_map
from tests.pictures.boxes import collisions, outside
from tests.repository import ROOT

SPINE = {lesson.number for lesson in LESSONS if lesson.spine}


def test_the_title_adds_up_the_way_through() -> None:
    minutes = sum(lesson.minutes + lesson.exercise for lesson in LESSONS if lesson.number in SPINE)
    title = course_map(here=SPINE).title
    assert title.startswith(f"The way through: {len(SPINE)} lessons and 7 exercises")
    assert f"{minutes // 60} h {minutes % 60:02} min; {len(SPINE)} of 20 lessons are here" in title


def test_the_text_says_of_each_lesson_whether_it_is_here_and_where_you_are() -> None:
    rows = course_map("08", here={"00", "08"}).text.splitlines()
    assert [row[:2] for row in rows] == [lesson.number for lesson in LESSONS]
    assert [row[:2] for row in rows if ", here, " in row] == ["00", "08"]
    assert [row[:2] for row in rows if "you are here" in row] == ["08"]


def test_without_being_told_it_looks_which_lessons_lie_in_the_clone() -> None:
    here = {path.name[:2] for path in (ROOT / "lessons").glob("*.ipynb")}
    assert course_map().text == course_map(here=here).text


@pytest.mark.parametrize("at", [None, "00", "12"])
def test_no_letters_stand_on_others_or_leave_the_paper(at: str | None) -> None:
    drawing = course_map(at, here=SPINE).svg
    assert collisions(drawing) == []
    assert outside(drawing) == []


def test_no_lesson_is_no_place() -> None:
    with pytest.raises(ValueError, match="no lesson '20'"):
        course_map("20")


def test_the_readme_maps_the_same_lessons() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in readme.splitlines() if re.match(r"\| \d\d \|", line)]
    plain = [[re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", cell) for cell in row[:4]] for row in rows]
    assert plain == [
        [
            lesson.number,
            lesson.title,
            f"{lesson.minutes} + {lesson.exercise}" if lesson.exercise else f"{lesson.minutes}",
            lesson.question,
        ]
        for lesson in LESSONS
    ]
