"""Goodput over time, with all that was offered to the server behind it, and the stall as a band.

Idea      Two quantities that a dashboard shows far apart are drawn on one axis: what the server is
          asked to do, and what of its work was of use to anybody. Between them lies the storm.
Not here  The same for many remedies at once (remedies.py). The model (classroom.scale).
Source    Goodput as in Bronson et al., "Metastable Failures in Distributed Systems" (HotOS 2021).
"""

from collections.abc import Mapping

from classroom.pictures.axes import Axes, Point, apart
from classroom.pictures.picture import Picture
from classroom.pictures.svg import Box, document, hatch, line, measure, shape, text, wrap
from classroom.scale.storm_counts import Storm

LOOKS = (("blue", ""), ("green", "7 3"), ("purple", "2 3"), ("orange", "9 3 2 3"), ("black", "5 2"))
WIDTH, LEFT, HEIGHT, FOOT = 760.0, 56.0, 270.0, 46.0
_UNASKED = object()


def goodput(
    storms: Mapping[str, Storm] | Storm,
    *,
    title: str | None = None,
    prediction: object = _UNASKED,
    label: str = "you",
) -> Picture:
    """Draw the goodput of each run; behind it the load that was offered in the first.

    storms:     name -> run; or one run.
    title:      the finding; by default what became of the first run.
    prediction: seconds after the stall at which the shop will be back, None for "no prediction made".
    Raises ValueError if there is no run.
    """
    runs = {"goodput": storms} if isinstance(storms, Storm) else dict(storms)
    if not runs:
        raise ValueError("goodput: needs one run or more: {name: run}")
    first = next(iter(runs.values()))
    found = title or finding(first)
    guess = float(prediction) if isinstance(prediction, int | float) else None
    lines = {name: smooth(run.goodput) for name, run in runs.items()}
    offered = smooth(first.offered)
    names = [f"offered: {offered[-1][1]:.0f}/s"] + [f"{n}: {end[-1][1]:.0f}/s" for n, end in lines.items()]
    room = max(measure(name, 12, bold=True) for name in names) + 30
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 46.0 + 20 * len(heading)
    top = max(y for points in (offered, *lines.values()) for _, y in points) * 1.04
    axes = Axes(Box(LEFT, head, WIDTH - LEFT - room, HEIGHT), (0, first.lasts), top)
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body += [axes.frame(ticks_x=7), axes.area(offered, "vermillion-tint")]
    body.append(axes.curve(offered, "vermillion", width=1))
    body.append(stall_band(axes, first))
    body.append(_capacity(axes, first))
    ends = [(axes.at(0, offered[-1][1])[1], names[0], "vermillion-text")]
    looks = LOOKS * len(lines)
    for index, (name, points) in enumerate(lines.items()):
        colour, dash = looks[index]
        body.append(axes.curve(points, colour, dash=dash, width=4.5 if index == 0 else 2.5))
        paint = "ink" if colour == "black" else f"{colour}-text"
        ends.append((axes.at(0, points[-1][1])[1], f"{name}: {points[-1][1]:.0f}/s", paint))
    right = axes.box.x + axes.box.width
    for py, words, fill in apart(ends, foot=head + HEIGHT - 4):
        body.append(text(right + 10, py + 4, words, size=12, bold=True, fill=fill))
    told = "" if prediction is _UNASKED else _told(guess, label)
    body.append(_prediction(axes, first, guess, told))
    body.append(text(LEFT - 8, head - 10, "requests a second", size=12, fill="soft"))
    body.append(text(right, head + HEIGHT + 38, "seconds", size=12, anchor="end", fill="soft"))
    twin = "\n".join([table(runs), *([told] if told else [])])
    alt = (
        f"{found}. Goodput over {first.lasts} seconds; the stall lasts from {first.stall[0]:g} to "
        f"{first.stall[1]:g} s. " + "; ".join(f"{name}: {fate(run)}" for name, run in runs.items())
        + f". {told}"
    )  # fmt: skip
    drawn = document(WIDTH, head + HEIGHT + FOOT, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt.strip(), twin)


