"""A panel and a map in real JupyterLab: keys and clicks change what is shown; nothing leaves the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tests.repository import ROOT

pytestmark = pytest.mark.browser

IDLE = r"#jp-main-statusbar >> text=/\| Idle/"
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
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab that serves one notebook, panels.ipynb, and knows nothing of its user."""
    home = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, home / "panels.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    options = ["--no-browser", "--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={home}"]
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={address.rpartition(':')[2]}", *options]
    folders = {f"JUPYTER_{what}_DIR": str(home / what.lower()) for what in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **folders, "PYTHONPATH": str(ROOT)}
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(address, server, home / "log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=2).close()
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(f"JupyterLab does not answer: {log.read_text()}")


def test_keys_and_clicks_change_what_is_shown_and_without_a_kernel_the_still_output_is_left(lab, chromium):
    page = chromium.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(60_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{lab}/lab/tree/panels.ipynb")
    page.locator(IDLE).wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()

    panel, explorer = page.locator(".bop-on").first, page.locator(".bop-on").last
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

    page.keyboard.press("Control+s")
    page.locator(".jp-mod-dirty").wait_for(state="detached")
    page.goto("about:blank")
    for kernel in page.request.get(f"{lab}/api/sessions").json():
        token = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}["_xsrf"]
        page.request.delete(f"{lab}/api/sessions/{kernel['id']}", headers={"X-XSRFToken": token})
    page.goto(f"{lab}/lab/tree/panels.ipynb")
    page.locator(IDLE).wait_for()
    page.locator(".bop-still b").get_by_text("Ada was charged 2 times in 40 s.").wait_for()
    assert page.locator(".bop-on").count() == 0
    assert page.get_by_text("Error displaying widget").count() == 0

    foreign = [url for url in asked if not url.startswith((lab, "data:", "blob:", "about:"))]
    assert foreign == []
