"""A saga board: the saga log on the left, and beside it what each service holds of the order.

Idea      Time runs down, a line for each thing that happened. What a service holds stands as a bar in its
          column, hatched while it is pending, plain when it is settled, from the line in which it came to be
          until the line in which it is given back. So at each line of the log the eye finds what is held
          at that moment: what a crash there would leave behind.
Not here  Who sent what to whom (sequence.py); how a run becomes marks (saga_marks.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classroom.pictures.palette import look
from classroom.pictures.picture import Picture
from classroom.pictures.svg import clip, document, hatch, line, measure, rect, shape, text, wrap

WIDTH, LEFT, LOG, ROW = 800.0, 20.0, 190.0, 24.0
CLOCK = 64.0  # the width of the times
TONES = ("log", "pending", "settled", "over", "dies", "note")
WHOLE = {"dies": "vermillion", "note": "soft"}  # tones of marks that take the whole line


@dataclass(frozen=True, slots=True)
class Mark:
    """One line of a board.

    at: seconds. column: a service's name; of an entry of the log it does not matter.
    tone: "log", an entry; "pending" or "settled", what is held from here on; "over", nothing is held any
    more, or never was; "dies" and "note", the whole line tells of the node `column`.
    """

    at: float
    column: str
    words: str
    tone: str

    def __post_init__(self) -> None:
        if self.tone not in TONES:
            raise ValueError(f"a mark's tone is one of {', '.join(TONES)}; got {self.tone!r}")


def saga_board(
    marks: Sequence[Mark], *, services: Sequence[str], title: str, log: str = "saga log"
) -> Picture:
    """Draw these marks, which are in the order of their times.

    services: a column each, in this order. title: the finding, a sentence.
    Raises ValueError if there is nothing to draw, or a mark has no column.
    """
    if not marks:
        raise ValueError("saga_board: there are no marks; has the saga begun?")
    for mark in marks:
        if mark.tone not in ("log", *WHOLE) and mark.column not in services:
            raise ValueError(f"no column {mark.column!r}; there are: {', '.join(services)}")
    heading = wrap(title, WIDTH - 40, 15, bold=True)
    head = 62.0 + 20 * len(heading)
    foot = head + ROW * len(marks)
    wide = (WIDTH - LEFT - CLOCK - LOG - 20) / len(services)

    def left(service: str) -> float:
        return LEFT + CLOCK + LOG + wide * services.index(service)

    body = [text(LEFT, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(text(LEFT + CLOCK, head - 14, log, bold=True))
    body.append(rect(LEFT + CLOCK - 6, head - 4, LOG - 14, foot - head + 8, fill="band", rx=4))
    for service in services:
        sign = look(service)
        body.append(shape(sign.shape, left(service) + 7, head - 18, 6, fill=f"{sign.colour}-fill"))
        body.append(text(left(service) + 19, head - 14, clip(service, wide - 24, bold=True), bold=True))
        body.append(line(left(service), head - 4, left(service), foot + 4, "rule", 0.8))
    for index, mark in enumerate(marks):
        if mark.tone in ("pending", "settled"):
            rows = _rows(marks[index:])
            body.append(_bar(mark, left(mark.column), head + ROW * index, wide, ROW * rows))
    before = None
    for index, mark in enumerate(marks):
        y = head + ROW * index
        if mark.tone in WHOLE:
            body.append(_whole(mark, y))
        else:
            x = LEFT + CLOCK if mark.tone == "log" else left(mark.column) + 9
            room = LOG - 26 if mark.tone == "log" else wide - 14
            fill = "soft" if mark.tone == "over" else "ink"
            body.append(text(x, y + 16, clip(mark.words, room, 12), size=12, fill=fill))
        shown = f"{mark.at:.3f}"
        if shown != before:
            body.append(text(LEFT + CLOCK - 14, y + 16, shown, size=11, anchor="end", fill="soft"))
        before = shown
    key = "seconds on the left · hatched: pending · plain: settled · no bar: nothing is held"
    body.append(text(LEFT, foot + 24, key, size=11.5, fill="soft"))
    twin = [
        f"{mark.at:8.3f} s  {log if mark.tone == 'log' else mark.column:<14} {mark.words}" for mark in marks
    ]
    alt = f"{title}. " + "; ".join(_said(mark, log) for mark in marks) + "."
    drawn = document(WIDTH, foot + 36, "".join(body), title=title, desc=alt)
    return Picture(title, drawn, alt, "\n".join(twin))


def _rows(marks: Sequence[Mark]) -> int:
    """How many lines the first of these marks holds: until the next one in its column."""
    for index, mark in enumerate(marks[1:], 1):
        if mark.column == marks[0].column and mark.tone not in ("log", *WHOLE):
            return index
    return len(marks)


def _bar(mark: Mark, x: float, y: float, width: float, height: float) -> str:
    colour = look(mark.column).colour
    box = (x + 3, y + 2, width - 6, height - 3)
    if mark.tone == "settled":
        return rect(*box, fill=f"{colour}-tint", stroke=colour, stroke_width=1.2, rx=3)
    return (
        rect(*box, fill="paper", stroke=colour, stroke_width=1.2, rx=3)
        + hatch(x + 3, y + ROW - 2, width - 6, height - ROW + 1, stroke=colour, gap=7) * (height > ROW)
        + line(x + 3, y + ROW - 2, x + width - 3, y + ROW - 2, colour, 0.6) * (height > ROW)
    )


def _whole(mark: Mark, y: float) -> str:
    words = clip(f"{mark.column} {mark.words}", WIDTH - 2 * LEFT - CLOCK - 12, 12, bold=True)
    colour, letters = WHOLE[mark.tone], "vermillion-text" if mark.tone == "dies" else "soft"
    begin, middle = LEFT + CLOCK + measure(words, 12, bold=True) + 8, y + ROW / 2
    guide = line(begin, middle, WIDTH - LEFT, middle, colour, 1.2, stroke_dasharray="5 4")
    return guide + text(LEFT + CLOCK, y + 16, words, size=12, bold=True, fill=letters, halo=True)


def _said(mark: Mark, log: str) -> str:
    who = f"the {log} says" if mark.tone == "log" else mark.column + ("" if mark.tone in WHOLE else ":")
    return f"{mark.at:.3f} s {who} {mark.words}"
