"""The stage as SVG, at one beat: the still frame, and what the browser then sets in motion.

Idea      Everything that can be seen at some moment is drawn once (the crack of a crash, the
          hatching of a pause, the gap of a partition) and shown or hidden by classes on its
          place. The browser changes classes and moves tokens; it never draws a body.
          Tokens of queues and nodes stand on grids whose measures are written on their group
          (data-grid), so that the browser puts them where this file would.
Not here  Who stands where (replay_stage.py), what happens (replay_story.py), the script.
"""

from __future__ import annotations

import math
import re
from importlib import resources

from classroom.pictures import svg
from classroom.pictures.facts import seconds
from classroom.pictures.palette import PAINTS, look
from classroom.pictures.replay_stage import AROUND_NAME, NAME, QUEUE_HEIGHT, TRAY_HEIGHT, Layout, Place, Spot
from classroom.pictures.replay_story import (
    ABSENT,
    CRASHED,
    DELAYED,
    IN_FLIGHT,
    LOST,
    MESSAGE,
    PAUSED,
    REPLY,
    ROUTINE,
    State,
    Story,
    Travel,
    state_at,
)

TOKEN = (26, 20)  # width and height of a message on the stage
STATUS_CLASSES = ("absent", "up", "crashed", "paused", "ended")


def style(body: str) -> str:
    """The stage's style sheet with the paints that it and `body` use, for light and dark."""
    sheet = squeeze(resources.files(__package__).joinpath("replay_stage.css").read_text(encoding="utf-8"))
    painted = sorted(set(re.findall(r"\bbop-([fs])-([a-z-]+)", body)))
    used = {name for _, name in painted}
    around = resources.files(__package__).joinpath("replay.css").read_text(encoding="utf-8")
    names = sorted(used.union(re.findall(r"--bop-([a-z-]+)", sheet + body + around)) & PAINTS.keys())
    for what, name in painted:
        sheet += f".bop-{what}-{name}{{{'fill' if what == 'f' else 'stroke'}:var(--bop-{name})}}"
    light, dark = (";".join(f"--bop-{name}:{PAINTS[name][side]}" for name in names) for side in (0, 1))
    return (
        f".bop{{{light}}}@media (prefers-color-scheme:dark){{.bop{{{dark}}}}}"
        f"[data-jp-theme-light=true] .bop{{{light}}}[data-jp-theme-light=false] .bop{{{dark}}}{sheet}"
    )


def squeeze(sheet: str) -> str:
    """A style sheet without comments and indentation."""
    sheet = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    return re.sub(r"\s*([{};,])\s*", r"\1", re.sub(r"\s+", " ", sheet)).strip()


def draw(story: Story, place_for: Layout, *, alt: str) -> str:
    """The stage at the story's still beat, a whole SVG document with its style sheet."""
    state = state_at(story, story.still)
    parts = [svg.element("rect", width=place_for.width, height=place_for.height, rx=8, class_="paper")]
    parts += [_edge(story, place_for, number, state) for number in range(len(story.stage.edges))]
    for number, place in enumerate(story.stage.places):
        parts.append(_place(story, number, place, place_for.spots[number], state))
    parts.append(svg.element("g", *_moving(story, place_for), class_="moving"))
    if story.beats:
        beat = story.beats[story.still]
        parts.append(_words(20, 30, f"t = {beat.at:.3f} s", "clock"))
        words = svg.clip(beat.words[:1].upper() + beat.words[1:], place_for.width - 150, 14, bold=True)
        parts.append(_words(134, 30, words, "moment"))
    parts.append(_key(place_for.height - 16))
    body = "".join(parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" class="bop bop-stage" role="img" '
        f'aria-label="{svg.escape(alt)}" viewBox="0 0 {place_for.width:g} {place_for.height:g}" '
        f'width="{place_for.width:g}" height="{place_for.height:g}" font-family="{svg.FONT}" font-size="13">'
        f"<style>{style(body)}</style>{body}</svg>"
    )


def _key(y: float) -> str:
    """What the three shapes that travel mean."""
    return svg.element(
        "g",
        svg.element("path", d="M-8 -7L9 0L-8 7L-4 0Z", class_="dart", transform="translate(28 0)"),
        _words(42, 4, "request", "note"),
        svg.element("circle", cx=110, r=6, class_="ring"),
        _words(122, 4, "reply", "note"),
        svg.element("rect", x=166, y=-9, width=22, height=18, rx=4, class_="envelope"),
        _words(195, 4, "message", "note"),
        class_="key",
        transform=f"translate(0 {y:g})",
    )


def _words(x: float, y: float, words: str, class_: str, anchor: str | None = None) -> str:
    return svg.element("text", svg.escape(words), x=x, y=y, class_=class_, text_anchor=anchor)


