"""The lessons in JupyterLab in Chromium, as a learner has them: run, clicked, dragged, walked by keys.

Idea      One server and one page for lesson 08, in which each test does one thing that a learner
          does. What a sentence says is compared with what the control or the cell says, so that a
          lesson may change its words and its numbers.
Not here  Panels and maps of their own (tests/panels), the replay by itself (tests/pictures). Seconds:
          they are told at the end of the run, and judge nobody, since they depend on the machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.jupyterlab import PATIENCE, SETTINGS, Lab, Notebook, jupyterlab, peak_memory
from tests.repository import ROOT, name_of

pytestmark = pytest.mark.browser

LIMIT = 300  # megabytes for a lesson's kernel
BEAT = "() => document.querySelector('.bop-replay .r-scrub').getAttribute('aria-valuenow')"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server over a desk that `python -m classroom start` laid out."""
    place = tmp_path_factory.mktemp("lessons")
    start = [sys.executable, "-m", "classroom", "start", str(place / "desk")]
    subprocess.run(start, cwd=ROOT, check=True, capture_output=True)
    with jupyterlab(place / "desk", place / "home") as served:
        yield served


@pytest.fixture(scope="module")
def context(lab: Lab, chromium: Any) -> Iterator[Any]:
    """What the pages share. Whatever the tests looked at: at the end, none of them asked anybody outside."""
    asked: list[str] = []
    shared = chromium.new_context(viewport={"width": 1300, "height": 950})
    shared.on("request", lambda request: asked.append(request.url))
    shared.on("page", lambda page: page.on("websocket", lambda socket: asked.append(socket.url)))
    yield shared
    shared.close()
    assert any("/channels" in url for url in asked), "the kernel's own line was not seen, so nothing was"
    assert foreign(asked, lab) == []


@pytest.fixture(scope="module")
def lesson_08(lab: Lab, context: Any) -> Iterator[Notebook]:
    notebook = Notebook(lab, "lessons/08_dead_letters.ipynb", context)
    notebook.run_all()
    yield notebook
    assert notebook.errors == []


def foreign(asked: list[str], lab: Lab) -> list[str]:
    """The addresses that are neither this server's nor carried by the page itself."""
    own = (lab.url, lab.url.replace("http", "ws", 1), "data:", "blob:")
    return [url for url in asked if not url.startswith(own)]


def breaches(notebook: Notebook) -> list[str]:
    """What is wrong with a notebook that was run from its first cell to its last."""
    cells = [cell for cell in notebook.saved().cells if cell.cell_type == "code"]
    wrong = [f"{c.id}: {o.ename}: {o.evalue}" for c in cells for o in c.outputs if o.output_type == "error"]
    numbers = [f"[{number}]:" for number in range(1, len(cells) + 1)]
    return wrong + ([] if notebook.prompts() == numbers else [f"numbers {notebook.prompts()}"])


def other(place: Any, before: str) -> str:
    """The text of `place` once it is another one than `before`."""
    from playwright.sync_api import expect

    expect(place).not_to_have_text(before, timeout=PATIENCE * 1000)
    return str(place.inner_text())


def pictured(panel: Any) -> str:
    """What a panel shows: its picture's words, and a digest of its drawing in the address."""
    image = panel.locator(".bop-view img").first
    return f"{image.get_attribute('alt')} {image.get_attribute('src')}"


# ---------------------------------------------------------------- lesson 08, run


def test_lesson_08_runs_from_top_to_bottom_within_its_memory(
    lesson_08: Notebook, record_property: Any
) -> None:
    peak = peak_memory(lesson_08.kernel())
    record_property("measured", f"lesson 08: its kernel {peak:.0f} MB at most")
    assert breaches(lesson_08) == []
    assert peak < LIMIT


def test_nobody_is_asked_whether_to_fetch_news(lesson_08: Notebook) -> None:
    """With the settings that `make lab` gives."""
    assert lesson_08.page.get_by_text("Jupyter news").count() == 0
    assert f'JUPYTER_CONFIG_PATH="$(CURDIR)/{name_of(SETTINGS)}"' in (ROOT / "Makefile").read_text()


# ---------------------------------------------------------------- its panel


