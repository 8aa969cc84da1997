"""The life of a message as a diagram, drawn from the queue's own table, with one message's path on it.

Idea      Boxes and arrows are the entries of minibroker.delivery_states.TRANSITIONS; the path is a
          run's history, walked along that table and numbered. An event of the history that the
          table does not allow is said, not hidden.
Not here  The table (minibroker/delivery_states.py). Only the places of known states are set here
          by hand; a state that is new stands in a row below.
Source    D. Harel, "Statecharts", 1987, for the form; h11's manual, for drawing it from the table.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from classroom.pictures import svg
from classroom.pictures.facts import Names, clock, repeated_effects, subjects, times, troubled
from classroom.pictures.picture import Picture, history_of
from classroom.world.history import Event
from minibroker.delivery_states import TRANSITIONS

Step = tuple[float, str, str, str]  # seconds, state, event, next state
Place = tuple[float, float]
Table = Mapping[tuple[Any, Any], Any]

WIDTH = 900
BOX_WIDTH, BOX_HEIGHT = 116.0, 42.0
# Where known states stand (the middle of the box), from the first line below the title.
PLACES = {
    "new": (88.0, 206.0),
    "delayed": (330.0, 50.0),
    "ready": (330.0, 206.0),
    "in_flight": (612.0, 206.0),
    "done": (820.0, 206.0),
    "dead": (612.0, 430.0),
}
WORDS = {"in_flight": "in flight", "done": "done", "dead": "dead letter"}
# How a message stands at the end, as the end of a sentence.
ENDS = {
    "new": "not yet sent",
    "delayed": "hidden for a while",
    "ready": "ready for the next receive",
    "in_flight": "in flight",
    "done": "done",
    "dead": "among the dead letters",
}


def states(
    run: Any = None,
    *,
    about: object = None,
    title: str | None = None,
    transitions: Table = TRANSITIONS,
) -> Picture:
    """Draw the table of a message's moves and, of a run, the path that one message took.

    run:   a Run or its history; None draws the table alone.
    about: the order or message id whose path is drawn; by default one that was in trouble.
    """
    history = history_of(run) if run is not None else ()
    table = {(str(state), str(event)): str(after) for (state, event), after in transitions.items()}
    message, since, name = _chosen(history, about)
    steps, odd = walk(history, message, table, since) if message is not None else ([], [])
    found = title or _title(name, steps, len(table))
    lines = [f"{at:10.3f} s  {state} -- {event} --> {after}" for at, state, event, after in steps]
    lines += odd
    if not steps:
        lines = [f"{state} -- {event} --> {after}" for (state, event), after in table.items()]
    count = len({state for state, _ in table} | set(table.values()))
    alt = f"{found}. State diagram with {count} states and {len(table)} moves."
    if steps:
        alt += f" Path: {', '.join([steps[0][1], *(after for *_, after in steps)])}."
    return Picture(found, _draw(table, steps, found, alt, odd), alt, "\n".join(lines))


def _chosen(history: Sequence[Event], about: object) -> tuple[str | None, int, str]:
    """The id of the message to follow, the number of the event that sent it, and what it is called."""
    names = Names(history)
    wanted, _ = subjects(about)
    if not wanted:
        again = frozenset(order for _, _, order in repeated_effects(history))
        wanted = again or troubled(history)
    sent = [event for event in history if event.kind == "sent"]
    about_it = [e for e in sent if (names.order(e["message"], e.number) or str(e["message"])) in wanted]
    for event in [*about_it, *sent][:1]:
        return str(event["message"]), event.number, names.of(event["message"], event.number)
    return None, 0, ""


def walk(
    history: Iterable[Event], message: str, table: Mapping[tuple[str, str], str], since: int = 0
) -> tuple[list[Step], list[str]]:
    """The moves of a message along the table, and what the table does not allow, in words."""
    ours = [
        e
        for e in history
        if e.number >= since and e.get("message") is not None and str(e["message"]) == message
    ]
    steps: list[Step] = []
    odd: list[str] = []
    state = "new"
    for index, event in enumerate(ours):
        after = ours[index + 1] if index + 1 < len(ours) else None
        gives_up = after is not None and (after.kind, after.get("reason")) == ("dead", "max_receive_count")
        dies = gives_up and after is not None and abs(after.at - event.at) < 1e-6
        move = _move(event, dies)
        if move is None:
            continue
        if state == "delayed" and move == "receive":
            state = _take(steps, odd, table, (event.at, state, "become_visible"))
        if move == "send" and steps:
            break  # the id was given again, by a broker that forgot
        state = _take(steps, odd, table, (event.at, state, move))
    return steps, odd


def _take(
    steps: list[Step], odd: list[str], table: Mapping[tuple[str, str], str], move: tuple[float, str, str]
) -> str:
    at, state, event = move
    after = table.get((state, event))
    if after is None:
        odd.append(f"{clock(at)}: {event} in state {state}, which the table does not allow")
        return state
    steps.append((at, state, event, after))
    return after


def _move(event: Event, dies: bool) -> str | None:
    """The table's name for an event of the history; None for what moves nothing."""
    kind = event.kind
    if kind == "sent":
        return "send_delayed" if event.get("delay") else "send"
    if kind in ("nacked", "expired"):
        if dies:
            return None  # `dead`, which follows at once, is the move
        return "expire" if kind == "expired" else "nack_delayed" if event.get("delay") else "nack"
    if kind == "dead":
        return {"rejected": "reject", "expired": "lapse", "max_length": "overflow"}.get(
            event.get("reason", ""), "exhaust"
        )
    moves = {"leased": "receive", "acked": "ack", "extended": "extend", "redriven": "redrive"}
    return {**moves, "released": "release", "dropped": "overflow"}.get(kind)


