"""Small helpers to write SVG by hand: elements, letters that are measured, one document.

Idea      A drawing is a string, the same for the same data on every machine. Its light look
          stands in the attributes, so it is right wherever styles are taken away; a short
          style sheet changes the paints on dark paper. It paints its own paper, so it is
          legible on any page.
          Letters are measured with a table of widths of a wide font (DejaVu Sans). With the
          narrower fonts of most systems there is more room, never less.
Not here  What is drawn; the colours (palette.py); how a notebook shows it (picture.py).
Source    SVG 2 (W3C); SVG Accessibility API Mappings (role, title, desc).
"""

import math
import re
from dataclasses import dataclass
from html import escape as _html_escape
from typing import Any

from classroom.pictures.palette import PAINTS

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

_WIDTHS = {  # thousandths of the font size; DejaVu Sans, the widest of the usual ones
    275: "'", 278: "ijl", 295: "IJ", 318: " ,.·", 337: "/:;\\|", 352: "f", 361: "-", 390: "()[]",
    392: "t", 401: "!", 411: "r", 460: '"', 500: "*_`–", 521: "s", 525: "z", 531: "?", 550: "c",
    557: "L", 575: "F", 579: "k", 592: "vxy", 603: "P", 611: "TY", 613: "oae", 632: "E",
    636: "hnuSbdgpq$0123456789{}", 656: "K", 686: "AVXZB", 698: "RC", 732: "U", 752: "NH", 775: "DG",
    787: "&OQ", 818: "w", 838: "#+<=>^~→←×✓", 863: "M", 950: "%", 974: "m", 989: "W", 1000: "@…—",
}  # fmt: skip
_WIDTH = {letter: width / 1000 for width, letters in _WIDTHS.items() for letter in letters}
_BOLD = 1.13
_MONO = 0.602
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(words: object) -> str:
    """`words` as they may stand in an element or in a quoted attribute.

    What XML cannot hold (control characters, lone surrogates) becomes U+FFFD.
    """
    return _html_escape(_NOT_XML.sub("\ufffd", str(words)), quote=True)


def number(value: float) -> str:
    """At most one digit after the point: a tenth of a pixel is finer than anybody sees."""
    return f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.0f}"


def element(tag: str, *children: str, **attributes: object) -> str:
    """One element. `children` are markup already; attribute values are escaped.

    ``stroke_width`` is written ``stroke-width``; ``class_`` is ``class``; None is left out.
    """
    parts = [tag]
    for key, value in attributes.items():
        if value is None or value == "":
            continue
        shown = number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    head = " ".join(parts)
    return f"<{head}>{''.join(children)}</{tag}>" if children else f"<{head}/>"


def paint(*, fill: str | None = None, stroke: str | None = None) -> dict[str, str]:
    """The attributes that paint with names of PAINTS ("none" paints nothing)."""
    classes, found = [], {}
    for what, name in (("fill", fill), ("stroke", stroke)):
        if name == "none":
            found[what] = "none"
        elif name is not None:
            found[what] = PAINTS[name][0]
            classes.append(f"bop-{what[0]}-{name}")
    if classes:
        found["class_"] = " ".join(classes)
    return found


# -- letters ------------------------------------------------------------------------------


def measure(words: str, size: float = 13, *, bold: bool = False, mono: bool = False) -> float:
    """The width of one line of `words` in pixels, rather too wide than too narrow."""
    if mono:
        return len(words) * _MONO * size
    width = sum(_WIDTH.get(letter, 0.7 if ord(letter) < 0x2E80 else 1.05) for letter in words)
    return width * size * (_BOLD if bold else 1)


def clip(words: str, width: float, size: float = 13, *, bold: bool = False, mono: bool = False) -> str:
    """`words`, cut with "…" where they do not fit into `width` pixels."""
    if measure(words, size, bold=bold, mono=mono) <= width:
        return words
    while words and measure(words + "…", size, bold=bold, mono=mono) > width:
        words = words[:-1]
    return words.rstrip() + "…"