def test_a_fault_flipped_changes_the_sentence_the_picture_and_the_line_of_code(lesson_08: Notebook) -> None:
    panel = lesson_08.cell("panel").locator(".bop-on")
    said, line = panel.locator(".bop-said"), panel.locator(".bop-code")
    before, picture = said.inner_text(), pictured(panel)
    assert (line.nth(2).inner_text(), line.nth(3).inner_text()) == ("# no crash", "charge(); ack()")
    panel.get_by_role("radio", name="before both steps").check()
    after = other(said, before)
    assert ("twice" in before, "once" in after) == (True, True)
    assert line.nth(2).inner_text() == 'Crash("worker-1", before=3)'
    assert pictured(panel) != picture


def test_ack_first_and_a_crash_lose_the_charge(lesson_08: Notebook) -> None:
    panel = lesson_08.cell("panel").locator(".bop-on")
    said, line = panel.locator(".bop-said"), panel.locator(".bop-code")
    panel.get_by_role("button", name="Reset").click()
    panel.get_by_role("slider", name="pause").press("Home")
    panel.get_by_role("radio", name="first").check()
    panel.get_by_role("radio", name="between the two").check()
    said.get_by_text("never charged").wait_for()
    assert line.nth(3).inner_text() == "ack(); charge()"
    assert panel.locator(".bop-call").inner_text().endswith("crash=5, ack='first')")


def test_a_pause_as_long_as_the_lease_moves_by_the_keyboard(lesson_08: Notebook) -> None:
    panel = lesson_08.cell("panel").locator(".bop-on")
    panel.get_by_role("button", name="Reset").click()
    panel.locator(".bop-said").get_by_text("charged twice").wait_for()
    at, slider = lesson_08.at(), panel.get_by_role("slider", name="pause")
    for _ in range(3):
        slider.press("ArrowLeft")
    panel.locator(".bop-said").get_by_text("charged once").wait_for()
    assert panel.locator(".bop-code").first.inner_text() == 'Pause("worker-1", before=3, lasts=25)'
    assert lesson_08.at() == at


# ---------------------------------------------------------------- its replay


def test_the_replay_steps_by_the_keyboard_and_the_notebook_stays_where_it_is(lesson_08: Notebook) -> None:
    replay = lesson_08.cell("replay").locator(".bop-replay[data-live=ready]")
    words, row = replay.locator(".r-words"), replay.locator("tr.r-lit")
    replay.click(position={"x": 5, "y": 5})
    replay.focus()
    at, still = lesson_08.at(), words.inner_text()
    replay.press("Home")
    first = other(words, still)
    assert lesson_08.page.evaluate(BEAT) == "0"
    replay.press("ArrowRight")
    second = other(words, first)
    assert (lesson_08.page.evaluate(BEAT), row.get_attribute("data-i")) == ("1", "1")
    replay.press("End")
    assert other(words, second) != first
    replay.press("Space")
    replay.press("Space")
    assert lesson_08.at() == at


def test_a_click_on_the_bar_and_a_drag_along_it_tell_other_moments(lesson_08: Notebook) -> None:
    replay = lesson_08.cell("replay").locator(".bop-replay[data-live=ready]")
    words, bar, mouse = replay.locator(".r-words"), replay.locator(".r-scrub"), lesson_08.page.mouse
    replay.press("Home")
    bar.scroll_into_view_if_needed()
    box, start = bar.bounding_box(), words.inner_text()
    mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    middle = other(words, start)
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=4)
    mouse.up()
    end = other(words, middle)
    moments = [float(re.findall(r"t = ([\d.]+)( m?s)", told)[0][0]) for told in (middle, end)]
    assert moments[0] < moments[1]


# ---------------------------------------------------------------- its map


def test_a_click_on_a_cell_of_the_map_and_a_walk_by_keys_show_their_runs(lesson_08: Notebook) -> None:
    country = lesson_08.cell("map").locator(".bop-on")
    said, chosen = country.locator(".bop-said"), country.get_by_role("gridcell", selected=True)
    country.locator("[role=gridcell][aria-label*=' 45,'][aria-label*=' 40:']").click()
    said.get_by_text("Order 7 was charged 2 times").wait_for()
    assert chosen.get_attribute("aria-label").endswith("order 7 charged twice")
    picture, at = pictured(country), lesson_08.at()
    lesson_08.page.keyboard.press("ArrowLeft")
    lesson_08.page.keyboard.press("Enter")
    said.get_by_text("Order 7 was charged 1 times").wait_for()
    assert chosen.get_attribute("aria-label").endswith("both once, within a minute")
    assert pictured(country) != picture
    assert lesson_08.at() == at


