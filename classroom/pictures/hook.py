"""The README's picture: the night of lesson 08 as a film of ten seconds.

Idea      A message is leased to a worker that stands still; the lease runs out; another worker is
          given it, and pays; the first one wakes, and pays again. The film only says when each of
          that is shown: who, what, when and how much are the run's (hook_night.py).
          ``python -m classroom.pictures.hook lessons/pictures/hook.svg`` makes the file again.
Not here  How a drawing moves without a script (film.py). Any other story: this film has one plot.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from classroom.pictures import svg
from classroom.pictures.facts import seconds, times
from classroom.pictures.film import FADE, Film, Pose
from classroom.pictures.hook_night import LESSON, Night, alt, lessons_run, money, night_of, wall
from classroom.pictures.palette import look

WIDTH, HEIGHT = 600, 404
ROUND, STILL = 16.0, 14.5  # seconds of one round of the film, and the moment shown where nothing moves
CAPTION, SMALL = 25, 18  # sizes of letters: on a phone the drawing is half as wide
TOKEN = (84, 36)
QUEUE, CARD = (20, 82, 112, 204), (446, 82, 134, 204)  # left, top, width, height
WORKERS = ((186, 82, 196, 96), (186, 190, 196, 96))
WAITS = 190  # how far down a message waits in the queue
HELD = (56, 65)  # where in a worker's box its message lies

# The moments of the film, in its seconds. Between LAPSE and OVER, and NEXT and WAKES, the night runs fast.
RECEIVED, STANDS, LAPSE, OVER = 1.7, 2.5, 3.0, 5.2
AGAIN, PAID, NEXT, WAKES, PAID_AGAIN, TWICE = 6.6, 7.8, 8.4, 9.2, 10.4, 10.9


def hook(run: Any) -> str:
    """The film of a run of lesson 08's night, as an SVG document."""
    night = night_of(run)
    film = Film(ROUND, still=STILL)
    parts = [
        _clock(night, film),
        _nodes(night, film),
        _message(night, film),
        _card(night, film),
        _captions(night, film),
        _button(film),
    ]
    body = film.style() + "".join(parts)
    title = f"Ada paid {times(len(night.charges))}"
    return svg.document(WIDTH, HEIGHT, body, title=title, desc=alt(night)) + "\n"


# -- the parts of the drawing -------------------------------------------------------------


def _clock(night: Night, film: Film) -> str:
    """Every second of the night, one below the other, behind a window."""
    high, size = 40, 34
    begin, over, end = int(night.leases[0]), int(night.expired), int(night.charges[1][0])
    column = "".join(
        svg.text(0, 31 + high * (at - begin), wall(at), size=size, bold=True, mono=True)
        for at in range(begin, end + 1)
    )
    rolled = film.move(
        column,
        Pose(LAPSE, ease=f"steps({over - begin},end)"),
        Pose(OVER, y=-high * (over - begin)),
        Pose(NEXT, y=-high * (over - begin), ease=f"steps({end - over},end)"),
        Pose(WAKES, y=-high * (end - begin)),
    )
    window = svg.element("svg", rolled, x=20, y=20, width=220, height=high)
    fast = "".join(svg.path(svg.polygon([(x, 30), (x, 52), (x + 17, 41)]), fill="soft") for x in (214, 232))
    lesson = f"a run of lesson {LESSON.name[:2]}"
    real = svg.text(WIDTH - 20, 48, lesson, size=SMALL, anchor="end", fill="soft")
    return window + film.seen(fast, LAPSE, OVER) + film.seen(fast, NEXT, WAKES) + real


def _nodes(night: Night, film: Film) -> str:
    """The queue, the workers and the ways between them."""
    x, y, wide, high = QUEUE
    parts = [_ways()]
    parts.append(
        svg.rect(x, y, wide, high, fill="band", stroke=look("broker").colour, rx=10, stroke_width=2.5)
    )
    parts.append(svg.text(x + wide / 2, y + 28, "queue", size=SMALL, anchor="middle", bold=True))
    left, top = x + wide / 2 - TOKEN[0] / 2, WAITS - TOKEN[1] / 2
    parts.append(svg.rect(left, top, *TOKEN, stroke="rule", rx=6, stroke_width=2, stroke_dasharray="6 5"))
    parts += [_worker(night, film, number) for number in (0, 1)]
    return "".join(parts)


def _ways() -> str:
    x, _, wide, _ = QUEUE
    parts = []
    for left, top, broad, high in WORKERS:
        y = top + high / 2
        for start, end in ((x + wide, left), (left + broad, CARD[0])):
            parts.append(svg.line(start + 6, y, end - 8, y, "rule", 2.5))
            parts.append(svg.arrow_head(end - 5, y, 1, 0, 10, fill="rule"))
    return "".join(parts)