def finding(run: Storm) -> str:
    """What became of a run, in one sentence."""
    stall = run.stall[1] - run.stall[0]
    if run.recovered_after is not None:
        return f"A stall of {stall:g} s: the shop is back {run.recovered_after} s after it"
    late = _late(run)
    good, asked = run.rate(run.goodput, *late), run.rate(run.demand, *late)
    since = late[1] - run.stall[1]
    return (
        f"{since:.0f} s after a stall of {stall:g} s: {asked:.0f} requests a second, "
        f"{run.rate(run.offered, *late):.0f} tries a second, {good:.0f} successes"
    )


def _late(run: Storm) -> tuple[float, float]:
    """The last 20 s of a run, or what there is of them after the stall."""
    return max(run.lasts - 20, min(run.stall[1], run.lasts - 1)), run.lasts


def fate(run: Storm) -> str:
    """ "back after 7 s", or "not back after 107 s"."""
    if run.recovered_after is None:
        return f"not back {run.judged_until - run.stall[1]:.0f} s after the stall"
    return f"back {run.recovered_after} s after the stall"


def smooth(series: tuple[int, ...], width: int = 2) -> list[Point]:
    """The mean of each `width` seconds, at their middle."""
    found = []
    for start in range(0, len(series) - width + 1, width):
        found.append((start + width / 2, sum(series[start : start + width]) / width))
    return found


def stall_band(axes: Axes, run: Storm, *, words: bool = True) -> str:
    """The seconds for which the server stood still."""
    start, end = run.stall
    if end <= start:
        return ""
    left, right = axes.at(start, 0)[0], axes.at(end, 0)[0]
    shaded = hatch(left, axes.box.y, max(right - left, 2), axes.box.height, stroke="ink", gap=5)
    name = text(left - 5, axes.box.y + 15, "stall", size=11, anchor="end", halo=True) if words else ""
    return axes.span(start, end, "mark") + shaded + name


def _capacity(axes: Axes, run: Storm) -> str:
    x, y = axes.at(axes.x[0], run.capacity)
    level = line(x, y, x + axes.box.width, y, "ink", 1, stroke_dasharray="1 4", stroke_linecap="round")
    words = f"the server can do {run.capacity:g}/s"
    return level + text(x + 8, y - 6, words, size=11, fill="ink", halo=True)


def _told(guess: float | None, label: str) -> str:
    return "no prediction made" if guess is None else f"{label}: back {guess:g} s after the stall"


def _prediction(axes: Axes, run: Storm, guess: float | None, told: str) -> str:
    if not told:
        return ""
    if guess is None:
        x, y = axes.at(axes.x[1], axes.top)
        return text(x - 8, y + 15, told, size=11.5, anchor="end", halo=True)
    demand = run.rate(run.demand, 0, run.lasts)
    (x, y), (_, foot) = axes.at(run.stall[1] + guess, demand), axes.at(0, 0)
    over = run.stall[1] + guess > axes.x[1] * 0.6
    return (
        line(x, axes.box.y + 22, x, foot, "ink", 1.5, stroke_dasharray="4 3")
        + shape("diamond", x, y, 6, fill="ink")
        + text(
            x - 6 if over else x + 6,
            axes.box.y + 34,
            told,
            size=11.5,
            anchor="end" if over else "start",
            halo=True,
        )
    )


def table(runs: Mapping[str, Storm]) -> str:
    """The runs as figures: a row each."""
    width = max(len("run"), *(len(name) for name in runs))
    head = ("goodput before", "offered at the end", "goodput at the end", "served in vain", "back after")
    rows = ["  ".join(["run".ljust(width), *(name.rjust(len(name)) for name in head)])]
    for name, run in runs.items():
        late = _late(run)
        back = "never" if run.recovered_after is None else f"{run.recovered_after} s"
        early = max(int(run.stall[0]) - 11, 0), max(int(run.stall[0]) - 1, 1)
        figures = (
            f"{run.rate(run.goodput, *early):.1f}/s",
            *(f"{run.rate(each, *late):.1f}/s" for each in (run.offered, run.goodput, run.in_vain)),
            back,
        )
        rows.append(
            "  ".join([name.ljust(width), *(f.rjust(len(h)) for f, h in zip(figures, head, strict=True))])
        )
    return "\n".join(rows)