# ---- edges -------------------------------------------------------------------------------


def on_curve(curve: tuple[float, ...], share: float) -> tuple[float, float]:
    """The point of a cubic Bezier curve at `share` (0 to 1)."""
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    return (
        sum(w * curve[2 * i] for i, w in enumerate(weights)),
        sum(w * curve[2 * i + 1] for i, w in enumerate(weights)),
    )


def _edge(story: Story, place_for: Layout, number: int, state: State) -> str:
    curve = place_for.curves[number]
    x, y = on_curve(curve, 0.5)
    data = svg.d("M", *curve[:2], "C", *curve[2:])
    gap = svg.element("circle", r=15, class_="gap") + svg.cross(0, 0, 7)
    names = [story.stage.places[i].name for i in story.stage.edges[number]]
    return svg.element(
        "g",
        svg.element("path", d=data, class_="wire"),
        svg.element(
            "g",
            gap,
            _words(0, -20, "cut", "cut-word", "middle"),
            class_="cut-mark",
            transform=f"translate({svg.number(x)} {svg.number(y)})",
        ),
        class_="edge cut" if number in state.cut else "edge",
        data_e=str(number),
        data_curve=" ".join(svg.number(value) for value in curve),
        data_tip=f"{names[0]} and {names[1]} talk over this link",
    )


# ---- bodies ------------------------------------------------------------------------------


def _outline(place: Place, spot: Spot) -> list[tuple[float, float]] | None:
    w, h = spot.width, spot.height
    shape = look(place.name).shape
    if place.role == "worker":
        return [(14, 0), (w - 14, 0), (w, h / 2), (w - 14, h), (14, h), (0, h / 2)]
    if shape == "diamond":
        return [(14, 0), (w - 14, 0), (w, 14), (w, h - 14), (w - 14, h), (14, h), (0, h - 14), (0, 14)]
    return None


def _body(place: Place, spot: Spot) -> str:
    seen = look(_plain_name(place))
    if place.role == "database":
        return svg.drum(0, 0, spot.width, spot.height, fill="band", stroke="soft")
    how = {"stroke_dasharray": seen.dash or None, "style": _colours(seen.colour), "class_": "body"}
    points = _outline(place, spot)
    if points:
        return svg.element("path", d=svg.polygon(points), stroke_linejoin="round", **how)
    radius = {"caller": spot.height / 2, "broker": 12}.get(place.role, 7)
    return svg.element("rect", width=spot.width, height=spot.height, rx=radius, **how)


def _plain_name(place: Place) -> str:
    return place.name.removeprefix("database ")


def _colours(colour: str) -> str:
    return f"--c:var(--bop-{colour});--t:var(--bop-{colour}-tint);--f:var(--bop-{colour}-fill)"


def _place(story: Story, number: int, place: Place, spot: Spot, state: State) -> str:
    status, since, lasts = state.status.get(number, (ABSENT, 0.0, 0.0))
    if place.role == "database":
        status = 1
    w, h = spot.width, spot.height
    parts = [
        svg.element("rect", x=-7, y=-7, width=w + 14, height=h + 14, rx=14, class_="glow"),
        _body(place, spot),
    ]
    name = svg.clip(_plain_name(place), w - AROUND_NAME, NAME, bold=True)
    if place.role == "database":
        parts.append(_words(w / 2, 38, name, "name", "middle"))
        parts.append(_words(w / 2, 58, f"{state.commits[number, 0]} commits", "count", "middle"))
        parts.append(_words(w / 2, h + 16, "database", "note", "middle"))
    else:
        sign = look(place.name)
        wide = svg.measure(name, NAME, bold=True) + 18
        left = 16 if place.role == "broker" else max((w - wide) / 2, 12)
        parts.append(svg.shape(sign.shape, left + 6, 17, 6, fill=f"{sign.colour}-fill", stroke=sign.colour))
        parts.append(_words(left + 18, 22, name, "name"))
    mine = [index for index, (owner, _) in enumerate(story.queues) if owner == number]
    y = 34.0
    for index, (queue, taken) in zip(mine, place.queues, strict=True):
        parts.append(_queue(story, index, queue, taken, y, w, state))
        y += QUEUE_HEIGHT if taken else TRAY_HEIGHT
    if place.role not in ("broker", "database"):
        parts.append(_held(story, number, w, state))
    if place.marks:
        parts.append(_marks(number, place, w, state))
    for index, _ in enumerate(place.stores):
        parts.append(_store(index, w, h, state.commits[number, index]))
    hatched = svg.hatch(6, 5, w - 12, h - 10, stroke="soft", gap=9)
    face = svg.element("circle", cx=w - 4, cy=2, r=12, class_="face") + svg.element(
        "path", d=f"M{w - 4:g} -5V2l5 4", class_="hands"
    )
    parts.append(svg.element("g", hatched, face, class_="hatch"))
    zigzag = [
        (w * 0.56, -5),
        (w * 0.47, h * 0.28),
        (w * 0.58, h * 0.45),
        (w * 0.44, h * 0.7),
        (w * 0.52, h + 5),
    ]
    jagged = "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in zigzag)
    gap, line = svg.path(jagged, class_="crack-paper"), svg.path(jagged, class_="crack-line")
    parts.append(svg.element("g", gap, line, svg.cross(w - 4, 2, 7, width=4), class_="crack"))
    if place.role != "database":
        at = story.beats[story.still].at if story.beats else 0.0
        below = h + (39 if place.stores else 17)  # its drums hang down to h + 23
        parts.append(_words(w / 2, below, status_words(status, since, lasts, at), "state", "middle"))
    now = story.beats[story.still].place if story.beats else -1
    return svg.element(
        "g",
        *parts,
        class_=f"place {place.role} {STATUS_CLASSES[status]}{' now' if now == number else ''}",
        data_p=str(number),
        data_size=f"{w:g} {h:g}",
        transform=f"translate({svg.number(spot.x)} {svg.number(spot.y)})",
    )