def _title(name: str, steps: Sequence[Step], moves: int) -> str:
    if not steps:
        return f"The life of a message: {moves} moves, and no others"
    received = sum(event == "receive" for _, _, event, _ in steps)
    end = steps[-1][3]
    dead = sum(after == "dead" for *_, after in steps)
    via = " by way of the dead letters" if dead and end != "dead" else ""
    what = f"{name[0].upper()}{name[1:]} is received {times(received)}"
    return f"{what}; at the end it is {ENDS.get(end, end)}{via}"


# -- the drawing --------------------------------------------------------------------------


def _draw(
    table: Mapping[tuple[str, str], str], steps: Sequence[Step], title: str, alt: str, odd: Sequence[str]
) -> str:
    headings = svg.wrap(title, WIDTH - 40, 15, bold=True, lines=3)
    top = 30.0 + 20 * len(headings)
    places = _places(table, top)
    height = max(y for _, y in places.values()) + BOX_HEIGHT / 2 + 30 + 16 * len(odd)
    numbers: dict[tuple[str, str], list[int]] = {}
    for index, (_, state, event, _) in enumerate(steps, start=1):
        numbers.setdefault((state, event), []).append(index)
    edges: dict[tuple[str, str], list[str]] = {}
    for (state, event), after in table.items():
        edges.setdefault((state, after), []).append(event)
    quiet = bool(steps)
    parts = [svg.text(20, 26 + 20 * i, words, size=15, bold=True) for i, words in enumerate(headings)]
    for (state, after), events in edges.items():
        used = [event for event in events if (state, event) in numbers]
        both = (after, state) in edges and after != state
        look = ("blue", 2.4) if used else ("soft", 1.2) if quiet else ("ink", 1.6)
        parts.append(_edge(places[state], places[after], both, look, state == after))
    for (state, after), events in edges.items():
        both = (after, state) in edges and after != state
        x, y, anchor = _label_at(state, after, places, both, len(events))
        for index, event in enumerate(events):
            found = numbers.get((state, event), [])
            parts.append(_label(x, y + 19 * index, anchor, event, found, quiet))
    visited = {state for _, state, _, _ in steps} | {after for *_, after in steps}
    last = steps[-1][3] if steps else ""
    parts += [_box(state, at, state in visited, state == last) for state, at in places.items()]
    parts += [
        svg.text(
            20, height - 12 - 16 * i, svg.clip(words, WIDTH - 40, 11.5), size=11.5, fill="vermillion-text"
        )
        for i, words in enumerate(reversed(odd))
    ]
    return svg.document(WIDTH, height, "".join(parts), title=title, desc=alt)