# ---------------------------------------------------------------- anew


def test_lesson_08_restarts_into_its_first_state(lesson_08: Notebook, record_property: Any) -> None:
    seconds = lesson_08.restart_and_run_all()
    record_property("measured", f"lesson 08 from restart: {seconds:.1f} s")
    assert breaches(lesson_08) == []
    panel = lesson_08.cell("panel").locator(".bop-on")
    panel.locator(".bop-said").get_by_text("charged twice").wait_for()
    assert panel.locator(".bop-code").first.inner_text() == 'Pause("worker-1", before=3, lasts=40)'


# ---------------------------------------------------------------- lesson 00


def test_lesson_00_runs_and_its_switch_makes_two_orders_fail(
    lab: Lab, context: Any, record_property: Any
) -> None:
    lesson_00 = Notebook(lab, "lessons/00_start_here.ipynb", context)
    lesson_00.run_all()
    peak = peak_memory(lesson_00.kernel())
    record_property("measured", f"lesson 00: its kernel {peak:.0f} MB at most")
    assert breaches(lesson_00) == []
    panel = lesson_00.cell("switch").locator(".bop-on")
    panel.locator(".bop-said").get_by_text("5 of 5 orders confirmed").wait_for()
    before = pictured(panel)
    panel.get_by_role("radio", name="yes").check()
    panel.locator(".bop-said").get_by_text("3 of 5 orders confirmed").wait_for()
    assert panel.locator(".bop-code").first.inner_text() == "faults=[Crash(...)]"
    assert pictured(panel) != before
    assert lesson_00.errors == []
    assert peak < LIMIT


# ---------------------------------------------------------------- lesson 01


def test_lesson_01_runs_and_its_panels_show_who_waits_and_what_the_queue_costs(
    lab: Lab, context: Any, record_property: Any
) -> None:
    lesson_01 = Notebook(lab, "lessons/01_distributed_monolith.ipynb", context)
    record_property("measured", f"lesson 01: {lesson_01.run_all():.1f} s")
    peak = peak_memory(lesson_01.kernel())
    record_property("measured", f"lesson 01: its kernel {peak:.0f} MB at most")
    assert breaches(lesson_01) == []
    trouble = lesson_01.cell("panel-shown").locator(".bop-on")
    trouble.locator(".bop-said").get_by_text("Ada reads 504").wait_for()
    before = pictured(trouble)
    trouble.get_by_role("radio", name="down").check()
    trouble.locator(".bop-said").get_by_text("shipping is down").wait_for()
    assert trouble.locator(".bop-code").nth(1).inner_text() == "Crash(who, at=0, down=None)"
    assert pictured(trouble) != before
    path = lesson_01.cell("month-panel").locator(".bop-on")
    said = path.locator(".bop-said")
    before = said.inner_text()
    path.get_by_role("radio", name="never").check()
    after = other(said, before)
    assert float(re.findall(r"([\d.]+)%", after)[0]) > float(re.findall(r"([\d.]+)%", before)[0])
    assert lesson_01.errors == []
    assert peak < LIMIT


# ---------------------------------------------------------------- lesson 05


def test_lesson_05_runs_and_its_panel_and_map_show_who_comes_back(
    lab: Lab, context: Any, record_property: Any
) -> None:
    lesson_05 = Notebook(lab, "lessons/05_retry_storm.ipynb", context)
    record_property("measured", f"lesson 05: {lesson_05.run_all():.1f} s")
    peak = peak_memory(lesson_05.kernel())
    record_property("measured", f"lesson 05: its kernel {peak:.0f} MB at most")
    assert breaches(lesson_05) == []
    panel = lesson_05.cell("panel").locator(".bop-on")
    panel.locator(".bop-said").get_by_text("Not back").wait_for()
    before = pictured(panel)
    panel.get_by_role("radio", name="budget of 10 %").check()
    panel.locator(".bop-said").get_by_text(re.compile("^Back")).wait_for()
    assert pictured(panel) != before
    country = lesson_05.cell("map").locator(".bop-on")
    country.locator("[role=gridcell]").first.click()
    country.locator(".bop-said").get_by_text("after the stall").wait_for()
    assert lesson_05.errors == []
    assert peak < LIMIT