def _worker(night: Night, film: Film, number: int) -> str:
    x, y, wide, high = WORKERS[number]
    name, seen = night.workers[number], look(night.workers[number])
    parts = [
        svg.rect(x, y, wide, high, fill="paper", stroke=seen.colour, rx=10, stroke_width=3),
        svg.shape(seen.shape, x + 20, y + 22, 8, fill=f"{seen.colour}-fill"),
        svg.text(x + 36, y + 28, name, size=SMALL, bold=True),
    ]
    if number == 0:
        hatched = svg.rect(x, y, wide, high, fill="band", rx=10, opacity=0.75)
        hatched += svg.hatch(x + 2, y + 2, wide - 4, high - 4, stroke="soft", gap=9)
        hatched += svg.rect(x, y, wide, high, stroke="soft", rx=10, stroke_width=3, stroke_dasharray="8 6")
        hatched += svg.text(x + 36, y + 28, name, size=SMALL, bold=True, halo=True)
        hatched += "".join(
            svg.rect(x + wide - 40 + dx, y + 13, 9, 20, fill="ink", stroke="paper", stroke_width=1.5)
            for dx in (0, 14)
        )
        parts.append(film.seen(hatched, STANDS, WAKES))
    parts.append(_lease(film, number))
    paid = next(at for at, who, _ in night.charges if who == name)
    receipt = svg.text(x + 14, y + 70, f"paid at {wall(paid)}", size=SMALL)
    parts.append(film.seen(receipt, (PAID_AGAIN, PAID)[number] + 0.3))
    return "".join(parts)


def _lease(film: Film, number: int) -> str:
    """A lease: a bar. The first one runs down on the broker's clock, the second is not needed for long."""
    x, y, *_ = WORKERS[number]
    left, top, long = x + 110, y + 70, 72
    bar = svg.rect(0, 0, long, 14, fill="purple-fill")
    runs_down = (
        [Pose(LAPSE, left, top), Pose(OVER, left, top, wide=0)] if number == 0 else [Pose(0, left, top)]
    )
    drawn = svg.text(left, top - 8, "lease", size=SMALL, halo=True)
    drawn += svg.rect(left, top, long, 14, fill="paper", stroke="purple", stroke_width=2)
    since, until = ((RECEIVED, PAID_AGAIN), (AGAIN, PAID))[number]
    return film.seen(drawn + film.move(bar, *runs_down), since - FADE, until + 0.3)


def _token(words: str, fill: str, stroke: str) -> str:
    wide, high = TOKEN
    box = svg.rect(-wide / 2, -high / 2, wide, high, fill=fill, stroke=stroke, rx=6, stroke_width=2.5)
    return box + svg.text(0, 6.5, words, size=SMALL, bold=True, anchor="middle", fill="ink")


def _message(night: Night, film: Film) -> str:
    """The message on its way, twice; and each charge on its way to the card."""
    x, _, wide, _ = QUEUE
    waits = (x + wide / 2, WAITS)
    words = f"order {night.order}"
    held = [(left + HELD[0], top + HELD[1]) for left, top, *_ in WORKERS]
    first = film.move(
        _token(words, "purple-tint", "purple"),
        Pose(0, *waits, seen=0),
        Pose(FADE, *waits),
        Pose(RECEIVED - 0.8, *waits, ease="ease-in-out"),
        Pose(RECEIVED, *held[0]),
        Pose(PAID_AGAIN, *held[0]),
        Pose(PAID_AGAIN + 0.3, *held[0], seen=0),
    )
    again = film.move(
        _token(words, "purple-tint", "purple"),
        Pose(OVER, *waits, seen=0, big=1.5),
        Pose(OVER + 0.3, *waits),
        Pose(AGAIN - 0.7, *waits, ease="ease-in-out"),
        Pose(AGAIN, *held[1]),
        Pose(PAID, *held[1]),
        Pose(PAID + 0.3, *held[1], seen=0),
    )
    return first + again + _pays(night, film, 1, PAID) + _pays(night, film, 0, PAID_AGAIN)


def _pays(night: Night, film: Film, number: int, when: float) -> str:
    left, top, wide, _ = WORKERS[number]
    charge = next(each for each in night.charges if each[1] == night.workers[number])
    colour = look(charge[1]).colour
    start, end = (left + wide - 50, top + HELD[1]), (CARD[0] + CARD[2] / 2, _row(night, charge))
    coin = _token(money(charge[2]), f"{colour}-tint", colour)
    return film.move(
        coin,
        Pose(when - 0.9, *start, seen=0),
        Pose(when - 0.7, *start, ease="ease-in"),
        Pose(when - 0.1, *end),
        Pose(when + 0.1, *end, seen=0),
    )