def status_words(status: int, since: float, lasts: float, at: float) -> str:
    """The line under a body; the browser writes the same."""
    if status == CRASHED:
        return "crashed" + (f", back in {seconds(max(0.0, since + lasts - at))}" if lasts else "")
    if status == PAUSED:
        return f"stands still, {seconds(max(0.0, since + lasts - at))} to go" if lasts else "stands still"
    return {ABSENT: "not started", 4: "ended"}.get(status, "")


# ---- what bodies hold --------------------------------------------------------------------


def token(
    label: str, x: float, y: float, *, hot: bool, extra: str = "", inside: str = "", tip: str = ""
) -> str:
    """One message."""
    width, height = TOKEN
    return svg.element(
        "g",
        svg.element("rect", width=width, height=height, rx=4),
        svg.element("text", svg.escape(label), x=width / 2, y=14.5, text_anchor="middle"),
        inside,
        class_=f"token{' hot' if hot else ''}{extra}",
        transform=f"translate({svg.number(x)} {svg.number(y)})",
        data_tip=tip,
    )


def label(subject: str) -> str:
    """What fits on a token: the last word of "order 7"."""
    return subject.split()[-1][:4] if subject else ""


def is_hot(story: Story, subject: str) -> bool:
    return subject in story.trouble


def _queue(story: Story, index: int, name: str, taken: bool, y: float, width: float, state: State) -> str:
    """A card: what is ready on the left; on the right a line for each message in flight."""
    inside = width - 24
    height = (QUEUE_HEIGHT if taken else TRAY_HEIGHT) - 6
    columns, rows = (4, 3) if taken else (8, 1)
    top = 40 if taken else 28
    here = [(m, slot) for m, slot in state.slots.items() if slot[0] == index]
    ready = [(m, slot) for m, slot in here if slot[1] in (1, DELAYED)]
    flying = [(m, slot) for m, slot in here if slot[1] == IN_FLIGHT]
    parts = [svg.element("rect", width=inside, height=height, rx=7, class_="card")]
    parts.append(_words(10, 18, svg.clip(name, inside - 110, 13, bold=True), "queue-name"))
    if taken:
        parts.append(_words(10, 34, f"ready {len(ready)}", "ready-count"))
        parts.append(_words(132, 34, f"in flight {len(flying)}", "flight-count"))
        parts.append(svg.element("path", d=f"M124 26V{height - 8}", class_="bar"))
    else:
        parts.append(_words(inside - 10, 18, f"{len(ready)} waiting", "ready-count", "end"))
    at = story.beats[story.still].at if story.beats else 0.0
    tokens = []
    for number, (message, slot) in enumerate(ready[: columns * rows]):
        subject = story.messages[message]
        x, down = 10 + number % columns * 29, top + number // columns * 23
        tokens.append(
            token(
                label(subject),
                x,
                down,
                hot=is_hot(story, subject),
                extra=" later" if slot[1] == DELAYED else "",
            )
        )
    for number, (message, slot) in enumerate(flying[:3]):
        subject = story.messages[message]
        holder = svg.clip(story.stage.places[slot[2]].name, 86, 12) if slot[2] >= 0 else ""
        left = max(0.0, min(1.0, (slot[4] - at) / (slot[4] - slot[3]))) if slot[4] > slot[3] else 0.0
        lease = _words(32, 12, holder, "holder") + svg.element(
            "rect", x=32, y=16, width=86, height=3, class_="lease-of"
        )
        lease += svg.element("rect", x=32, y=16, width=max(86 * left, 0.1), height=3, class_="lease")
        tokens.append(token(label(subject), 132, top + number * 23, hot=is_hot(story, subject), inside=lease))
    dead = any(
        op[0] == "m" and op[1] == index and beat.kind == "dead" for beat in story.beats for op in beat.ops
    )
    return svg.element(
        "g",
        *parts,
        svg.element("g", *tokens, "<!---->", class_="tokens"),
        _words(120 if taken else inside - 8, height - 4, _more(len(ready) - columns * rows), "more", "end"),
        class_=f"queue{' dead' if dead else ''}",
        data_q=str(index),
        data_grid=f"{columns} {rows} {top}",
        transform=f"translate(12 {svg.number(y)})",
    )


