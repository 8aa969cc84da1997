"""A circuit breaker over time: closed, open, half open, as a strip.

Idea      One strip a breaker; each state a colour *and* a sign, named where there is room. Above the
          goodput on the same axis it shows what the breaker saw and what it did.
Not here  The breaker (services/resilience/circuit_breaker.py).
"""

from collections.abc import Mapping, Sequence

from classroom.pictures.axes import steps
from classroom.pictures.picture import Picture
from classroom.pictures.svg import document, hatch, line, measure, rect, text, wrap

LOOKS = {"closed": "green", "open": "vermillion", "half open": "orange"}
WIDTH, LEFT, RIGHT, ROW, GAP = 760.0, 100.0, 24.0, 34.0, 12.0
Change = tuple[float, str]  # seconds, the state from then on


def breaker_strip(
    breakers: Mapping[str, Sequence[Change]], *, until: float, title: str | None = None
) -> Picture:
    """Draw the states of each breaker: name -> [(seconds, "closed" | "open" | "half open"), ...] in order.

    until: where the strip ends, in seconds. title: by default how often it opened, and for how long.
    Raises ValueError for an unknown state, or nothing to draw.
    """
    changes = [change for each in breakers.values() for change in each]
    if not changes:
        raise ValueError("breaker_strip: needs one breaker with a state or more")
    if unknown := sorted({state for _, state in changes} - set(LOOKS)):
        raise ValueError(f"breaker_strip: states are {', '.join(LOOKS)}; got {', '.join(unknown)}")
    found = title or "; ".join(f"{name}: {_summary(each, until)}" for name, each in breakers.items())
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 30.0 + 20 * len(heading)
    scale = (WIDTH - LEFT - RIGHT) / until
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    rows = []
    for row, (name, each) in enumerate(breakers.items()):
        y = head + (ROW + GAP) * row
        body.append(text(LEFT - 10, y + ROW / 2 + 4, name, anchor="end", bold=True))
        for (start, state), end in zip(each, [*(at for at, _ in each[1:]), until], strict=True):
            body.append(_piece(LEFT + start * scale, y, max((end - start) * scale, 1.5), state))
            rows.append(f"{name}: {state} from {start:.2f} to {end:.2f} s")
    foot = head + (ROW + GAP) * len(breakers)
    for value in steps(until, 7):
        x = LEFT + value * scale
        body.append(line(x, foot - GAP, x, foot - GAP + 4, "soft", 1))
        body.append(text(x, foot + 8, f"{value:g}", size=11, anchor="middle", fill="soft"))
    body.append(text(WIDTH - RIGHT, foot + 26, "seconds", size=12, anchor="end", fill="soft"))
    alt = f"{found}. " + "; ".join(rows[:8]) + ("; and so on." if len(rows) > 8 else ".")
    return Picture(
        found, document(WIDTH, foot + 36, "".join(body), title=found, desc=alt), alt, "\n".join(rows)
    )


def _summary(each: Sequence[Change], until: float) -> str:
    ends = [*(at for at, _ in each[1:]), until]
    spans = [end - at for (at, state), end in zip(each, ends, strict=True) if state == "open"]
    if not spans:
        return "never open"
    times = "once" if len(spans) == 1 else f"{len(spans)} times"
    return f"opened {times}, {sum(spans):.0f} s in all"


def _piece(x: float, y: float, wide: float, state: str) -> str:
    colour = LOOKS[state]
    drawn = rect(x, y, wide, ROW, fill=f"{colour}-tint", stroke=colour, stroke_width=1)
    if state == "open":
        drawn += hatch(x, y, wide, ROW, stroke=colour, gap=7)
    if measure(state, 12, bold=True) + 10 < wide:
        drawn += text(
            x + wide / 2, y + ROW / 2 + 4, state, size=12, bold=True, anchor="middle", halo=state == "open"
        )
    return drawn
