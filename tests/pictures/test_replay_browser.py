"""The replay in Chromium: it plays, steps, scrubs, speaks, and leaves everything else alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from classroom.pictures.replay import Replay, replay
from tests.pictures.replay_histories import hostile, lesson_08, long_run, lossy_shop

pytestmark = pytest.mark.browser

CLOCK = ".r-stage svg:not([style*=none]) .clock"
NOW = "(root) => +root.querySelector('.r-scrub').getAttribute('aria-valuenow')"


@pytest.fixture
def open_page(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """open_page(replay, ...): a page with these replays; complains at the end of errors and requests."""
    opened: list[Any] = []
    troubles: list[str] = []

    def show(*shown: Replay, script: bool = True, width: int = 900, **options: Any) -> Any:
        context = chromium.new_context(
            java_script_enabled=script, viewport={"width": width, "height": 1000}, **options
        )
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(("file:", "data:")) else troubles.append(asked.url),
        )
        place = tmp_path / f"page{len(opened)}.html"
        body = "".join(f"<section>{one.html}</section>" for one in shown)
        place.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{body}", encoding="utf-8")
        page.goto(place.as_uri())
        if script:
            page.wait_for_function(f"document.querySelectorAll('[data-live=ready]').length === {len(shown)}")
        opened.append(context)
        return page

    yield show
    for context in opened:
        context.close()
    assert troubles == []


def root(page: Any, number: int = 0) -> Any:
    return page.locator(".bop-replay").nth(number)


def beat(page: Any, number: int = 0) -> int:
    found: int = root(page, number).evaluate(NOW)
    return found


def test_it_begins_at_the_still_with_the_words_of_that_moment(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    assert (
        page.locator(".r-words").inner_text()
        == "t = 41.003 s: order 7 has its second charge at card (amount 70)"
    )
    assert page.locator(".r-words").get_attribute("aria-live") == "polite"
    assert page.locator("tr.r-lit").count() == 1


def test_space_plays_and_pauses(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    root(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function(f"({NOW})(document.querySelector('.bop-replay')) >= 3")
    page.keyboard.press("Space")
    stopped = beat(page), page.locator(CLOCK).text_content()
    page.wait_for_timeout(300)
    assert (beat(page), page.locator(CLOCK).text_content()) == stopped


def test_the_arrow_keys_step_and_home_and_end_jump(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    root(page).focus()
    page.keyboard.press("Home")
    assert beat(page) == 0
    for wanted in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"({NOW})(document.querySelector('.bop-replay')) === {wanted}")
    page.keyboard.press("ArrowLeft")
    assert beat(page) == 2
    page.keyboard.press("End")
    assert beat(page) == len(lesson_08().history) - 1


def test_keys_are_left_alone_when_the_focus_is_elsewhere(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    before = beat(page)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.wait_for_timeout(200)
    assert beat(page) == before


def test_one_can_step_from_turning_point_to_turning_point(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    root(page).focus()
    page.keyboard.press("Home")
    page.select_option(".r-kind", "2")
    page.locator(".r-next").click()
    assert "worker-1 stands still for 40 s, with order 7 in hand" in page.locator(".r-words").inner_text()


def test_dragging_the_bar_scrubs(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    bar = page.locator(".r-scrub").bounding_box()
    seen = []
    page.mouse.move(bar["x"] + 5, bar["y"] + 20)
    page.mouse.down()
    for share in (0.1, 0.4, 0.7, 0.3):
        page.mouse.move(bar["x"] + bar["width"] * share, bar["y"] + 20)
        seen.append(beat(page))
    page.mouse.up()
    assert seen[0] < seen[3] < seen[1] < seen[2]


def test_a_click_on_a_row_jumps_there(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    row = page.locator("tbody tr", has_text="delivered a second time, to worker-2; worker-1 still")
    row.click()
    assert beat(page) == int(row.get_attribute("data-i"))
    assert "worker-1 still holds it" in page.locator(".r-words").inner_text()
    assert "r-lit" in row.get_attribute("class")


def test_the_stage_shows_what_holds_at_the_moment(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    page.locator("tbody tr", has_text="is delivered a second time, to worker-2; worker-1").click()
    stage = page.locator(".r-stage svg:not([style*=none])")
    assert "paused" in stage.locator('[aria-label="worker-1"]').get_attribute("class")
    assert stage.locator('[aria-label="worker-1"] .held .token').text_content() == "7"
    assert "7" in stage.locator('[data-q="0"] .tokens').text_content()
    assert stage.locator('[data-q="1"] .ready-count').text_content() == "1 waiting"


def test_going_back_shows_the_same_as_going_forward(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    root(page).focus()
    rows = page.locator("tbody tr")
    picture = "() => document.querySelector('.r-stage svg').textContent"
    rows.nth(90).click()
    first = page.evaluate(picture)
    page.keyboard.press("End")
    rows.nth(90).click()
    assert page.evaluate(picture) == first


def test_a_lost_request_falls_and_a_cut_is_drawn(open_page: Any) -> None:
    page = open_page(replay(lossy_shop()))
    page.locator("tbody tr", has_text="about order 4 is lost into the cut").click()
    assert page.locator(".r-stage svg:not([style*=none]) .edge.cut").count() == 1
    assert page.locator(".r-stage svg:not([style*=none]) .mover.fails").count() == 1


def test_two_replays_and_a_copy_do_not_disturb_one_another(open_page: Any) -> None:
    shown = replay(lesson_08())
    page = open_page(shown, replay(lossy_shop()), shown)
    others = beat(page, 1), beat(page, 2)
    root(page, 0).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_function(f"({NOW})(document.querySelector('.bop-replay')) >= 2")
    assert (beat(page, 1), beat(page, 2)) == others
    assert page.evaluate("Object.keys(window).filter((name) => /bop|replay/i.test(name))") == []


def test_it_stops_when_it_leaves_the_page(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    root(page).focus()
    page.keyboard.press("Home")
    page.evaluate("window.kept = document.querySelector('.bop-replay')")
    page.keyboard.press("Space")
    page.wait_for_timeout(200)
    page.evaluate("kept.remove()")
    page.wait_for_timeout(100)
    before = page.evaluate(f"({NOW})(kept)")
    page.wait_for_timeout(500)
    assert page.evaluate(f"({NOW})(kept)") == before


def test_a_long_run_is_shown_by_windows(open_page: Any) -> None:
    page = open_page(replay(long_run(230)))
    assert page.locator("tbody tr").count() <= 400
    assert page.locator(".r-all").is_visible()
    root(page).focus()
    page.keyboard.press("Home")
    assert page.locator("tbody tr").first.get_attribute("data-i") == "0"
    strip = page.locator(".r-all").bounding_box()
    page.mouse.click(strip["x"] + strip["width"] / 2, strip["y"] + 10)
    assert abs(beat(page) - len(long_run(230).history) / 2) < 400


def test_a_narrow_page_gets_the_tall_stage_and_no_scroll_bar(open_page: Any) -> None:
    page = open_page(replay(lesson_08()), width=400)
    box = page.locator(".r-stage svg:not([style*=none])").bounding_box()
    assert box["height"] > box["width"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_reduced_motion_means_stepping_only(open_page: Any) -> None:
    page = open_page(replay(lesson_08()), reduced_motion="reduce")
    root(page).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert beat(page) == 1


def test_without_scripts_there_is_the_still_and_the_story(open_page: Any) -> None:
    page = open_page(replay(lesson_08()), script=False)
    assert page.locator(".r-stage img").bounding_box()["height"] > 200
    assert not page.locator(".r-live").is_visible()
    assert page.locator(".r-steps li").count() >= 8


def test_a_hostile_history_runs_nothing(open_page: Any) -> None:
    page = open_page(replay(hostile()))
    page.on("dialog", lambda dialog: pytest.fail("a body became code"))
    root(page).focus()
    page.keyboard.press("Home")
    for _ in range(6):
        page.locator(".r-next").click()
    page.locator(".r-stage svg:not([style*=none]) [data-p]").first.hover()
    assert page.locator(".r-tip").is_visible()


def test_hovering_over_what_travels_shows_its_body(open_page: Any) -> None:
    page = open_page(replay(lesson_08()))
    root(page).focus()
    page.locator("tbody tr", has_text="ada sends order 7 to the queue charges").click()
    page.locator(".r-stage svg:not([style*=none]) .mover").first.hover(force=True)
    assert '{"body": {"order": 7, "amount": 70}}' in page.locator(".r-tip").inner_text()
