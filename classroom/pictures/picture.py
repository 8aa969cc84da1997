"""A picture is a value: a drawing, what it shows in one sentence, and the same facts as text.

Idea      `svg` for the eye, `alt` for the ear, `text` for whoever wants the facts, and a digest
          by which a test can tell that two pictures state the same facts.
          In a notebook it is an <img>, because that is the one form that is shown everywhere:
          JupyterLab shows no SVG of a notebook that is not trusted, and GitHub takes it apart.
          The text stands folded below it. A style (dropped where the notebook is not trusted;
          the drawing then stays on its own light paper) hands JupyterLab's theme on to the
          image as its colour scheme.
Not here  Any drawing (sequence.py, timeline.py, ...).
Source    CSS Color Adjustment 1, "color-scheme" of embedded documents.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from classroom.world.history import Event

STYLE = (
    "<style>"
    "img.bop-picture{max-width:100%;height:auto;color-scheme:light;min-width:min(var(--bop-least,0px),34rem)}"
    "body[data-jp-theme-light=false] img.bop-picture{color-scheme:dark}"
    "</style>"
)


def history_of(run: Any) -> tuple[Event, ...]:
    """The history of a run; a history (any iterable of events) is taken as it is."""
    events: Iterable[Event] = getattr(run, "history", run)
    return tuple(events)


@dataclass(frozen=True)
class Picture:
    """A drawing that a notebook shows and a test can compare.

    title:  the finding, a sentence computed from the run.
    svg:    the drawing, a whole SVG document.
    alt:    what it shows, for those who do not see it.
    text:   the same facts as a table or a list of lines.
    digest: 16 hex digits of title and text: of the facts, not of how they are drawn, so that a
            drawing can be mended without running every notebook again.
    """

    title: str
    svg: str = field(repr=False)
    alt: str = field(repr=False)
    text: str = field(repr=False)
    digest: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.digest:
            whole = f"{self.title}\x00{self.text}"
            found = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()[:16]
            object.__setattr__(self, "digest", found)

    def __str__(self) -> str:
        return f"{self.title}\n\n{self.text}"

    def html(self) -> str:
        """The picture as it stands in a notebook: an image, and its text folded below."""
        data = base64.b64encode(self.svg.encode("utf-8", "replace")).decode("ascii")
        alt = escape(self.alt, quote=True).replace("\n", " ")
        return (
            f'{STYLE}<figure style="margin:0"><div style="overflow-x:auto">'
            f'<img class="bop-picture" alt="{alt}" '
            f'style="--bop-least:{self._least_width()}px" '
            f'src="data:image/svg+xml;base64,{data}"></div>'
            f"<details><summary>the same as text</summary><pre>{escape(self.text)}</pre></details></figure>"
        )

    def _least_width(self) -> int:
        """In fewer pixels its letters are too small to read; then it is scrolled."""
        found = re.search(r' width="([\d.]+)"', self.svg)
        return round(float(found[1]) * 0.72) if found else 0

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"{self.title} [{self.digest}]"}

    def save(self, path: str | Path) -> Path:
        """Write the drawing (.svg) or a page with drawing and text (.html) that needs nothing else.

        Raises ValueError for any other ending.
        """
        target = Path(path)
        if target.suffix == ".svg":
            target.write_text(self.svg, encoding="utf-8", errors="replace")
        elif target.suffix == ".html":
            target.write_text(self.page(), encoding="utf-8", errors="replace")
        else:
            raise ValueError(f"a picture is saved as .svg or .html; got {target.name!r}")
        return target

    def page(self) -> str:
        """A whole HTML page, dark where the reader's system is."""
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(self.title)}</title>"
            "<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem auto;"
            "max-width:70rem;padding:0 1rem}figure{margin:0}svg{max-width:100%;height:auto}"
            "pre{overflow-x:auto}</style></head><body>"
            f"<h1>{escape(self.title)}</h1><figure>{self.svg}</figure>"
            f"<pre>{escape(self.text)}</pre></body></html>"
        )
