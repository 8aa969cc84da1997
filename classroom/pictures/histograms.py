"""Histograms on one axis: how many came in each slot of time, for several ways to wait.

Not here  Curves (curves.py). The figures are counted by the caller.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from classroom.pictures.axes import Axes, steps
from classroom.pictures.picture import Picture
from classroom.pictures.svg import Box, document, rect, text, wrap

COLOURS = ("vermillion", "orange", "sky", "green", "purple", "blue")
WIDTH, LEFT, ROW, GAP, FOOT = 760.0, 132.0, 58.0, 16.0, 46.0


def histograms(
    moments: Mapping[str, Sequence[float]], *, slot: float, x: str, what: str, title: str | None = None
) -> Picture:
    """Draw one row of bars for each name, from its moments.

    slot: the width of a bar, in units of x. what: is counted ("retries").
    title: the finding; by default the most in one slot for each name.
    Raises ValueError if there is nothing to count.
    """
    counts = {name: Counter(int(m / slot + 1e-9) for m in found) for name, found in moments.items()}
    if not any(counts.values()):
        raise ValueError("histograms: needs one moment or more: {name: [seconds, ...]}")
    most = {name: max(found.values(), default=0) for name, found in counts.items()}
    found = title or f"Most {what} in {slot:g} {x}: " + ", ".join(f"{n} {m}" for n, m in most.items())
    last = max(place for each in counts.values() for place in each) + 1
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 30.0 + 20 * len(heading)
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    for row, (name, each) in enumerate(counts.items()):
        box = Box(LEFT, head + (ROW + GAP) * row, WIDTH - LEFT - 90, ROW)
        axes = Axes(box, (0, last * slot), max(most.values()))
        colour = COLOURS[row % len(COLOURS)]
        body.append(rect(box.x, box.y, box.width, box.height, fill="band"))
        body.append(text(LEFT - 12, box.y + ROW / 2 + 5, name, size=13, anchor="end", bold=True))
        for place, count in sorted(each.items()):
            left, top = axes.at(place * slot, count)
            right, foot = axes.at((place + 1) * slot, 0)
            body.append(
                rect(
                    left + 0.5,
                    top,
                    right - left - 1,
                    foot - top,
                    fill=f"{colour}-fill",
                    stroke=colour,
                    stroke_width=0.6,
                )
            )
        body.append(text(box.x + box.width + 10, box.y + ROW / 2 + 5, f"at most {most[name]}", size=12))
        if row == len(counts) - 1:
            for value in steps(last * slot, 5):
                px, py = axes.at(value, 0)
                body.append(text(px, py + 17, f"{value:g}", size=11, anchor="middle", fill="soft"))
    height = head + (ROW + GAP) * len(counts) + FOOT - 10
    body.append(text(WIDTH - 90, height - 12, f"{x}; a bar is {slot:g}", size=12, anchor="end", fill="soft"))
    twin = "\n".join(
        f"{name}: most {most[name]} in one slot; "
        + " ".join(f"{place * slot:.2g}:{count}" for place, count in sorted(each.items()))
        for name, each in counts.items()
    )
    alt = f"{found}. " + "; ".join(f"{n}: at most {m} {what} in {slot:g} {x}" for n, m in most.items()) + "."
    return Picture(found, document(WIDTH, height, "".join(body), title=found, desc=alt), alt, twin)
