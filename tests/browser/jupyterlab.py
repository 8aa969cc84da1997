"""A JupyterLab of one's own, and a notebook in it: started, driven, measured, ended.

Idea      The server knows nothing of its user's settings, listens to this machine alone and asks for a
          token. What it started ends with it, and whoever serves is told if something did not.
Not here  What a lesson must do (test_lessons.py). The browser (the fixture `chromium`). What leaves the
          machine: that is asked of the browser's context, which sees every page.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

from tests.repository import ROOT

# As in the Makefile: no question about news, hence no request for them.
SETTINGS = ROOT / ".ci" / "jupyter"
PATIENCE = 120.0  # seconds for anything that a loaded machine may be slow at
IDLE = r"#jp-main-statusbar >> text=/\| Idle/"
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Lab:
    """A running server. url ends in /; root is the folder that it serves."""

    url: str
    token: str
    root: Path
    process: psutil.Process


@contextmanager
def jupyterlab(root: Path, home: Path) -> Iterator[Lab]:
    """Serve `root`; the server's own files lie in `home`. AssertionError if it leaves something running."""
    folders = {f"JUPYTER_{what}_DIR": str(home / what.lower()) for what in ("CONFIG", "DATA", "RUNTIME")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    environment = {**kept, **folders, "JUPYTER_CONFIG_PATH": str(SETTINGS), "PYTHONPATH": str(ROOT)}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--ServerApp.root_dir={root}"]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", "--ServerApp.port=0", *options]
        server = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
    process = psutil.Process(server.pid)
    try:
        told = _address(home / "runtime", server, home / "log")
        yield Lab(told["url"], told["token"], root, process)
    finally:
        started = process.children(recursive=True) if server.poll() is None else []
        server.terminate()
        _, left = psutil.wait_procs([process, *started], timeout=60)
        names = [str(one) for one in left]
        for one in left:
            one.kill()
        server.wait()
        assert names == [], "still running a minute after the server was told to end"


def _address(runtime: Path, server: subprocess.Popen, log: Path) -> dict[str, Any]:
    """What the server writes down once it listens: its url, its token."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        for written in runtime.glob("jpserver-*.json"):
            try:
                told: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
                return told
            except ValueError:  # half written
                pass
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab does not start: {log.read_text()}")


class Notebook:
    """A notebook in a page of its own, whose kernel is idle: a cell run earlier never gets its number.

    errors: what the page's scripts complained of.
    """

    def __init__(self, lab: Lab, path: str, context: Any) -> None:
        self.lab, self.path = lab, path
        self.errors: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        workspace = re.sub(r"\W", "-", path)
        self.page.goto(f"{lab.url}lab/workspaces/{workspace}/tree/{path}?token={lab.token}")
        self.page.locator(IDLE).wait_for()

    def menu(self, *words: str) -> None:
        """Choose from the menu bar: menu("Run", "Run All Cells")."""
        bar, item = words
        self.page.get_by_role("menuitem", name=bar, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(item, exact=True).click()

    def run_all(self) -> float:
        """Seconds until the last cell has its number, or one has failed."""
        began = time.monotonic()
        self.menu("Run", "Run All Cells")
        return self._ran(began)

    def restart_and_run_all(self) -> float:
        """As run_all, in a new kernel."""
        self.menu("Kernel", "Restart Kernel and Run All Cells…")
        dialog = self.page.get_by_role("dialog")
        began = time.monotonic()
        dialog.locator(".jp-mod-accept").click()
        dialog.wait_for(state="detached")
        return self._ran(began)

    def _ran(self, began: float) -> float:
        prompts = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map((e) => e.textContent)"
        waiting = f"{prompts}.some((text) => text.includes('*'))"
        self.page.wait_for_function(f"() => {waiting}")  # until then the numbers are those of the last time
        self.page.wait_for_function(f"() => !{waiting} && {prompts}.some((text) => /\\d/.test(text))")
        seconds = time.monotonic() - began
        self.page.locator(IDLE).wait_for()
        return seconds

    def prompts(self) -> list[str]:
        """What stands before each code cell: "[1]:"."""
        found: list[str] = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_text_contents()
        return found

    def saved(self) -> Any:
        """The notebook as nbformat reads it, after it was saved."""
        with self.page.expect_response(lambda answer: answer.request.method == "PUT"):  # it is written then
            self.menu("File", "Save Notebook")
        self.page.locator(".jp-mod-dirty").wait_for(state="detached")
        return nbformat.read(self.lab.root / self.path, as_version=4)

    def cell(self, name: str) -> Any:
        """The cell with that id, scrolled into view."""
        ids = [cell["id"] for cell in nbformat.read(self.lab.root / self.path, as_version=4).cells]
        found = self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{ids.index(name)}']")
        found.evaluate("(element) => element.scrollIntoView({block: 'center'})")
        return found

    def at(self) -> str:
        """The number of the cell that the notebook itself is at; keys that it takes change it."""
        active = self.page.locator(".jp-Notebook .jp-Cell.jp-mod-active")
        return str(active.get_attribute("data-windowed-list-index"))

    def kernel(self) -> psutil.Process:
        sessions = self.page.request.get(f"{self.lab.url}api/sessions").json()
        (own,) = [s["kernel"]["id"] for s in sessions if s["path"] == self.path]
        (found,) = [p for p in self.lab.process.children(recursive=True) if own in " ".join(p.cmdline())]
        return found


def peak_memory(process: psutil.Process) -> float:
    """Megabytes: the most that it ever held; where the system does not tell, what it holds now."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists() and (found := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return int(found[1]) * 1024 / MEGABYTE
    memory = process.memory_info()
    return float(getattr(memory, "peak_wset", memory.rss)) / MEGABYTE
