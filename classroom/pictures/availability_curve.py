"""The availability of a chain, as it grows: what was measured, and what the product says.

Idea      A mark for each length of the chain: the mean of many years, and a bar from a bad year (one in ten
          is worse) to a good one (one in ten is better). The product is a line through them, or past
          them. Another line is the average of the parts, which is what many expect.
Not here  Where outages come from (classroom.scale.outages).
Source    B. Treynor and others, "The Calculus of Service Availability" (ACM Queue, 2017).
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from classroom.pictures.axes import apart
from classroom.pictures.picture import Picture
from classroom.pictures.svg import d, document, line, measure, path, rect, shape, text, wrap

MONTH = 30 * 24 * 60  # minutes
WIDTH, LEFT, HEIGHT, FOOT = 760.0, 66.0, 260.0, 46.0
LOOKS = (("blue", "circle"), ("green", "square"), ("orange", "diamond"))
_UNASKED = object()
Years = Sequence[float]


def availability_curve(
    measured: Mapping[str, Mapping[int, Years]],
    *,
    each: float,
    title: str | None = None,
    prediction: object = _UNASKED,
    label: str = "your prediction",
    at: int = 4,
) -> Picture:
    """Draw what was measured beside the product.

    measured: what it is -> number of services -> for each year the share of time in which the shop was open.
    each: the availability of one service. prediction: minutes closed a month with `at` services, or None for
    "no prediction made".
    Raises ValueError if nothing was measured.
    """
    if not any(measured.values()):
        raise ValueError("availability_curve: needs one length of the chain with a year or more")
    most = max(n for points in measured.values() for n in points)
    guess = 1 - prediction / MONTH if isinstance(prediction, int | float) else None
    means = {name: {n: fmean(years) for n, years in points.items()} for name, points in measured.items()}
    lowest = min([each**most, *(low(years) for points in measured.values() for years in points.values())])
    foot = max(0.0, _round_down(min(lowest, guess if guess is not None else 1.0)))
    first = next(iter(means.values()))
    found = title or (
        f"{most} services, each up {each:.1%}: the shop is open {first[most]:.2%}; "
        f"the product says {each**most:.2%}"
    )
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 46.0 + 20 * len(heading)
    labels = [f"the average: {_told(each)}"]
    labels += [f"{name}: {_told(points[max(points)])}" for name, points in means.items()]
    wide = WIDTH - LEFT - max(measure(label, 11.5, bold=True) for label in labels) - 24

    def place(n: float, share: float) -> tuple[float, float]:
        return LEFT + wide * (n - 0.5) / most, head + HEIGHT * (1 - share) / (1 - foot)

    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(rect(LEFT, head, wide, HEIGHT, fill="band"))
    for share in _levels(foot):
        y = place(1, share)[1]
        body.append(line(LEFT, y, LEFT + wide, y, "rule", 1))
        body.append(text(LEFT - 8, y + 4, f"{share * 100:.4g} %", size=11, anchor="end", fill="soft"))
    for n in range(1, most + 1):
        body.append(text(place(n, 1)[0], head + HEIGHT + 18, str(n), size=11, anchor="middle", fill="soft"))
    body.append(
        text(LEFT + wide, head + HEIGHT + 36, "services in the chain", size=12, anchor="end", fill="soft")
    )
    body.append(text(20, head - 12, "share of time in which the shop is open", size=12, fill="soft"))
    parts: list[str | float] = []
    for n in range(1, most + 1):
        parts += ["L" if n > 1 else "M", *place(n, each**n)]
    body.append(path(d(*parts), stroke="soft", stroke_width=2))
    body.append(line(*place(1, each), *place(most, each), "vermillion", 2, stroke_dasharray="7 4"))
    ends = [
        (place(most, each**most)[1], f"the product: {_told(each**most)}", "soft"),
        (place(most, each)[1], f"the average: {_told(each)}", "vermillion-text"),
    ]
    marks = []
    for (name, points), (colour, sign) in zip(measured.items(), LOOKS * len(measured), strict=False):
        for n, years in points.items():
            x, y = place(n, means[name][n])
            bad, good = place(n, low(years))[1], place(n, high(years))[1]
            marks.append(line(x, bad, x, good, colour, 1.5))
            marks.append(shape(sign, x, y, 5, fill=f"{colour}-fill", stroke=colour))
        last = max(points)
        ends.append(
            (place(last, means[name][last])[1], f"{name}: {_told(means[name][last])}", f"{colour}-text")
        )
    body += marks
    said = ""
    if prediction is not _UNASKED:
        said = "no prediction made" if guess is None else f"{label}: {prediction:g} min"
        if guess is not None:
            x, y = place(at, guess)
            body.append(shape("diamond", x, y, 7, fill="ink"))
        ends.append((place(at, guess)[1] if guess is not None else head + HEIGHT, said, "ink"))
    for y, words, fill in apart(ends, foot=head + HEIGHT):
        body.append(text(LEFT + wide + 10, y + 4, words, size=11.5, bold=fill.endswith("-text"), fill=fill))
    twin = "\n".join([*_table(measured, means, each, most), *([said] if said else [])])
    alt = (
        f"{found}. Over the number of services, from 1 to {most}: the product falls to {each**most:.2%}; "
        + "; ".join(f"{name} ends at {points[max(points)]:.2%}" for name, points in means.items())
        + (f"; {said}" if said else "")
        + "."
    )
    height = head + HEIGHT + FOOT
    return Picture(found, document(WIDTH, height, "".join(body), title=found, desc=alt), alt, twin)


def low(years: Years) -> float:
    """A bad year: one in ten is worse."""
    return sorted(years)[len(years) // 10]


def high(years: Years) -> float:
    """A good year: one in ten is better."""
    return sorted(years)[-1 - len(years) // 10]


def _told(share: float) -> str:
    """A share, and what it is in a month: "99.60 %, 172 min"."""
    minutes = (1 - share) * MONTH
    closed = f"{minutes:.0f} min" if minutes < 600 else f"{minutes / 60:.1f} h"
    return f"{share:.2%}, {closed}"


def _round_down(share: float) -> float:
    """Where the axis ends: a little below all that is drawn, on a whole half percent."""
    return int((share - 0.0005) * 200) / 200


def _levels(foot: float) -> list[float]:
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (1 - foot) / s <= 6)
    return [1 - step * index for index in range(int((1 - foot) / step + 1e-9) + 1)]


def _table(
    measured: Mapping[str, Mapping[int, Years]],
    means: Mapping[str, Mapping[int, float]],
    each: float,
    most: int,
) -> list[str]:
    rows = ["services  the product  " + "  ".join(f"{name} (bad year to good)" for name in measured)]
    for n in range(1, most + 1):
        cells = []
        for name, points in measured.items():
            if n in points:
                cells.append(f"{means[name][n]:.3%} ({low(points[n]):.3%} to {high(points[n]):.3%})")
        rows.append(f"{n:>8}  {each**n:>11.3%}  " + "  ".join(cells))
    return [*rows, f"the average of the parts: {each:.3%}, however many"]