def _places(table: Mapping[tuple[str, str], str], top: float) -> dict[str, tuple[float, float]]:
    found = dict.fromkeys([*(state for state, _ in table), *table.values()])
    unknown = [state for state in found if state not in PLACES]
    places = {state: (PLACES[state][0], PLACES[state][1] + top) for state in found if state in PLACES}
    lowest = max((y for _, y in places.values()), default=top)
    for index, state in enumerate(unknown):
        places[state] = (88 + 150 * (index % 6), lowest + 100 + 90 * (index // 6))
    return places


def _border(a: Place, b: Place, shift: float) -> tuple[float, float]:
    """Where the line from the middle of box `a` to that of `b` leaves `a`, moved sideways by `shift`."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy) or 1.0
    scale = min(
        (BOX_WIDTH / 2 + 3) / abs(dx) if dx else math.inf, (BOX_HEIGHT / 2 + 3) / abs(dy) if dy else math.inf
    )
    return a[0] + dx * scale - dy / length * shift, a[1] + dy * scale + dx / length * shift


def _edge(
    a: tuple[float, float], b: tuple[float, float], both: bool, look: tuple[str, float], loop: bool
) -> str:
    stroke, width = look
    if loop:
        x, y = a[0], a[1] - BOX_HEIGHT / 2
        d = f"M {svg.number(x - 22)} {svg.number(y)} C {svg.number(x - 40)} {svg.number(y - 52)}"
        d += f" {svg.number(x + 40)} {svg.number(y - 52)} {svg.number(x + 22)} {svg.number(y - 3)}"
        head = svg.arrow_head(x + 22, y - 2, -10, 40, fill=stroke)
        return svg.path(d, stroke=stroke, stroke_width=width) + head
    shift = -9.0 if both else 0.0
    x1, y1 = _border(a, b, shift)
    x2, y2 = _border(b, a, -shift)
    head = svg.arrow_head(x2, y2, x2 - x1, y2 - y1, 8, fill=stroke)
    return svg.line(x1, y1, x2, y2, stroke, width) + head


def _label_at(
    state: str, after: str, places: Mapping[str, tuple[float, float]], both: bool, count: int
) -> tuple[float, float, str]:
    """Where the first label of an edge stands, and whether its letters begin, centre or end there."""
    (x1, y1), (x2, y2) = places[state], places[after]
    mx, my = (x1 + x2) / 2, (y1 + y2) / 2
    if state == after:
        return mx, y1 - BOX_HEIGHT / 2 - 46, "middle"
    if abs(y2 - y1) < 1:  # beside each other: above, or below where the way back runs
        below = both and x2 < x1
        return mx, my + 28 if below else my - (16 if both else 8) - 19 * (count - 1), "middle"
    if abs(x2 - x1) < 1:  # one above the other
        return mx + 10, my + 4 - 9 * (count - 1), "start"
    rising_right = (x2 - x1) * (y2 - y1) < 0
    away = 14.0
    if rising_right:  # a line like /
        return mx - away, my - 4 - 19 * (count - 1), "end"
    lower_half = my > places.get("ready", (0, 0))[1]
    if lower_half and not (both and x2 > x1):  # a line like \: below it
        return mx - away, my + 18, "end"
    return mx + away, my - 6 - 19 * (count - 1), "start"


def _label(x: float, y: float, anchor: str, event: str, numbers: Sequence[int], quiet: bool) -> str:
    words = event.replace("_", " ")
    shown = (
        [str(n) for n in numbers] if len(numbers) <= 5 else [*map(str, numbers[:3]), "…", str(numbers[-1])]
    )
    wide = svg.measure(words, 12, bold=bool(numbers))
    badges = [max(18.0, svg.measure(n, 10.5, bold=True) + 9) for n in shown]
    total = wide + sum(badge + 3 for badge in badges) + (3 if badges else 0)
    left = x - {"start": 0.0, "middle": total / 2, "end": total}[anchor]
    fill = "ink" if numbers or not quiet else "soft"
    parts = [svg.text(left, y, words, size=12, fill=fill, bold=bool(numbers), halo=True)]
    at = left + wide + 6
    for n, badge in zip(shown, badges, strict=True):
        if n == "…":
            parts.append(svg.text(at + badge / 2, y, n, size=12, anchor="middle"))
        else:
            parts.append(svg.rect(at, y - 13, badge, 17, fill="blue-fill", rx=8.5))
            parts.append(
                svg.text(at + badge / 2, y - 0.8, n, size=10.5, anchor="middle", fill="blue-on", bold=True)
            )
        at += badge + 3
    return "".join(parts)


def _box(state: str, at: tuple[float, float], visited: bool, last: bool) -> str:
    x, y = at
    stroke = "blue" if visited else "soft"
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    fill = "blue-tint" if visited else "paper"
    width = 2.4 if visited else 1.4
    parts = [svg.rect(left, top, BOX_WIDTH, BOX_HEIGHT, fill=fill, stroke=stroke, rx=10, stroke_width=width)]
    if last:  # where it stands at the end: a double frame
        parts.append(
            svg.rect(
                left - 5, top - 5, BOX_WIDTH + 10, BOX_HEIGHT + 10, stroke=stroke, rx=14, stroke_width=1.4
            )
        )
    words = svg.clip(WORDS.get(state, state.replace("_", " ")), BOX_WIDTH - 14, 13, bold=True)
    parts.append(svg.text(x, y + 4.5, words, anchor="middle", bold=True))
    return "".join(parts)
