"""Curves over time: how much was done by when, with the names on the lines.

Idea      Few lines, each named where it ends, so that no legend must be carried in the head; a
          colour *and* a dash each. The title states the finding and is computed by the caller
          or, by default, from the last values. A prediction is a point beside them.
Not here  Bars and leases (timeline.py).
Source    E. Tufte, "The Visual Display of Quantitative Information" (direct labels).
"""

from collections.abc import Mapping, Sequence

from classroom.pictures.axes import Point, apart, steps
from classroom.pictures.picture import Picture
from classroom.pictures.svg import d, document, line, measure, path, rect, shape, text, wrap

LOOKS = (("blue", ""), ("vermillion", "7 3"), ("green", "2 3"), ("purple", "9 3 2 3"), ("orange", "5 2"))
WIDTH, LEFT, HEIGHT, FOOT = 760.0, 56.0, 250.0, 44.0
_UNASKED = object()


def curves(
    lines: Mapping[str, Sequence[Point]],
    *,
    x: str,
    y: str,
    title: str | None = None,
    prediction: object = _UNASKED,
    label: str = "prediction",
    until: float | None = None,
) -> Picture:
    """Draw one line for each name: its (x, y) points, by rising x; it goes on level to the end.

    x, y: what the axes count, with units ("seconds"). until: where x ends, by default at the last point.
    prediction: a number on the y axis, drawn at the end, or None for "no prediction made".
    Raises ValueError if there is nothing to draw.
    """
    points = [point for line_ in lines.values() for point in line_]
    if not points:
        raise ValueError("curves: needs one line with a point or more")
    guess = float(prediction) if isinstance(prediction, int | float) else None
    right = until if until is not None else max(px for px, _ in points)
    top = max([py for _, py in points] + ([guess] if guess is not None else []) + [1.0])
    last = {name: (line_[-1][1] if line_ else 0.0) for name, line_ in lines.items()}
    told = "" if prediction is _UNASKED else _prediction(guess, label)
    found = (
        title or "; ".join(f"{name}: {value:g}" for name, value in last.items()) + f" {y} after {right:g} {x}"
    )
    names = max(measure(f"{name}: {value:g}", 12, bold=True) for name, value in last.items())
    plot = WIDTH - LEFT - max(names, measure(told, 12)) - 34
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 42.0 + 20 * len(heading)

    def at(point: Point) -> Point:
        return LEFT + plot * point[0] / (right or 1), head + HEIGHT * (1 - point[1] / top)

    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    for value in steps(top):
        _, py = at((0, value))
        body.append(line(LEFT, py, LEFT + plot, py, "rule", 1))
        body.append(text(LEFT - 8, py + 4, f"{value:g}", size=11, anchor="end", fill="soft"))
    for value in steps(right):
        px, py = at((value, 0))
        body.append(text(px, py + 18, f"{value:g}", size=11, anchor="middle", fill="soft"))
    body.append(text(LEFT + plot, head + HEIGHT + 36, x, size=12, anchor="end", fill="soft"))
    body.append(text(LEFT - 8, head - 10, y, size=12, fill="soft", anchor="start"))
    ends: list[tuple[float, str, str]] = []
    for (name, line_), (colour, dash) in zip(lines.items(), LOOKS * len(lines), strict=False):
        shown = [*line_, (right, last[name])] if line_ else [(0.0, 0.0), (right, 0.0)]
        parts: list[str | float] = []
        for index, point in enumerate(shown):
            parts += ["L" if index else "M", *at(point)]
        body.append(path(d(*parts), stroke=colour, stroke_width=2.5, stroke_dasharray=dash or None))
        ends.append((at((right, last[name]))[1], f"{name}: {last[name]:g}", f"{colour}-text"))
    if told:
        py = at((right, guess))[1] if guess is not None else head + HEIGHT
        if guess is not None:
            body.append(shape("diamond", LEFT + plot, py, 6, fill="ink"))
        ends.append((py, told, "ink"))
    for py, words, fill in apart(ends):
        body.append(text(LEFT + plot + 12, py + 4, words, size=12, bold=fill != "ink", fill=fill))
    height = head + HEIGHT + FOOT
    body.insert(0, rect(LEFT, head, plot, HEIGHT, fill="band"))
    told_lines = [f"{name}: {value:g} {y} after {right:g} {x}" for name, value in last.items()]
    twin = "\n".join(told_lines + ([told] if told else []) + _table(lines, right, x))
    alt = f"{found}. Lines over {x}: " + "; ".join(told_lines) + (f"; {told}" if told else "") + "."
    return Picture(found, document(WIDTH, height, "".join(body), title=found, desc=alt), alt, twin)


def _prediction(guess: float | None, label: str) -> str:
    return "no prediction made" if guess is None else f"{label}: {guess:g}"


def _table(lines: Mapping[str, Sequence[Point]], right: float, x: str) -> list[str]:
    """The values at five moments."""
    moments = [right * part / 4 for part in range(5)]
    width = max(len(name) for name in lines)
    rows = [" ".join([x.ljust(width), *(f"{moment:9.4g}" for moment in moments)])]
    for name, line_ in lines.items():
        values = [max((py for px, py in line_ if px <= moment), default=0.0) for moment in moments]
        rows.append(" ".join([name.ljust(width), *(f"{value:9.4g}" for value in values)]))
    return rows
