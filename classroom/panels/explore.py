"""A map of many runs, in which a click on a cell makes that run and shows it.

Idea      A phase map says what happened at each pair of values; the run behind a cell says why. Over
          the drawing lies a grid of buttons, one a cell, so that it is clicked, or walked
          with the arrow keys and opened with Enter, and the drawing stays the picture that it was.
Not here  The drawing (classroom/pictures/phase_map.py), the page's side (live.js, explore.js).
Source    WAI-ARIA Authoring Practices, "Grid" (one tab stop, arrow keys within).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape
from typing import Any

from classroom.panels import live
from classroom.panels.outcome import Outcome, Outcomes

_CELL = re.compile(r"<[a-z][^>]*\bdata-x=[^>]*>")
_X, _Y = re.compile(r'\bdata-x="([^"]*)"'), re.compile(r'\bdata-y="([^"]*)"')


def explore(
    phase_map: Any,
    run: Callable[[Any, Any], Any],
    *,
    view: Callable[[Any], Any],
    say: Callable[[Any], str],
    start: tuple[Any, Any] | None = None,
) -> Explorer:
    """A phase map whose cells show their run.

    phase_map: a picture whose cells carry data-x and data-y (classroom.pictures.phase_map).
    run:       makes the run of a cell from its x and y.
    view, say: its picture and its sentence.
    start:     the cell that is chosen at first; None for none.
    Raises ValueError if the picture has no cells, or `start` is none of them.
    """
    return Explorer(phase_map, run, view=view, say=say, start=start)


class Explorer:
    """What `explore` makes. `chosen` is the cell that is shown, `run` its run."""

    def __init__(
        self,
        phase_map: Any,
        run: Callable[[Any, Any], Any],
        *,
        view: Callable[[Any], Any],
        say: Callable[[Any], str],
        start: tuple[Any, Any] | None = None,
    ) -> None:
        self.map = phase_map
        self.cells = cells_of(phase_map.svg)
        if not self.cells:
            raise ValueError(
                "this picture has no cells (elements with data-x and data-y); draw it by phase_map()"
            )
        if start is not None and start not in self.cells:
            raise ValueError(f"start: the map has no cell at x={start[0]!r}, y={start[1]!r}")
        self.start = self.chosen = start
        self._outcomes = Outcomes(run, view, say)

    @property
    def run(self) -> Any:
        """The run of the chosen cell; None if no cell is chosen, or its run could not be made."""
        return self.outcome(self.chosen).run if self.chosen else None

    def outcome(self, cell: tuple[Any, Any]) -> Outcome:
        return self._outcomes.of(cell, *cell)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the page is told when a cell was chosen: {"x": ..., "y": ...} as the drawing writes them.

        A page that says hello (made anew, or a second one) is told which cell is chosen by now.
        """
        if asked.get("hello"):
            if self.chosen == self.start or self.chosen is None:
                return {}
            x, y = self.cells[self.chosen]
            return {**self.answer({"x": x, "y": y}), "chosen": [x, y]}
        cell = (value(str(asked.get("x"))), value(str(asked.get("y"))))
        if cell not in self.cells:
            return {"sentence": f"The map has no cell at x={cell[0]!r}, y={cell[1]!r}.", "failed": True}
        self.chosen = cell
        outcome = self.outcome(cell)
        return {"html": outcome.html, "sentence": outcome.sentence, "failed": outcome.failed}

    def spec(self) -> dict[str, Any]:
        """What the page must know: the map's name, the drawing with its cells, the first one chosen."""
        written = self.cells.get(self.start) if self.start else None
        return {"label": self.map.title, "svg": self.map.svg, "start": list(written) if written else None}

    def html(self, mark: str = "") -> str:
        """The map as it stands where no script runs, with the first cell's run if there is one."""
        outcome = self.outcome(self.start) if self.start else None
        sentence = f'<p class="bop-sentence"><b>{escape(outcome.sentence)}</b></p>' if outcome else ""
        return (
            f'<div class="bop-panel" data-bop-live="{mark}"><div class="bop-map">{self.map.html()}</div>'
            f'<div class="bop-still">{sentence}</div>'
            f'<div class="bop-view">{outcome.html if outcome else ""}</div></div>'
        )

    def text(self) -> str:
        """The same as plain text; a test of the notebook compares it."""
        shown = self.map._repr_mimebundle_()["text/plain"]
        outcome = self.outcome(self.start) if self.start else None
        return "\n".join([shown, outcome.sentence, outcome.plain] if outcome else [shown])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        self.chosen = self.start
        mark = ""
        if live.listened_to():
            mark = live.token("explore", self.map.digest, self.start)
            live.enliven("explore", mark, self.spec(), self.answer)
        return {"text/html": self.html(mark), "text/plain": self.text()}


def cells_of(svg: str) -> dict[tuple[Any, Any], tuple[str, str]]:
    """The cells of a drawing: (x, y) as values -> as the drawing writes them."""
    found = {}
    for tag in _CELL.findall(svg):
        x, y = _X.search(tag), _Y.search(tag)
        if x and y:
            written = (unescape(x[1]), unescape(y[1]))
            found[(value(written[0]), value(written[1]))] = written
    return found


def value(written: str) -> Any:
    """A value as the drawing writes it: a whole number, a number, or words."""
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return written
