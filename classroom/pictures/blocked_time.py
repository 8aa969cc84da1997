"""Blocked time: who waits for whom down a chain of calls, and for how long.

Idea      A row for each of the chain, from the buyer down: solid while it works itself, hatched while it only
          waits for the next one. One slow service at the end blocks all that are above it.
Not here  Many calls at once and who wasted his work (wasted_work.py); spans (lesson 14).
Source    H. Gantt's charts.
"""

from dataclasses import dataclass

from classroom.pictures.axes import steps
from classroom.pictures.facts import Call, calls, listed, seconds
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture
from classroom.pictures.svg import clip, cross, document, hatch, line, rect, shape, text, tick, wrap
from classroom.world.history import GAVE_UP
from classroom.world.run import Run

WIDTH, LEFT, RIGHT, ROW, BAR = 760.0, 128.0, 214.0, 38.0, 20.0


@dataclass(frozen=True, slots=True)
class _Row:
    """One of the chain. busy: from when until when it was at it; waited: what of it went on the next one.

    busy is None for who never got the call; `end` says how it ended, in words, and `good` whether well (None:
    nothing was asked).
    """

    name: str
    busy: tuple[float, float] | None
    waited: tuple[float, float] | None
    end: str
    good: bool | None

    @property
    def waiting(self) -> float:
        return self.waited[1] - self.waited[0] if self.waited else 0.0


def blocked_time(run: Run, *chain: str, title: str | None = None) -> Picture:
    """Draw the first call of chain[0] to chain[1], and what it set off along the chain.

    Raises ValueError if there was no such call.
    """
    rows = _rows(run, chain)
    start, total = rows[0].busy or (0.0, 0.0)
    end = max(row.busy[1] for row in rows if row.busy)
    span = end - start or 1.0
    found = title or _finding(rows, total - start)
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 34.0 + 20 * len(heading)
    wide = WIDTH - LEFT - RIGHT
    foot = head + ROW * len(rows)

    def x(moment: float) -> float:
        return LEFT + wide * (moment - start) / span

    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(rect(LEFT, head, wide, foot - head, fill="band"))
    for moment in steps(span, 5):
        body.append(line(x(start + moment), head, x(start + moment), foot, "rule", 0.8))
        words = f"{moment * 1000:.3g}" if span < 1 else f"{moment:.3g}"
        body.append(text(x(start + moment), foot + 16, words, size=11, anchor="middle", fill="soft"))
    unit = "milliseconds" if span < 1 else "seconds"
    for index, row in enumerate(rows):
        y = head + ROW * (index + 0.5)
        sign = look(row.name)
        body.append(
            shape(sign.shape, LEFT - 14, y, 6, fill=f"{sign.colour}-fill", stroke=sign.colour)
            + text(LEFT - 28, y + 4, row.name, anchor="end", bold=True)
        )
        ends = x(start)
        if row.busy:
            ends = x(row.busy[1])
            body.append(_bar(x(row.busy[0]), y, ends, sign.colour, "fill"))
        if row.waited:
            left, right = x(row.waited[0]), x(row.waited[1])
            body.append(_bar(left, y, right, sign.colour, "tint"))
            if right - left > 3:
                body.append(hatch(left, y - BAR / 2, right - left, BAR, stroke=sign.colour, gap=7))
        if row.good is not None:
            mark, paint = (tick, "green") if row.good else (cross, "vermillion")
            body.append(mark(LEFT + wide + 14, y, 4, paint, 2))
        words = clip(row.end, RIGHT - 34, 11.5)
        fill = "soft" if row.good is None else f"{paint}-text"
        body.append(text(LEFT + wide + 26, y + 4, words, size=11.5, fill=fill))
    body.append(text(20, foot + 34, "solid: works · hatched: waits for the next one", size=11.5, fill="soft"))
    body.append(text(LEFT + wide, foot + 34, unit, size=11.5, fill="soft", anchor="end"))
    told = [_words(row, start) for row in rows]
    alt = f"{found}. " + "; ".join(told) + "."
    drawn = document(WIDTH, foot + 46, "".join(body), title=found, desc=alt)
    return Picture(found, drawn, alt, "\n".join(told))


def _bar(left: float, y: float, right: float, colour: str, paint: str) -> str:
    wide = max(right - left, 2.0)
    return rect(left, y - BAR / 2, wide, BAR, fill=f"{colour}-{paint}", stroke=colour, stroke_width=1, rx=2)


def _rows(run: Run, chain: tuple[str, ...]) -> list[_Row]:
    made = list(calls(run.history).values())
    call = _next(made, chain[0], chain[1], 0.0, run.duration)
    if call is None or call.request is None:
        raise ValueError(f"{chain[0]} never asked {chain[1]} in this run")
    over = _over(call, run.duration)
    rows = [_Row(chain[0], (call.request.at, over), (call.request.at, over), *_end(call))]
    for caller, callee in zip(chain[1:], (*chain[2:], ""), strict=True):
        if call is None or not call.arrives:
            never = "is down" if call and call.end and call.end.kind == "refused" else "gives no sign of life"
            rows.append(_Row(caller, None, None, *((never, False) if call else ("is not asked", None))))
            call = None
            continue
        arrived = call.arrives[0].at
        left = call.replies[0].at if call.replies else over
        after = _next(made, caller, callee, arrived, left)
        waited = (after.request.at, _over(after, left)) if after and after.request else None
        end = _end(after) if after else (("answers", True) if call.replies else ("gives no answer", False))
        rows.append(_Row(caller, (arrived, max(left, waited[1] if waited else left)), waited, *end))
        call = after
    return rows


def _next(made: list[Call], caller: str, callee: str, since: float, until: float) -> Call | None:
    """The first call between the two that was made in this time."""
    for call in made:
        if (
            (call.caller, call.callee) == (caller, callee)
            and call.request
            and since <= call.request.at <= until
        ):
            return call
    return None


def _over(call: Call, otherwise: float) -> float:
    """When the caller stopped waiting."""
    return call.end.at if call.end else otherwise


def _end(call: Call) -> tuple[str, bool]:
    """How a call ended for its caller, in words, and whether well."""
    if call.end is None:
        return "still waits", False
    if call.end.kind == "refused":
        return f"{call.callee} is down", False
    if call.end.kind in GAVE_UP:
        return f"gives up on {call.callee}", False
    if call.end.kind == "reset":
        return f"{call.callee} dies", False
    status = call.end["status"]
    return ("is answered", True) if status < 400 else (f"reads {status}", False)


def _finding(rows: list[_Row], total: float) -> str:
    """How long the first one waits, for whose work, and who only waits as well; or what came of it."""
    waits = f"{rows[0].name.capitalize()} waits {seconds(total)}"
    if not rows[0].good:
        return f"{waits} and {rows[0].end}"
    idle = [row.name for row in rows[1:] if row.busy and row.waiting > 0.9 * (row.busy[1] - row.busy[0])]
    works = {row.name: row.busy[1] - row.busy[0] - row.waiting for row in rows[1:] if row.busy}
    most = max(works, key=lambda name: works[name])
    with_her = f"; {listed(idle)} only {'waits' if len(idle) == 1 else 'wait'}" if idle else ""
    return f"{waits}: {most} works {seconds(works[most])} of it{with_her}"


def _words(row: _Row, start: float) -> str:
    if row.busy is None:
        return f"{row.name}: {row.end}"
    waits = f", of which it waits {seconds(row.waiting)}" if row.waiting else ""
    span = f"from {seconds(row.busy[0] - start)} to {seconds(row.busy[1] - start)}"
    return f"{row.name}: {span}{waits}; {row.end}"
