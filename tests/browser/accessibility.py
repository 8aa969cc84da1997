"""What axe-core finds wrong with what a notebook shows: roles, names, contrast, reach by keyboard.

Not here  JupyterLab's own frame. Letters in an <img>, which axe does not see (tests/pictures looks at those).
          Whether it makes sense when it is read out: that takes a person.
"""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe

from tests.browser.jupyterlab import Notebook

SHOWN = (".jp-RenderedMarkdown", ".jp-OutputArea-output")


def barriers(notebook: Notebook) -> list[str]:
    """Of each cell of a notebook that was run: "CELL: RULE: what is wrong: the element"."""
    found = []
    for number, cell in enumerate(notebook.saved().cells):
        if cell.cell_type == "code" and not cell.outputs:
            continue
        place = notebook.cell(cell.id)
        place.locator(", ".join(SHOWN)).first.wait_for(state="attached")
        here = f".jp-Notebook .jp-Cell[data-windowed-list-index='{number}']"
        parts = [f"{here} {part}" for part in SHOWN if place.locator(part).count()]
        told = Axe().run(notebook.page, context={"include": [[part] for part in parts]})
        for rule in told.response["violations"]:
            found += [f"{cell.id}: {rule['id']}: {rule['help']}: {node['html']}" for node in rule["nodes"]]
    return found
