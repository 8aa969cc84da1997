"""A committed notebook is clean, and nbval compares what it says and not how it is drawn.

Idea      The rules for a stored notebook are one function from its JSON to a list of breaches,
          shown here to pass on what is committed and to fail on an example of each breach.
Not here  Running the notebooks: `make test` does that with nbval.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from nbval.plugin import get_sanitize_patterns

from tests.repository import NOTEBOOKS, ROOT, imports, name_of, tops, under

MEGABYTE = 1_000_000
NOTEBOOK_LIMIT = int(1.5 * MEGABYTE)


def cells(notebook: dict[str, Any], kind: str = "code") -> Iterator[dict[str, Any]]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == kind)


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def python_of(cell: dict[str, Any]) -> str:
    """The cell's source without IPython's own lines, which are no Python."""
    lines = source(cell).splitlines()
    return "\n".join("pass" if re.match(r"\s*([%!?]|[\w.]+\?{1,2}\s*$)", line) else line for line in lines)


def notebook_breaches(notebook: dict[str, Any], *, executed: bool) -> list[str]:
    """What a committed notebook may not hold, a sentence each."""
    found = []
    ids = [cell.get("id", "") for cell in notebook["cells"]]
    if len(set(ids)) < len(ids) or "" in ids:
        found.append("a cell without an id, or two with one")
    found += [
        f"cell id {i} is random; give it a word that says what the cell is"
        for i in ids
        if re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", i) and re.search(r"\d", i)
    ]
    if "widgets" in notebook["metadata"]:
        found.append("widget state is stored; clear it before committing")
    if notebook["metadata"].get("kernelspec", {}).get("name", "python3") != "python3":
        found.append("its kernel is not python3")
    found += [
        f"cell {cell['id']} has a table with an empty column header, which cannot be read out"
        for cell in cells(notebook, "markdown")
        if re.search(r"^(?=.*\| *\|).*\n\|[ :|-]+$", source(cell), re.MULTILINE)
    ]
    for cell in cells(notebook):
        if tops(imports_in_cell := imports(python_of(cell))) & {"tests", *NOTEBOOKS}:
            found.append(f"cell {cell['id']} imports {sorted(imports_in_cell)}")
        if re.search(r"^\s*%(run|load)\b.*\.(ipynb|py)\b|\bimport_ipynb\b", source(cell), re.MULTILINE):
            found.append(f"cell {cell['id']} runs another notebook")
        if "execution" in cell["metadata"]:
            found.append(f"cell {cell['id']} stores by the wall's clock when it was run: leave that out")
        errors = [out for out in cell["outputs"] if out["output_type"] == "error"]
        if errors and "raises-exception" not in cell["metadata"].get("tags", []):
            found.append(f"cell {cell['id']} is stored with an error: {errors[0]['ename']}")
        if executed and source(cell).strip() and cell["execution_count"] is None:
            found.append(f"cell {cell['id']} is stored without having been run")
        if not executed and (cell["outputs"] or cell["execution_count"] is not None):
            found.append(f"cell {cell['id']} is stored with an output")
    return found


ERROR = {"output_type": "error", "ename": "StaleReceipt"}


def a_notebook(*, metadata: dict[str, Any] | None = None, **cell: Any) -> dict[str, Any]:
    base = {"cell_type": "code", "id": "a-word", "metadata": {}, "source": "1 + 1", "outputs": []}
    return {"cells": [{**base, "execution_count": 1, **cell}], "metadata": metadata or {}}


@pytest.mark.parametrize("path", under(*NOTEBOOKS, suffix=".ipynb"), ids=name_of)
def test_a_committed_notebook_is_clean(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    assert not notebook_breaches(notebook, executed=path.parent.name != "exercises")


@pytest.mark.parametrize("path", under(*NOTEBOOKS, suffix=".ipynb"), ids=name_of)
def test_a_committed_notebook_is_small(path):
    assert path.stat().st_size <= NOTEBOOK_LIMIT, f"{path.stat().st_size / MEGABYTE:.2f} MB; may be 1.5 MB"


def test_a_clean_notebook_has_no_breach():
    assert notebook_breaches(a_notebook(), executed=True) == []


@pytest.mark.parametrize(
    ("notebook", "breach"),
    [
        (a_notebook(id=""), "without an id"),
        (a_notebook(id="3f9c21ab"), "is random"),
        (a_notebook(metadata={"widgets": {}}), "widget state"),
        (a_notebook(metadata={"kernelspec": {"name": "my-venv"}}), "not python3"),
        (a_notebook(source="from lessons import a"), "imports"),
        (a_notebook(source="print?\nimport tests  # may it?"), "imports"),
        (a_notebook(source="%run other.ipynb"), "runs another notebook"),
        (
            a_notebook() | {"cells": [{**a_notebook()["cells"][0], "metadata": {"execution": {}}}]},
            "wall's clock",
        ),
        (a_notebook(outputs=[ERROR]), "stored with an error: StaleReceipt"),
        (a_notebook(execution_count=None), "without having been run"),
        (
            a_notebook(cell_type="markdown", source="| a record | |\n|---|:-:|\n| `key` | text |"),
            "empty column",
        ),
    ],
)
def test_a_notebook_that_breaks_a_rule_is_told_which(notebook, breach):
    assert breach in " ".join(notebook_breaches(notebook, executed=True))


def test_a_table_may_have_an_empty_cell_below_its_header():
    table = "| call | answer |\n|---|---|\n| | none |\n\n---\n"
    assert notebook_breaches(a_notebook(cell_type="markdown", source=table), executed=True) == []


def test_an_exercise_is_stored_without_outputs():
    assert "with an output" in " ".join(notebook_breaches(a_notebook(), executed=False))


def test_a_cell_that_shall_raise_may_be_stored_with_its_error():
    tags = {"tags": ["raises-exception"]}
    notebook = {**a_notebook(), "cells": [{**a_notebook(outputs=[ERROR])["cells"][0], "metadata": tags}]}
    assert notebook_breaches(notebook, executed=True) == []


def sanitized(text: str) -> str:
    for pattern, replacement in get_sanitize_patterns((ROOT / "tests/nbval_sanitize.cfg").read_text()):
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('<svg viewBox="0 0 1 1">\n<path d="M0"/></svg>', '<?xml version="1.0"?>\n<svg><g/></svg>\n'),
        ("<div>\n<b>1</b></div>", '<div id="x">2</div>'),
        ("<Lock object at 0x7f01>", "<Lock object at 0x7f02>"),
        ("/a/ipykernel_12/345.py:1: UserWarning", "/b/ipykernel_9/6.py:1: UserWarning"),
        ("serving on http://127.0.0.1:40001/", "serving on http://127.0.0.1:51234/"),
    ],
)
def test_nbval_overlooks_drawings_and_what_no_run_repeats(one, other):
    assert sanitized(one) == sanitized(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sequence: charged twice (digest 1f)", "sequence: charged twice (digest 2e)"),
        ("<Run seed=7 digest=1f>", "<Run seed=7 digest=2e>"),
        ("2 charges", "1 charge"),
    ],
)
def test_nbval_still_compares_what_a_cell_says(one, other):
    assert sanitized(one) != sanitized(other)
