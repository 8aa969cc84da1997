"""Wasted work: who was still waiting when the server had done what they asked for.

Idea      A row for each try that was served: how long its caller waited (a line), how long nobody
          waited any more (dots), and the work itself (a bar): green if somebody got the answer, red
          if the server answered nobody. The server's own figures show the bars alone.
Not here  Leases and deliveries (timeline.py), who said what (sequence.py).
Source    H. Gantt's charts; "Addressing Cascading Failures" in the SRE book (Beyer et al., 2016).
"""

from dataclasses import dataclass

from classroom.pictures.axes import Axes
from classroom.pictures.picture import Picture
from classroom.pictures.svg import Box, cross, document, line, rect, text, tick, wrap
from classroom.world.history import GAVE_UP
from classroom.world.run import Run

WIDTH, LEFT, ROW, RIGHT = 760.0, 148.0, 22.0, 168.0


@dataclass(frozen=True, slots=True)
class _Served:
    """A try that the server did. left: when its caller gave up, None if they waited for the answer."""

    name: str
    asked: float
    left: float | None
    began: float
    done: float


def wasted_work(
    run: Run, callee: str, *, between: tuple[float, float], work: float, key: str, title: str | None = None
) -> Picture:
    """Draw what `callee` served between two moments (seconds).

    work: seconds that it needs for a try. key: of a request's JSON body, names the request.
    Raises ValueError if it served nothing then.
    """
    served = _served(run, callee, between, work, key)
    if not served:
        raise ValueError(f"{callee} served nothing from {between[0]:g} s to {between[1]:g} s")
    vain = [each for each in served if each.left is not None]
    found = title or (
        f"From {between[0]:g} s to {between[1]:g} s {callee} serves {len(served)} tries, "
        f"{len(vain)} of them for nobody"
    )
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 34.0 + 20 * len(heading)
    start = min(each.asked for each in served)
    box = Box(LEFT, head, WIDTH - LEFT - RIGHT, ROW * len(served) + 6)
    axes = Axes(box, (start, max(each.done for each in served)), 1)
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(rect(box.x, box.y, box.width, box.height, fill="band"))
    body += [_row(axes, head + 3 + ROW * (index + 0.5), each) for index, each in enumerate(served)]
    span = axes.x[1] - start
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if span / s <= 8)
    moment = -(-start // step) * step
    while moment <= axes.x[1]:
        px = axes.at(moment, 0)[0]
        body.append(line(px, box.y, px, box.y + box.height, "rule", 0.7))
        body.append(text(px, box.y + box.height + 16, f"{moment:.3g}", size=11, anchor="middle", fill="soft"))
        moment += step
    height = head + box.height + 44
    key_line = "line: its caller waits · dots: nobody waits any more · bar: the server works on it"
    body.append(text(20, height - 10, key_line, size=11.5, fill="soft"))
    body.append(text(WIDTH - 20, height - 10, "seconds", size=11.5, fill="soft", anchor="end"))
    rows = [f"{each.name}: {_words(each)}" for each in served]
    alt = f"{found}. " + "; ".join(rows[:4]) + ("; and so on." if len(rows) > 4 else ".")
    return Picture(found, document(WIDTH, height, "".join(body), title=found, desc=alt), alt, "\n".join(rows))


def _served(run: Run, callee: str, between: tuple[float, float], work: float, key: str) -> list[_Served]:
    asked = {event["call"]: event for event in run.of("request", to=callee)}
    left = {event["call"]: event.at for event in run.of(*GAVE_UP, to=callee)}
    found = []
    for reply in run.of("reply", node=callee, status=200):
        if between[0] <= reply.at < between[1]:
            call = reply["call"]
            gone = left.get(call)
            found.append(
                _Served(
                    f"order {asked[call]['body'][key]}",
                    asked[call].at,
                    gone if gone is not None and gone < reply.at else None,
                    reply.at - work,
                    reply.at,
                )
            )
    return found


def _row(axes: Axes, y: float, each: _Served) -> str:
    def x(moment: float) -> float:
        return axes.at(moment, 0)[0]

    waited = line(x(each.asked), y, x(each.left or each.began), y, "ink", 2.5)
    waited += line(x(each.asked), y - 5, x(each.asked), y + 5, "ink", 2)
    if each.left is not None:
        waited += line(x(each.left), y - 5, x(each.left), y + 5, "ink", 2)
        waited += line(
            x(each.left),
            y,
            x(each.began),
            y,
            "vermillion",
            2,
            stroke_dasharray="0.5 5",
            stroke_linecap="round",
        )
    colour, sign = ("green", tick) if each.left is None else ("vermillion", cross)
    wide = max(x(each.done) - x(each.began), 3)
    work = rect(x(each.began), y - 7, wide, 14, fill=f"{colour}-fill", stroke=colour, rx=2)
    right = axes.box.x + axes.box.width
    return (
        text(LEFT - 10, y + 4, each.name, size=12, anchor="end")
        + waited
        + work
        + sign(right + 14, y, 4, colour, 2)
        + text(right + 26, y + 4, _short(each), size=11.5, fill=f"{colour}-text")
    )


def _short(each: _Served) -> str:
    return "answered in time" if each.left is None else f"{each.done - each.left:.1f} s too late"


def _words(each: _Served) -> str:
    end = f"served from {each.began:.2f} to {each.done:.2f} s"
    if each.left is None:
        return f"asked at {each.asked:.2f} s, {end}, answered in time"
    return f"asked at {each.asked:.2f} s, given up at {each.left:.2f} s, {end}, for nobody"
