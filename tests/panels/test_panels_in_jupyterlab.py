"""A panel, a map and a hunt in real JupyterLab: keys and clicks change them; nothing leaves the machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from tests.browser.jupyterlab import IDLE, PATIENCE, Lab, jupyterlab

pytestmark = pytest.mark.browser

CELLS = [
    """
from classroom.panels import Choice, Panel, Prediction, Slider, explore
from classroom.pictures import Picture, phase_map
from classroom.world.run import Run

def night(pause, ack="last"):
    if pause == 90:
        raise ValueError("a pause of 90 s is too long")
    return Run(history=(), duration=float(pause), result=2 if pause > 30 else 1)

def view(run):
    words = f"a pause of {run.duration:g} s"
    return Picture(words, f'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="40">'
                          f'<text y="20">{words}</text></svg>', words, words)

def say(run):
    return f"Ada was charged {run.result} times in {run.duration:g} s."
""",
    """
Panel(night, [Slider("pause", 0, 90, step=5, value=40, unit="s", code="Pause('w', at=3, lasts={value})"),
              Choice("ack", ["first", "last"], value="last", code="ack={value}")],
      view=view, say=say, title="One night",
      predict=Prediction("How often?", 0, 4, answer=lambda run: run.result))
""",
    """
outcomes = {(x, y): "twice" if x > y else "once" for x in (0, 20, 40) for y in (10, 30)}
explore(phase_map(outcomes, x="pause", y="lease", good="once"), lambda x, y: night(x), view=view, say=say)
""",
    """
from classroom.panels import Hunt
lines = ["14:02:01  orders  begins", "14:02:02  payments  begins", "14:02:06  payments  did it"]
hunt = Hunt("Who was it:", lines, suspects=["orders", "payments"], culprit="payments", title="Logs")
hunt
""",
    """
str(hunt)
""",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab that serves one notebook, panels.ipynb."""
    place = tmp_path_factory.mktemp("panels")
    (place / "desk").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, place / "desk" / "panels.ipynb")
    with jupyterlab(place / "desk", place / "home") as served:
        yield served


def test_keys_and_clicks_change_what_is_shown_and_without_a_kernel_the_still_output_is_left(lab, chromium):
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(PATIENCE * 1000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{lab.url}lab/tree/panels.ipynb?token={lab.token}")
    page.locator(IDLE).wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()

    panel, explorer = page.locator(".bop-on").first, page.locator(".bop-on").nth(1)
    slider = panel.get_by_role("slider", name="pause")
    slider.press("Home")
    panel.locator(".bop-said").get_by_text("Ada was charged 1 times in 0 s.").wait_for()
    slider.press("ArrowRight")
    panel.locator(".bop-said").get_by_text("Ada was charged 1 times in 5 s.").wait_for()
    assert panel.locator(".bop-code").first.inner_text() == "Pause('w', at=3, lasts=5)"
    assert panel.locator(".bop-call").inner_text() == "night(pause=5, ack='last')"
    panel.locator("img[alt='a pause of 5 s']").wait_for()

    slider.press("End")
    panel.locator(".bop-said").get_by_text("No run: ValueError: a pause of 90 s is too long").wait_for()
    panel.get_by_role("button", name="Reset").click()
    panel.locator(".bop-said").get_by_text("Ada was charged 2 times in 40 s.").wait_for()
    panel.get_by_role("radio", name="1").check()
    panel.locator(".bop-said").get_by_text("You said 1; it was 2.").wait_for()

    explorer.get_by_role("gridcell", name="pause 20, lease 10: twice").click()
    explorer.locator(".bop-said").get_by_text("Ada was charged 1 times in 20 s.").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    explorer.locator(".bop-said").get_by_text("Ada was charged 2 times in 40 s.").wait_for()
    chosen = explorer.get_by_role("gridcell", selected=True)
    assert chosen.get_attribute("aria-label") == "pause 40, lease 10: twice"

    hunt_by_the_clock(page)

    page.keyboard.press("Control+s")
    page.locator(".jp-mod-dirty").wait_for(state="detached")
    page.goto("about:blank")
    for kernel in page.request.get(f"{lab.url}api/sessions").json():
        token = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}["_xsrf"]
        page.request.delete(f"{lab.url}api/sessions/{kernel['id']}", headers={"X-XSRFToken": token})
    page.goto(f"{lab.url}lab/tree/panels.ipynb")
    page.locator(IDLE).wait_for()
    page.locator(".bop-still b").get_by_text("Ada was charged 2 times in 40 s.").wait_for()
    assert page.locator(".bop-on").count() == 0
    assert page.get_by_text("Error displaying widget").count() == 0

    foreign = [url for url in asked if not url.startswith((lab.url, "data:", "blob:", "about:"))]
    assert foreign == []


def hunt_by_the_clock(page: Any) -> None:
    """The evidence is hidden until the clock is started; a wrong name lets it run, the right one stops it."""
    hunt = page.locator(".bop-hunt")
    assert hunt.get_by_text("payments  did it").count() == 0
    assert hunt.get_by_role("button", name="payments").is_disabled()

    hunt.get_by_role("button", name="Start the clock").press("Enter")
    hunt.locator(".bop-said").get_by_text("The clock runs.").wait_for()
    hunt.get_by_label("only lines with").press_sequentially("payments")
    hunt.get_by_text("2 of 3 lines").wait_for()
    assert "orders  begins" not in hunt.locator(".bop-lines").inner_text()

    hunt.get_by_role("button", name="orders").click()
    hunt.locator(".bop-said").get_by_text("It was not orders. The clock runs on.").wait_for()
    hunt.get_by_role("button", name="payments").click()
    hunt.locator(".bop-said").get_by_text("It was payments. You needed ").wait_for()
    stopped = hunt.locator(".bop-clock").inner_text()
    page.wait_for_timeout(300)
    assert hunt.locator(".bop-clock").inner_text() == stopped
    assert hunt.get_by_role("button", name="Once more").count() == 1