def wrap(
    words: str, width: float, size: float = 13, *, bold: bool = False, lines: int | None = None
) -> list[str]:
    """`words` in lines of at most `width` pixels, broken at spaces; at most `lines` of them."""
    found: list[str] = []
    for word in words.split():
        if found and measure(f"{found[-1]} {word}", size, bold=bold) <= width:
            found[-1] += f" {word}"
        else:
            found.append(word)
    if lines is not None and len(found) > lines:
        found[lines - 1 :] = [" ".join(found[lines - 1 :])]
    return [clip(line, width, size, bold=bold) for line in found]


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = 13,
    anchor: str = "start",
    fill: str = "ink",
    bold: bool = False,
    mono: bool = False,
    halo: bool = False,
    **attributes: object,
) -> str:
    """One line of letters; (x, y) is on its base line. halo: a rim of paper, over other lines."""
    looks = paint(fill=fill)
    if halo:
        looks |= {"stroke": PAINTS["paper"][0], "stroke_width": "4", "paint_order": "stroke"}
        looks |= {"stroke_linejoin": "round", "class_": f"{looks['class_']} bop-s-paper"}
    return element(
        "text",
        escape(words),
        x=x,
        y=y,
        font_size=size if size != 13 else None,
        text_anchor=anchor if anchor != "start" else None,
        font_weight="600" if bold else None,
        font_family=MONO if mono else None,
        **looks,
        **attributes,
    )


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: left, top, width and height in pixels."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: "Box", *, by: float = 0.5) -> bool:
        """Whether the two share more than a strip `by` pixels wide."""
        across = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        down = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return across > by and down > by


def text_box(x: float, y: float, words: str, size: float = 13, anchor: str = "start", **how: bool) -> Box:
    """Where a line of letters is, from the top of its capitals to the foot of its g."""
    width = measure(words, size, **how)
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return Box(left, y - 0.76 * size, width, size)


# -- shapes -------------------------------------------------------------------------------


def line(
    x1: float, y1: float, x2: float, y2: float, stroke: str = "ink", width: float = 1.5, **more: object
) -> str:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke_width=width, **paint(stroke=stroke), **more)


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    fill: str | None = "none",
    stroke: str | None = None,
    **more: Any,
) -> str:
    return element("rect", x=x, y=y, width=width, height=height, **paint(fill=fill, stroke=stroke), **more)


def path(d: str, *, fill: str | None = "none", stroke: str | None = None, **more: object) -> str:
    return element("path", d=d, **paint(fill=fill, stroke=stroke), **more)


def d(*parts: str | float) -> str:
    """The data of a path: ``d("M", 0, 4, "L", 3, 9)``."""
    return " ".join(part if isinstance(part, str) else number(part) for part in parts)


def polygon(points: list[tuple[float, float]]) -> str:
    """The data of a closed path through `points`."""
    (x, y), *rest = points
    return d("M", x, y, *(part for px, py in rest for part in ("L", px, py)), "Z")


def cross(x: float, y: float, r: float = 5, stroke: str = "vermillion", width: float = 2.5) -> str:
    """An X: lost, died, broken."""
    data = d("M", x - r, y - r, "L", x + r, y + r, "M", x - r, y + r, "L", x + r, y - r)
    return path(data, stroke=stroke, stroke_width=width, stroke_linecap="round")


def tick(x: float, y: float, r: float = 5, stroke: str = "green", width: float = 2.5) -> str:
    """A tick: acknowledged, kept."""
    data = d("M", x - r, y, "L", x - r * 0.25, y + r * 0.75, "L", x + r, y - r * 0.75)
    return path(data, stroke=stroke, stroke_width=width, stroke_linecap="round", stroke_linejoin="round")


def arrow_head(
    x: float, y: float, dx: float, dy: float, size: float = 7, *, fill: str = "ink", open_: bool = False
) -> str:
    """The head of an arrow that comes in direction (dx, dy) and ends in (x, y)."""
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    left = (x - ux * size - uy * size * 0.5, y - uy * size + ux * size * 0.5)
    right = (x - ux * size + uy * size * 0.5, y - uy * size - ux * size * 0.5)
    if open_:
        data = d("M", *left, "L", x, y, "L", *right)
        return path(data, stroke=fill, stroke_width=1.5, stroke_linecap="round", stroke_linejoin="round")
    return path(polygon([(x, y), left, right]), fill=fill)