# ---------------------------------------------------------------- lesson 10


def test_lesson_10_runs_and_its_panel_shows_what_a_zombie_does_and_who_refuses_it(
    lab: Lab, context: Any, record_property: Any
) -> None:
    lesson_10 = Notebook(lab, "lessons/10_replayable_log.ipynb", context)
    record_property("measured", f"lesson 10: {lesson_10.run_all():.1f} s")
    peak = peak_memory(lesson_10.kernel())
    record_property("measured", f"lesson 10: its kernel {peak:.0f} MB at most")
    assert breaches(lesson_10) == []
    panel = lesson_10.cell("panel").locator(".bop-on")
    panel.locator(".bop-said").get_by_text("that is wrong").wait_for()
    before = pictured(panel)
    panel.get_by_role("radio", name="yes").check()
    panel.locator(".bop-said").get_by_text("that is right").wait_for()
    assert panel.locator(".bop-code").nth(2).inner_text() == "board(checks_epoch=True)"
    assert pictured(panel) != before
    assert lesson_10.errors == []
    assert peak < LIMIT


# ---------------------------------------------------------------- lesson 11


def test_lesson_11_runs_and_its_panel_shows_what_a_death_counts_twice_and_who_reads_his_own(
    lab: Lab, context: Any, record_property: Any
) -> None:
    lesson_11 = Notebook(lab, "lessons/11_cqrs.ipynb", context)
    record_property("measured", f"lesson 11: {lesson_11.run_all():.1f} s")
    peak = peak_memory(lesson_11.kernel())
    record_property("measured", f"lesson 11: its kernel {peak:.0f} MB at most")
    assert breaches(lesson_11) == []
    panel = lesson_11.cell("panel").locator(".bop-on")
    said = panel.locator(".bop-said")
    said.get_by_text("that is right").wait_for()
    before = pictured(panel)
    panel.get_by_role("radio", name="in the midst of order 7").check()
    panel.get_by_role("radio", name="after the rows").check()
    said.get_by_text("that is wrong").wait_for()
    assert pictured(panel) != before
    assert lesson_11.errors == []
    assert peak < LIMIT


# ---------------------------------------------------------------- lesson 13


def test_lesson_13_runs_and_its_panels_show_who_waits_for_the_dead_and_who_does_not(
    lab: Lab, context: Any, record_property: Any
) -> None:
    lesson_13 = Notebook(lab, "lessons/13_sagas.ipynb", context)
    record_property("measured", f"lesson 13: {lesson_13.run_all():.1f} s")
    peak = peak_memory(lesson_13.kernel())
    record_property("measured", f"lesson 13: its kernel {peak:.0f} MB at most")
    assert breaches(lesson_13) == []
    panel = lesson_13.cell("two-phase-panel").locator(".bop-on")
    said = panel.locator(".bop-said")
    before, picture = said.inner_text(), pictured(panel)
    panel.get_by_role("radio", name="before the first question").check()
    assert "Ben was turned away 0 times" in other(said, before)
    assert pictured(panel) != picture
    panel = lesson_13.cell("panel").locator(".bop-on")
    said, picture = panel.locator(".bop-said"), pictured(panel)
    panel.get_by_role("slider", name="it dies after record").press("End")
    panel.get_by_role("radio", name="refund fails twice").check()
    said.get_by_text("compensated: all is back. Asked again: 2 times.").wait_for()
    assert pictured(panel) != picture
    panel.get_by_role("radio", name="drives to Ada").check()
    said.get_by_text("completed: Ada has her lamp, and the shop her money").wait_for()
    assert lesson_13.errors == []
    assert peak < LIMIT


# ---------------------------------------------------------------- the rule itself


@pytest.mark.parametrize(
    "away", ["https://example.org/x.js", "ws://127.0.0.1:1/", "http://127.0.0.1.example.org/"]
)
def test_an_address_outside_is_seen(away: str) -> None:
    lab = Lab("http://127.0.0.1:8888/", "", Path(), None)  # type: ignore[arg-type]
    own = ["http://127.0.0.1:8888/lab", "ws://127.0.0.1:8888/api/kernels/1/channels", "blob:x", "data:,"]
    assert foreign([*own, away], lab) == [away]
