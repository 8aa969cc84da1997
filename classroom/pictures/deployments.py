"""Deployments: which services speak the new version, step by step, and whether the shop sells.

Idea      A row for each step, a column for each service: a pale square speaks the old version, a full one the
          new. At the end of the row stands whether an order goes through, and what is said if not. Rows of
          red between two of green are how long a "small change" keeps the shop closed.
Not here  What a version is (services/shop/contracts.py).
"""

from collections.abc import Mapping, Sequence

from classroom.pictures.palette import look
from classroom.pictures.picture import Picture
from classroom.pictures.svg import clip, cross, document, rect, text, tick, wrap

WIDTH, LEFT, ROW, COLUMN, SQUARE = 760.0, 104.0, 34.0, 84.0, 24.0


def deployments(
    services: Sequence[str], steps: Mapping[tuple[str, ...], str], *, title: str | None = None
) -> Picture:
    """Draw the steps, in order.

    steps: the services that speak the new version by then -> what the buyer reads, "" if the shop sells.
    Raises ValueError if there is no step.
    """
    if not steps:
        raise ValueError("deployments: needs one step or more: {(services that are new): what is read}")
    closed = sum(1 for reads in steps.values() if reads)
    needed = next((len(new) for new, reads in steps.items() if new and not reads), None)
    found = title or (
        "The shop does not sell again"
        if needed is None
        else f"{needed} deployments until the shop sells again; after {closed} of them it does not"
    )
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 60.0 + 20 * len(heading)
    right = LEFT + COLUMN * len(services)
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    for column, name in enumerate(services):
        middle = LEFT + COLUMN * (column + 0.5)
        body.append(text(middle, head - 10, name, size=11, anchor="middle", bold=True))
    rows = []
    for index, (new, reads) in enumerate(steps.items()):
        y = head + ROW * index
        body.append(text(LEFT - 14, y + 21, f"{len(new)} deployed", size=12, anchor="end", fill="soft"))
        for column, name in enumerate(services):
            body.append(_square(LEFT + COLUMN * (column + 0.5), y + ROW / 2, name, name in new))
        if reads:
            body.append(cross(right + 14, y + ROW / 2, 5))
            words = clip(reads, WIDTH - right - 42, 11.5)
            body.append(text(right + 30, y + 21, words, size=11.5, fill="vermillion-text"))
        else:
            body.append(tick(right + 14, y + ROW / 2, 5))
            body.append(text(right + 30, y + 21, "sells", size=12, fill="green-text", bold=True))
        rows.append(f"new: {', '.join(new) or 'none'}: {reads or 'the shop sells'}")
    foot = head + ROW * len(steps)
    body.append(
        text(20, foot + 20, "pale, 1: the old version · full, 2: the new one", size=11.5, fill="soft")
    )
    alt = f"{found}. " + "; ".join(rows) + "."
    drawn = document(WIDTH, foot + 34, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, "\n".join(rows))


def _square(x: float, y: float, name: str, new: bool) -> str:
    colour = look(name).colour
    kind, letter, ink = ("fill", "2", f"{colour}-on") if new else ("tint", "1", "ink")
    return rect(
        x - SQUARE / 2, y - SQUARE / 2, SQUARE, SQUARE, fill=f"{colour}-{kind}", stroke=colour, rx=3
    ) + text(x, y + 4.5, letter, anchor="middle", bold=True, fill=ink)
