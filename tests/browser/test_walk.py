"""The whole way through, as a new learner walks it: each lesson run in JupyterLab, each exercise graded.

Idea      A desk is laid out once. Each lesson is opened and run whole in Chromium; each exercise is run as it
          came (it fails kindly), then its answers are written into its cells, it is run again, and graded
          by the command that the notebook names. What each took is told, and judges nobody. All that they
          show is looked at by axe-core.
Not here  What is pressed in a lesson (test_lessons.py). Wrong answers (tests/exercises).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest

from tests.browser.accessibility import barriers
from tests.browser.jupyterlab import Lab, Notebook, jupyterlab, peak_memory
from tests.browser.test_lessons import LIMIT, breaches
from tests.repository import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.soak]

LESSONS = sorted(path.name for path in (ROOT / "lessons").glob("*.ipynb"))
EXERCISES = sorted(path.name for path in (ROOT / "exercises").glob("*.ipynb"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server over a desk, as `make lab` makes it."""
    place = tmp_path_factory.mktemp("walk")
    assert classroom("start", str(place / "desk")).returncode == 0
    with jupyterlab(place / "desk", place / "home") as served:
        yield served


@pytest.fixture(scope="module")
def context(lab: Lab, chromium: Any) -> Iterator[Any]:
    shared = chromium.new_context(viewport={"width": 1300, "height": 950})
    yield shared
    shared.close()


def classroom(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m classroom ...` in a terminal."""
    command = [sys.executable, "-m", "classroom", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def answers(name: str) -> dict[str, str]:
    """Of the exercise's solution, the source of each answer cell by its id."""
    solution = nbformat.read(ROOT / "solutions" / name, as_version=4)
    return {cell.id: cell.source for cell in solution.cells if "answer" in cell.metadata}


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_from_its_first_cell_to_its_last(
    lab: Lab, context: Any, name: str, record_property: Any
) -> None:
    notebook = Notebook(lab, f"lessons/{name}", context)
    kernel = notebook.kernel()
    before = kernel.cpu_times()
    seconds = notebook.run_all()
    after, peak = kernel.cpu_times(), peak_memory(kernel)
    busy = after.user + after.system - before.user - before.system
    record_property(
        "measured", f"lesson {name[:2]}: {seconds:.1f} s, {busy:.1f} s of them computing, {peak:.0f} MB"
    )
    assert breaches(notebook) == []
    assert notebook.errors == []
    assert peak < LIMIT
    assert barriers(notebook) == []
    notebook.page.close()


@pytest.mark.parametrize("name", EXERCISES)
def test_an_exercise_fails_kindly_and_with_its_answers_is_graded_as_passed(
    lab: Lab, context: Any, name: str, record_property: Any
) -> None:
    path = lab.root / "exercises" / name
    notebook = Notebook(lab, f"exercises/{name}", context)
    notebook.run_all()
    (said,) = {
        output.evalue
        for cell in notebook.saved().cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    }
    assert "your turn" in said
    assert barriers(notebook) == []
    notebook.page.close()

    desk, written = nbformat.read(path, as_version=4), answers(name)
    for cell in desk.cells:
        cell.source = written.get(cell.id, cell.source)
    nbformat.write(desk, path)
    notebook = Notebook(lab, f"exercises/{name}", context)
    seconds = notebook.restart_and_run_all()
    assert breaches(notebook) == []
    assert barriers(notebook) == []
    notebook.page.close()

    began = time.monotonic()
    graded = classroom("grade", str(path))
    took = time.monotonic() - began
    record_property("measured", f"exercise {name[:2]}: {seconds:.1f} s solved, {took:.1f} s to its grade")
    assert (graded.returncode, "passed" in graded.stdout) == (0, True), graded.stdout + graded.stderr