def shape(
    kind: str, x: float, y: float, r: float, *, fill: str, stroke: str | None = None, **more: Any
) -> str:
    """The sign of a look: square, circle, hexagon, diamond or triangle around (x, y)."""
    if kind == "circle":
        return element("circle", cx=x, cy=y, r=r, **paint(fill=fill, stroke=stroke), **more)
    if kind == "square":
        side = r * 0.9
        return rect(x - side, y - side, 2 * side, 2 * side, fill=fill, stroke=stroke, rx=1.5, **more)
    corners = {"hexagon": 6, "diamond": 4, "triangle": 3}[kind]
    grow = 1.15 if corners != 6 else 1.05
    turn = -math.pi / 2 if corners != 6 else 0.0
    angles = [turn + 2 * math.pi * index / corners for index in range(corners)]
    points = [(x + grow * r * math.cos(angle), y + grow * r * math.sin(angle)) for angle in angles]
    return path(polygon(points), fill=fill, stroke=stroke, **more)


def drum(x: float, y: float, width: float, height: float, *, fill: str = "band", stroke: str = "soft") -> str:
    """A database: a drum whose lid is an ellipse; (x, y) is its left upper corner."""
    rx, ry = width / 2, min(3.5, height / 5)
    body = d(
        "M",
        x,
        y + ry,
        "L",
        x,
        y + height - ry,
        f"A {number(rx)} {number(ry)} 0 0 0",
        x + width,
        y + height - ry,
        "L",
        x + width,
        y + ry,
    )
    lid = element(
        "ellipse", cx=x + rx, cy=y + ry, rx=rx, ry=ry, stroke_width=1.2, **paint(fill=fill, stroke=stroke)
    )
    return path(body, fill=fill, stroke=stroke, stroke_width=1.2) + lid


def hatch(x: float, y: float, width: float, height: float, *, stroke: str = "soft", gap: float = 6) -> str:
    """Slanting lines over a rectangle: time in which nothing ran. No pattern, so no id is needed."""
    parts: list[str | float] = []
    offset = gap
    while offset < width + height:
        x1, y1 = (x + offset, y) if offset <= width else (x + width, y + offset - width)
        x2, y2 = (x, y + offset) if offset <= height else (x + offset - height, y + height)
        parts += ["M", x1, y1, "L", x2, y2]
        offset += gap
    return path(d(*parts), stroke=stroke, stroke_width=1) if parts else ""


# -- the document -------------------------------------------------------------------------


def style_sheet(body: str) -> str:
    """The paints that `body` uses, on dark paper too.

    As an image the drawing follows the colour scheme of the img; inside a page it follows
    JupyterLab's theme where there is one.
    """
    used = sorted(set(re.findall(r"bop-([fs])-([a-z-]+)", body)))
    names = sorted({name for _, name in used})
    light = ";".join(f"--bop-{name}:{PAINTS[name][0]}" for name in names)
    dark = ";".join(f"--bop-{name}:{PAINTS[name][1]}" for name in names)
    rules = [
        f".bop{{{light}}}",
        f"@media (prefers-color-scheme:dark){{.bop{{{dark}}}}}",
        f"[data-jp-theme-light=true] .bop{{{light}}}",
        f"[data-jp-theme-light=false] .bop{{{dark}}}",
    ]
    for what, name in used:
        rules.append(f".bop-{what}-{name}{{{'fill' if what == 'f' else 'stroke'}:var(--bop-{name})}}")
    return "<style>" + "".join(rules) + "</style>"


def document(width: float, height: float, body: str, *, title: str, desc: str) -> str:
    """A whole drawing on its own paper, with a name and a description for those who hear it."""
    paper = rect(0.5, 0.5, width - 1, height - 1, fill="paper", stroke="rule", rx=6)
    drawn = paper + body
    return element(
        "svg",
        element("title", escape(title)),
        element("desc", escape(desc)),
        style_sheet(drawn),
        drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=title,
        class_="bop",
        font_family=FONT,
        font_size="13",
    )