def _more(count: int) -> str:
    return f"+{count}" if count > 0 else " "


def _held(story: Story, number: int, width: float, state: State) -> str:
    """The messages that a node works on, inside its body."""
    held = state.held.get(number, [])[:3]
    left = width / 2 - len(held) * 15 + 2
    tokens = [
        token(label(story.messages[m]), left + 30 * i, 0, hot=is_hot(story, story.messages[m]))
        for i, m in enumerate(held)
    ]
    return svg.element("g", *tokens, "<!---->", class_="held", transform="translate(0 34)")


def _marks(number: int, place: Place, width: float, state: State) -> str:
    """A mark for each effect; the second of its kind is the one that should not be."""
    marks = state.marks.get(number, [])
    shown = marks[-8:]
    chips = [
        svg.element(
            "g",
            svg.element("rect", width=28, height=19, rx=9.5),
            svg.element("text", svg.escape(text), x=14, y=13.5, text_anchor="middle"),
            class_="mark bad" if bad else "mark",
            transform=f"translate({i % 4 * 32} {i // 4 * 23})",
        )
        for i, (text, bad) in enumerate(shown)
    ]
    count = _words((width - 26) / 2, 62, f"{len(marks)} in all" if marks else " ", "mark-count", "middle")
    return svg.element("g", svg.element("g", *chips, "<!---->", class_="chips"), count,
                       class_="marks", transform=f"translate({(width - 124) / 2:g} 58)")  # fmt: skip


def _store(index: int, width: float, height: float, commits: int) -> str:
    """A small drum that hangs on its owner."""
    x = width - 40 - index * 42
    return svg.element(
        "g",
        svg.drum(0, 0, 36, 32, fill="band", stroke="soft"),
        _words(18, 24, str(commits), "count", "middle"),
        class_="store",
        data_d=str(index),
        data_tip="its own database: commits so far",
        transform=f"translate({x:g} {height - 9:g})",
    )


# ---- what travels ------------------------------------------------------------------------


def _moving(story: Story, place_for: Layout) -> list[str]:
    """For the still frame: what has just got where the beat happens, and what is on the way."""
    shown: list[str] = []
    for travel in story.travels:
        on_the_way = (
            travel.start <= story.still < travel.end
            and story.beats[travel.end].at - story.beats[travel.start].at < 1
        )
        lately = travel.start < story.still and story.still - 2 <= travel.end <= story.still
        if (on_the_way or lately) and travel.shape != ROUTINE and travel.fate != LOST:
            shown.append(_traveller(story, place_for, travel, 0.72 if lately else 0.45))
    return shown[-4:] or ["<!---->"]


def _traveller(story: Story, place_for: Layout, travel: Travel, share: float) -> str:
    curve = place_for.curves[travel.edge]
    way = 1 - share if travel.back else share
    x, y = on_curve(curve, way)
    ahead = on_curve(curve, way - 0.02 if travel.back else way + 0.02)
    angle = math.degrees(math.atan2(ahead[1] - y, ahead[0] - x))
    sender = story.stage.edges[travel.edge][travel.back]
    colour = look(story.stage.places[sender].name).colour
    hot = is_hot(story, travel.subject)
    if travel.shape == MESSAGE:
        drawn = token(label(travel.subject), -TOKEN[0] / 2, -TOKEN[1] / 2, hot=hot)
    else:
        form = svg.element("circle", r=6.5, class_="ring") if travel.shape == REPLY else svg.element(
            "path", d="M-8 -7L9 0L-8 7L-4 0Z", class_="dart", transform=f"rotate({angle:.0f})"
        )  # fmt: skip
        drawn = form + _words(0, -12, label(travel.subject), "tag", "middle")
    return svg.element("g", drawn, class_="mover hot" if hot else "mover", style=_colours(colour),
                       transform=f"translate({svg.number(x)} {svg.number(y)})")  # fmt: skip
