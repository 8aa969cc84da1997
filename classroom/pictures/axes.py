"""A plot's frame: where a value lies in pixels, its grid, and names that stand beside their lines.

Not here  Whole pictures (curves.py, goodput.py, remedies.py, histograms.py).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from classroom.pictures.svg import Box, d, line, path, rect, text

Point = tuple[float, float]
LABEL = 17.0  # the least distance of two names, in pixels


@dataclass(frozen=True, slots=True)
class Axes:
    """Values from x[0] to x[1], and from 0 to `top`, in a box of pixels."""

    box: Box
    x: tuple[float, float]
    top: float

    def at(self, x: float, y: float) -> Point:
        """Where (x, y) lies; what is outside lies on the frame."""
        along = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = y / (self.top or 1)
        left = self.box.x + self.box.width * min(max(along, 0.0), 1.0)
        return left, self.box.y + self.box.height * (1 - min(max(up, 0.0), 1.0))

    def frame(self, *, size: float = 11, ticks_x: int = 4, ticks_y: int = 4) -> str:
        """The paper of the plot with its grid and figures; size: of the letters."""
        body = [rect(self.box.x, self.box.y, self.box.width, self.box.height, fill="band")]
        for value in steps(self.top, ticks_y):
            px, py = self.at(self.x[0], value)
            body.append(line(px, py, px + self.box.width, py, "rule", 1))
            body.append(text(px - 6, py + 4, f"{value:g}", size=size, anchor="end", fill="soft"))
        for value in steps(self.x[1], ticks_x):
            if value >= self.x[0]:
                px, py = self.at(value, 0)
                body.append(text(px, py + size + 6, f"{value:g}", size=size, anchor="middle", fill="soft"))
        return "".join(body)

    def curve(self, points: Iterable[Point], colour: str, *, dash: str = "", width: float = 2.5) -> str:
        """A line through the points."""
        parts: list[str | float] = []
        for index, point in enumerate(points):
            parts += ["L" if index else "M", *self.at(*point)]
        return path(
            d(*parts), stroke=colour, stroke_width=width, stroke_dasharray=dash or None,
            stroke_linejoin="round",
        )  # fmt: skip

    def area(self, points: Sequence[Point], fill: str) -> str:
        """What lies below the points."""
        if not points:
            return ""
        parts: list[str | float] = ["M", *self.at(points[0][0], 0)]
        for point in points:
            parts += ["L", *self.at(*point)]
        return path(d(*parts, "L", *self.at(points[-1][0], 0), "Z"), fill=fill)

    def span(self, start: float, end: float, fill: str) -> str:
        """A band from `start` to `end`, as high as the plot."""
        left, right = self.at(start, 0)[0], self.at(end, 0)[0]
        return rect(left, self.box.y, max(right - left, 1.0), self.box.height, fill=fill)


def steps(top: float, wanted: int = 4) -> list[float]:
    """About `wanted` round values from 0 to `top`."""
    raw = top / wanted
    size = 10 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.999)
    return [step * index for index in range(int(top / step + 1e-9) + 1)]


def apart(
    ends: Iterable[tuple[float, str, str]], *, foot: float | None = None
) -> list[tuple[float, str, str]]:
    """Names (y, words, paint) from top to bottom, moved down where two would overlap; none below `foot`."""
    placed: list[tuple[float, str, str]] = []
    for py, words, fill in sorted(ends):
        placed.append((max(py, placed[-1][0] + LABEL) if placed else py, words, fill))
    if foot is None:
        return placed
    lifted: list[tuple[float, str, str]] = []
    for py, words, fill in reversed(placed):
        lifted.append((min(py, lifted[-1][0] - LABEL if lifted else foot), words, fill))
    return lifted[::-1]
