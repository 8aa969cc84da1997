"""A phase map: what became of a run at each pair of two values.

Idea      A run shows one point; a map shows the country. Each cell is a run; its outcome is a colour
          *and* a sign, and is named once, in the midst of its own region. Cells carry their
          values (data-x, data-y), so that a panel can make a click replay that run.
Not here  The clicks (classroom.panels.explore).
Source    The phase diagrams of physics; Huang et al., "Metastable Failures in the Wild" (OSDI 2022).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from classroom.pictures.picture import Picture
from classroom.pictures.svg import cross, document, element, escape, measure, paint, rect, text, tick, wrap

GOOD = ("green", "tick")
OTHERS = (("vermillion", "cross"), ("orange", "ring"), ("purple", "dot"), ("blue", "bar"), ("sky", "dash"))
WIDTH, LEFT, TOP, CELL = 760.0, 62.0, 34.0, 34.0
Cell = tuple[Any, Any]


def phase_map(
    cells: Mapping[Cell, str],
    *,
    x: str,
    y: str,
    good: str | None = None,
    title: str | None = None,
    here: Cell | None = None,
) -> Picture:
    """Draw the outcome, in words, of each (x, y).

    x, y:  what the values are, with units. y grows upwards.
    good:  the outcome that is wanted: green, with a tick.
    title: the finding; by default how often each outcome came.
    here:  where the reader stands, or said they would; framed if the map has it. x may be None: the row.
    Raises ValueError if there are no cells.
    """
    if not cells:
        raise ValueError("phase_map: needs one cell or more: {(x, y): outcome}")
    xs, ys = sorted({cx for cx, _ in cells}), sorted({cy for _, cy in cells}, reverse=True)
    counts = Counter(cells.values())
    looks = _looks([name for name, _ in counts.most_common()], good)
    found = title or "; ".join(f"{name}: {count} of {len(cells)}" for name, count in counts.most_common())
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = TOP + 20 * len(heading) + 20
    wide = (WIDTH - LEFT - 24) / len(xs)
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(text(20, head - 12, y, size=12, fill="soft"))
    for row, cy in enumerate(ys):
        middle = head + CELL * (row + 0.5)
        body.append(text(LEFT - 8, middle + 4, f"{cy:g}", size=11, anchor="end", fill="soft"))
        for column, cx in enumerate(xs):
            if (cx, cy) in cells:
                outcome = cells[cx, cy]
                left, top = LEFT + wide * column, head + CELL * row
                body.append(
                    _cell(left, top, wide, (cx, cy), outcome, looks[outcome], f"{x} {cx:g}, {y} {cy:g}")
                )
    foot = head + CELL * len(ys)
    for column, cx in enumerate(xs):
        body.append(
            text(LEFT + wide * (column + 0.5), foot + 16, f"{cx:g}", size=11, anchor="middle", fill="soft")
        )
    body.append(text(LEFT + wide * len(xs), foot + 34, x, size=12, anchor="end", fill="soft"))
    for outcome in looks:
        cx, cy = _midst([cell for cell, name in cells.items() if name == outcome], xs, ys)
        middle, words = LEFT + wide * (xs.index(cx) + 0.5), outcome
        half = measure(words, 13, bold=True) / 2
        middle = min(max(middle, LEFT + half + 6), LEFT + wide * len(xs) - half - 6)
        body.append(_name(middle, head + CELL * (ys.index(cy) + 0.5), words, half))
    framed = here is not None and (here in cells or (here[0] is None and here[1] in ys))
    if framed and here is not None:
        left = LEFT if here[0] is None else LEFT + wide * xs.index(here[0])
        across = wide * len(xs) if here[0] is None else wide
        top = head + CELL * ys.index(here[1])
        body.append(rect(left + 1, top + 1, across - 2, CELL - 2, stroke="ink", stroke_width=2.5, rx=4))
        body.append(
            text(left + across - 8, top + CELL / 2 + 4, "your choice", size=11, anchor="end", halo=True)
        )
    told = [f"{name}: {count} of {len(cells)} runs" for name, count in counts.most_common()]
    where = f"{x} {here[0]:g}, " if here and here[0] is not None else ""
    marked = [f"your choice: {where}{y} {here[1]:g}"] if framed and here else []
    twin = "\n".join([*told, *marked, *_table(cells, xs, ys, looks, y)])
    alt = f"{found}. A map of {x} against {y}: " + "; ".join(told + marked) + "."
    return Picture(found, document(WIDTH, foot + 46, "".join(body), title=found, desc=alt), alt, twin)


def _looks(outcomes: Sequence[str], good: str | None) -> dict[str, tuple[str, str]]:
    bad = [name for name in outcomes if name != good]
    looks = {name: OTHERS[index % len(OTHERS)] for index, name in enumerate(bad)}
    return ({good: GOOD} if good is not None and good in outcomes else {}) | looks


def _cell(
    left: float, top: float, wide: float, cell: Cell, outcome: str, look: tuple[str, str], where: str
) -> str:
    colour, sign = look
    label = f"{where}: {outcome}"
    values = {"data-x": f"{cell[0]:g}", "data-y": f"{cell[1]:g}"}
    return element(
        "g",
        element("title", escape(label)),
        rect(
            left + 1,
            top + 1,
            wide - 2,
            CELL - 2,
            fill=f"{colour}-tint",
            stroke=colour,
            stroke_width=0.8,
            rx=3,
        ),
        _sign(sign, left + wide / 2, top + CELL / 2, colour),
        **values,
        aria_label=label,
    )


def _sign(sign: str, x: float, y: float, colour: str) -> str:
    if sign == "tick":
        return tick(x, y, 4.5, colour, 2)
    if sign == "cross":
        return cross(x, y, 4, colour, 2)
    if sign == "ring":
        return element("circle", cx=x, cy=y, r=4.5, stroke_width=2, **paint(fill="none", stroke=colour))
    if sign == "dot":
        return element("circle", cx=x, cy=y, r=3.5, **paint(fill=colour))
    across, down = (3.0, 10.0) if sign == "bar" else (10.0, 3.0)
    return rect(x - across / 2, y - down / 2, across, down, fill=colour)


def _name(x: float, y: float, words: str, half: float) -> str:
    plate = rect(x - half - 7, y - 11, 2 * half + 14, 22, fill="paper", stroke="soft", stroke_width=1, rx=11)
    return plate + text(x, y + 4.5, words, anchor="middle", bold=True)


def _midst(cells: Sequence[Cell], xs: Sequence[Any], ys: Sequence[Any]) -> Cell:
    """The cell of a region that is nearest to its middle."""
    places = [(xs.index(cx), ys.index(cy)) for cx, cy in cells]
    mx, my = (sum(part) / len(places) for part in zip(*places, strict=True))
    best = min(places, key=lambda place: ((place[0] - mx) ** 2 + (place[1] - my) ** 2, place))
    return xs[best[0]], ys[best[1]]


def _table(
    cells: Mapping[Cell, str],
    xs: Sequence[Any],
    ys: Sequence[Any],
    looks: Mapping[str, tuple[str, str]],
    y: str,
) -> list[str]:
    """The map in letters, with its key."""
    letters = {name: "ABCDEFGH"[index % 8] for index, name in enumerate(looks)}
    rows = [", ".join(f"{letter} = {name}" for name, letter in letters.items())]
    rows.append("".join(["      ", *(f"{cx:>5g}" for cx in xs)]))
    for cy in ys:
        rows.append("".join([f"{cy:>6g}", *(f"{letters.get(cells.get((cx, cy), ''), ' '):>5}" for cx in xs)]))
    return [*rows, f"(rows: {y})"]
