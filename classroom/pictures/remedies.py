"""Small multiples: one storm, many remedies, the same axes.

Idea      What helps and what does not is seen at one glance if every remedy stands on the same axes,
          with the load that it leaves behind its goodput. Each says how long it took.
Not here  One run in large (goodput.py).
Source    E. Tufte, "Envisioning Information" (small multiples).
"""

from collections.abc import Mapping

from classroom.pictures.axes import Axes
from classroom.pictures.goodput import fate, smooth, stall_band, table
from classroom.pictures.picture import Picture
from classroom.pictures.svg import Box, cross, document, text, tick, wrap
from classroom.scale.storm_counts import Storm

WIDTH, COLUMNS, GAP, LEFT = 760.0, 3, 18.0, 40.0
TALL, NAME, FOOT = 84.0, 40.0, 30.0


def remedies(storms: Mapping[str, Storm], *, title: str | None = None) -> Picture:
    """Draw the goodput of each run, its offered load behind it, all on the same axes.

    title: the finding; by default how many brought the shop back.
    Raises ValueError if there is no run.
    """
    if not storms:
        raise ValueError("remedies: needs one run or more: {name: run}")
    back = sum(run.recovered_after is not None for run in storms.values())
    found = title or f"{back} of {len(storms)} bring the shop back"
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 26.0 + 20 * len(heading)
    wide = (WIDTH - LEFT - GAP * COLUMNS) / COLUMNS
    lasts = max(run.lasts for run in storms.values())
    top = max(y for run in storms.values() for _, y in smooth(run.offered)) * 1.04
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    for index, (name, run) in enumerate(storms.items()):
        row, column = divmod(index, COLUMNS)
        box = Box(LEFT + (wide + GAP) * column, head + NAME + (TALL + NAME + FOOT) * row, wide - GAP, TALL)
        body.append(_one(Axes(box, (0, lasts), top), name, run))
    rows = -(-len(storms) // COLUMNS)
    height = head + (TALL + NAME + FOOT) * rows + 22
    key = "line: goodput · area: load offered to the server · hatched: the stall · requests a second, seconds"
    body.append(text(20, height - 14, key, size=11.5, fill="soft"))
    alt = f"{found}. " + "; ".join(f"{name}: {fate(run)}" for name, run in storms.items()) + "."
    return Picture(found, document(WIDTH, height, "".join(body), title=found, desc=alt), alt, table(storms))


def _one(axes: Axes, name: str, run: Storm) -> str:
    box, back = axes.box, run.recovered_after
    colour = "vermillion" if back is None else "green"
    said = "never" if back is None else "at once" if back == 0 else f"after {back} s"
    sign = cross if back is None else tick
    offered = smooth(run.offered)
    return (
        text(box.x, box.y - 22, name, size=12.5, bold=True)
        + sign(box.x + 6, box.y - 9, 4, colour, 2)
        + text(
            box.x + 16,
            box.y - 5,
            f"back {said}" if back is not None else "never back",
            size=11.5,
            fill=f"{colour}-text",
        )
        + axes.frame(size=9.5, ticks_x=3, ticks_y=3)
        + axes.area(offered, "vermillion-tint")
        + axes.curve(offered, "vermillion", width=0.8)
        + stall_band(axes, run, words=False)
        + axes.curve(smooth(run.goodput), "blue", width=2)
    )
