"""Uptime: when each service was down, and whether the shop sold meanwhile.

Idea      A strip for each service with its outages as gaps, and below them a mark for each order: sold or
          not. Laid one below the other they show whose outage is everybody's, and which ones fall together.
Not here  Shares over years (availability_curve.py).
"""

from collections.abc import Sequence
from itertools import groupby

from classroom.pictures.axes import steps
from classroom.pictures.facts import plural, seconds
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture
from classroom.pictures.svg import document, hatch, line, measure, rect, shape, text, wrap
from classroom.world.run import Run

WIDTH, LEFT, RIGHT, ROW, BAR = 760.0, 128.0, 24.0, 30.0, 18.0


def uptime(
    run: Run, *services: str, orders: Sequence[tuple[float, bool]], title: str | None = None
) -> Picture:
    """Draw the outages of these services in a run, and its orders: (when, whether it was sold).

    Raises ValueError if no order was placed.
    """
    if not orders:
        raise ValueError("uptime: needs one order or more: [(seconds, sold), ...]")
    down = {name: _outages(run, name) for name in services}
    lost = sum(not sold for _, sold in orders)
    found = title or f"{plural(lost, 'order')} of {len(orders)} not sold"
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 34.0 + 20 * len(heading)
    wide = WIDTH - LEFT - RIGHT
    foot = head + ROW * len(services) + 46

    def x(moment: float) -> float:
        return LEFT + wide * moment / run.duration

    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    for moment in steps(run.duration, 7):
        body.append(line(x(moment), head, x(moment), foot, "rule", 0.8))
        body.append(text(x(moment), foot + 16, f"{moment:g}", size=11, anchor="middle", fill="soft"))
    for index, (name, spans) in enumerate(down.items()):
        y = head + ROW * (index + 0.5)
        sign = look(name)
        body.append(shape(sign.shape, LEFT - 14, y, 6, fill=f"{sign.colour}-fill", stroke=sign.colour))
        body.append(text(LEFT - 28, y + 4, name, anchor="end", bold=True))
        body.append(rect(LEFT, y - BAR / 2, wide, BAR, fill=f"{sign.colour}-tint", stroke=sign.colour, rx=2))
        for start, end in spans:
            left, across = x(start), max(x(end) - x(start), 2.0)
            body.append(rect(left, y - BAR / 2, across, BAR, fill="paper", stroke="vermillion"))
            body.append(hatch(left, y - BAR / 2, across, BAR, stroke="vermillion", gap=5))
            if across > measure("down", 11, bold=True) + 8:
                words = text(
                    left + across / 2,
                    y + 4,
                    "down",
                    size=11,
                    bold=True,
                    anchor="middle",
                    halo=True,
                    fill="vermillion-text",
                )
                body.append(words)
    top = head + ROW * len(services) + 8
    body.append(text(LEFT - 14, top + 11, "sold", anchor="end", bold=True, fill="green-text"))
    body.append(text(LEFT - 14, top + 31, "not sold", anchor="end", bold=True, fill="vermillion-text"))
    for at, sold in orders:
        y, colour = (top, "green") if sold else (top + 18, "vermillion")
        body.append(line(x(at), y, x(at), y + 16, colour, 2))
    body.append(text(WIDTH - RIGHT, foot + 34, "seconds of the run", size=11.5, anchor="end", fill="soft"))
    rows = [f"{name}: {_words(spans)}" for name, spans in down.items()]
    rows += _stretches(orders)
    alt = f"{found}. " + "; ".join(rows[: len(services)]) + f"; {len(orders) - lost} orders sold, {lost} not."
    drawn = document(WIDTH, foot + 46, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, "\n".join(rows))


def _outages(run: Run, name: str) -> list[tuple[float, float]]:
    """From each crash until the service was started again, or the run ended."""
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for event in run.of("crash", "start", node=name):
        if event.kind == "crash":
            since = event.at
        elif since is not None:
            spans.append((since, event.at))
            since = None
    return spans if since is None else [*spans, (since, run.duration)]


def _words(spans: Sequence[tuple[float, float]]) -> str:
    told = [f"down from {seconds(start)} to {seconds(end)}" for start, end in spans]
    return ", ".join(told) or "never down"


def _stretches(orders: Sequence[tuple[float, bool]]) -> list[str]:
    """Orders in a row that had one fate, as one line."""
    rows = []
    for sold, group in groupby(orders, key=lambda order: order[1]):
        stretch = list(group)
        verb = "sold" if sold else "not sold"
        rows.append(f"{plural(len(stretch), 'order')} from {stretch[0][0]:g} to {stretch[-1][0]:g} s: {verb}")
    return rows