def _row(night: Night, charge: tuple[float, str, int]) -> float:
    return CARD[1] + 70 + 42 * night.charges.index(charge)


def _card(night: Night, film: Film) -> str:
    """Ada's card, and what stands on it."""
    x, y, wide, high = CARD
    total = sum(charge[2] for charge in night.charges)
    parts = [
        svg.rect(x, y, wide, high, fill="band", stroke="ink", rx=14, stroke_width=2.5),
        svg.text(x + wide / 2, y + 28, "Ada's card", size=SMALL, anchor="middle", bold=True),
        svg.line(x + 14, y + 40, x + wide - 14, y + 40, "rule", 2),
    ]
    for charge, since in zip(night.charges, (PAID, PAID_AGAIN), strict=True):
        at, who = _row(night, charge), look(charge[1])
        row = svg.shape(who.shape, x + 24, at, 8, fill=f"{who.colour}-fill")
        row += svg.text(x + wide - 16, at + 8, money(charge[2]), size=23, anchor="end", bold=True)
        parts.append(film.seen(row, since))
    sum_ = svg.line(x + 14, y + 144, x + wide - 14, y + 144, "vermillion", 3)
    sum_ += svg.text(
        x + wide - 16, y + 178, money(total), size=25, anchor="end", bold=True, fill="vermillion-text"
    )
    sum_ += svg.rect(x, y, wide, high, stroke="vermillion", rx=14, stroke_width=5)
    parts.append(film.seen(sum_, TWICE))
    return "".join(parts)


def _captions(night: Night, film: Film) -> str:
    one, two = night.workers
    (_, _, paid), (_, _, more) = night.charges
    told = [
        (0.0, f"Order {night.order} waits."),
        (0.9, f"{one} receives it: leased for {seconds(night.lease)}."),
        (STANDS, f"{one} stands still for {seconds(night.pause)}."),
        (OVER, f"The lease is over. Order {night.order} comes again."),
        (AGAIN - 0.2, f"{two} charges {money(paid)}."),
        (WAKES, f"{one} wakes, and charges {money(more)}."),
    ]
    ends = [since for since, _ in told[1:]] + [TWICE]
    parts = []
    for (since, words), until in zip(told, ends, strict=True):
        lines = _balanced(words, 380)
        drawn = "".join(
            svg.text(20, 338 + 34 * i + (0 if len(lines) > 1 else 14), line, size=CAPTION, bold=True)
            for i, line in enumerate(lines)
        )
        parts.append(film.seen(drawn, since, until))
    found = f"Ada paid {times(len(night.charges))}."
    calm = "Nothing crashed. Why?" if not night.crashes else "Why?"
    end = svg.text(20, 347, found, size=42, bold=True, fill="vermillion-text")
    parts.append(film.seen(end + svg.text(20, 382, calm, size=23), TWICE))
    return "".join(parts)


def _balanced(words: str, width: float) -> list[str]:
    """`words` in as few lines as fit into `width` pixels, none much shorter than the others."""
    lines = svg.wrap(words, width, CAPTION, bold=True)
    while len(narrower := svg.wrap(words, width := width - 10, CAPTION, bold=True)) == len(lines) > 1:
        if any(line.endswith("…") for line in narrower):
            break
        lines = narrower
    return lines


def _button(film: Film) -> str:
    """Where to press: the README makes the whole picture a link."""
    x, y, wide, high = 498, 348, 164, 60
    drawn = svg.rect(-wide / 2, -high / 2, wide, high, fill="blue-fill", rx=high / 2)
    triangle = svg.polygon([(-52, -12), (-52, 12), (-32, 0)])
    drawn += svg.path(triangle, fill="blue-on", stroke="blue-on", stroke_width=4, stroke_linejoin="round")
    drawn += svg.text(-16, 8, "Play it", size=22, bold=True, fill="blue-on")
    beats = [Pose(TWICE + 0.6, x, y)]
    for beat in range(3):
        start = TWICE + 0.6 + beat * 0.6
        beats += [Pose(start + 0.3, x, y, big=1.1, ease="ease-out"), Pose(start + 0.6, x, y, ease="ease-in")]
    return film.move(drawn, *beats)


# -- to make it ---------------------------------------------------------------------------


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not arguments[0].endswith(".svg"):
        print("usage: python -m classroom.pictures.hook PATH.svg", file=sys.stderr)
        return 2
    drawing = hook(lessons_run(Path(__file__).resolve().parents[2]))
    Path(arguments[0]).write_text(drawing, encoding="utf-8", newline="\n")
    print(f"{arguments[0]}: {len(drawing.encode()):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
