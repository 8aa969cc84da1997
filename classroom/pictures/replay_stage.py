"""Who is on the stage of a replay, and where they stand.

Idea      The cast is read off the history: who calls, who is called, who takes messages, which
          queues and databases there are. Layers follow from who calls whom: callers first, the
          broker in the middle, then workers, then whom the workers call, and data. A call from
          a worker to the broker counts the other way round, since messages flow that way.
          Two layouts of one cast: `wide` (layers are columns) and `tall` (layers are rows, for
          a narrow page).
Not here  What is drawn (replay_draw.py), what happens (replay_story.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from classroom.pictures import svg
from classroom.pictures.facts import BUILT_IN, QUEUE_KINDS
from classroom.world.history import Event

QUEUE_HEIGHT = 108
TRAY_HEIGHT = 62  # of a queue that nobody takes from, such as the dead letters
NAME, AROUND_NAME = 14, 46  # the size of a name's letters, and the width that its sign and margins take


@dataclass(frozen=True, slots=True)
class Place:
    """One of the cast. role: caller, service, worker, broker or database."""

    name: str
    role: str
    layer: int
    queues: tuple[tuple[str, bool], ...] = ()  # (queue, whether somebody takes from it)
    stores: tuple[str, ...] = ()  # databases that it alone commits to
    marks: bool = False  # it records effects of its own, and keeps a mark for each


@dataclass(frozen=True, slots=True)
class Stage:
    """The cast, and which pairs talk: an edge is a pair of indices into `places`, nearer the left first."""

    places: tuple[Place, ...]
    edges: tuple[tuple[int, int], ...]

    def index(self, name: str) -> int:
        """Where `name` is among the places; -1 for the world itself."""
        return next((i for i, place in enumerate(self.places) if place.name == name), -1)

    def edge(self, a: int, b: int) -> int:
        """The edge between two places, whichever way it points; -1 if they never talk."""
        pairs = {(a, b), (b, a)}
        return next((i for i, pair in enumerate(self.edges) if pair in pairs), -1)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a place stands: left, top, width and height of its body in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """A stage laid out: the size of the paper, a spot for each place, a curve (4 points) for each edge."""

    width: float
    height: float
    spots: tuple[Spot, ...]
    curves: tuple[tuple[float, ...], ...]
    tall: bool


@dataclass(slots=True)
class _Cast:
    names: list[str] = field(default_factory=list)
    calls: dict[tuple[str, str], None] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    workers: set[str] = field(default_factory=set)
    brokers: set[str] = field(default_factory=set)
    queues: dict[str, dict[str, bool]] = field(default_factory=dict)
    commits: dict[str, list[str]] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)

    def meet(self, name: object) -> None:
        if isinstance(name, str) and name not in self.names and name != "world":
            self.names.append(name)


def only_creates(event: Event) -> bool:
    """A commit that makes tables and writes nothing: whoever starts first does it, and it tells nothing."""
    return all(str(one).startswith("CREATE ") for one in event.get("statements") or [""])


def _read(history: Iterable[Event]) -> _Cast:
    cast = _Cast()
    for event in history:
        cast.meet(event.node)
        if event.kind == "request":
            cast.meet(event.get("to"))
            cast.calls[event.node, event["to"]] = None
            cast.called.add(event["to"])
            if re.search(r"/queues/[^/]+/receive", str(event.get("path"))):
                cast.workers.add(event.node)
        elif event.kind in QUEUE_KINDS:
            cast.brokers.add(event.node)
            found = cast.queues.setdefault(event.node, {})
            found.setdefault(str(event.get("queue")), False)
            if event.kind == "leased":
                found[str(event["queue"])] = True
                cast.meet(event.get("consumer"))
                cast.workers.add(str(event.get("consumer")))
            if event.get("to") is not None:
                found.setdefault(str(event["to"]), False)
        elif event.kind == "handling":
            cast.workers.add(event.node)
        elif event.kind == "commit" and not only_creates(event):
            nodes = cast.commits.setdefault(str(event.get("database")), [])
            if event.node not in nodes:
                nodes.append(event.node)
        elif event.kind not in BUILT_IN and event.node != "world":
            cast.marks.add(event.node)
    cast.workers -= cast.brokers
    return cast


def _layers(names: list[str], pairs: list[tuple[str, str]]) -> dict[str, int]:
    """Longest way from a start; a pair that would close a circle is passed over."""
    after: dict[str, set[str]] = {name: set() for name in names}

    def reaches(start: str, end: str) -> bool:
        open_, seen = [start], {start}
        while open_:
            for following in after[open_.pop()] - seen:
                seen.add(following)
                open_.append(following)
        return end in seen

    for a, b in pairs:
        if a != b and not reaches(b, a):
            after[a].add(b)
    layer = dict.fromkeys(names, 0)
    for _ in names:
        for a in names:
            for b in after[a]:
                layer[b] = max(layer[b], layer[a] + 1)
    return layer


def stage_of(history: Iterable[Event]) -> Stage:
    """The cast of a history, layer by layer, in each layer in order of appearance."""
    cast = _read(history)
    shared = {name: nodes for name, nodes in cast.commits.items() if len(nodes) > 1}
    flow = [(b, a) if a in cast.workers and b in cast.brokers else (a, b) for a, b in cast.calls]
    taking = [(broker, worker) for broker in cast.brokers for worker in sorted(cast.workers)]
    data = [(node, f"database {name}") for name, nodes in shared.items() for node in nodes]
    names = [*cast.names, *(f"database {name}" for name in shared)]
    layer = _layers(names, [*flow, *taking, *data])
    deepest = max(layer.values(), default=0)
    touched = {name for pair in [*flow, *taking] for name in pair}
    places = []
    for name in names:
        if name not in cast.names:
            role = "database"
        elif name in cast.brokers:
            role = "broker"
        elif name in cast.workers:
            role = "worker"
        else:
            role = "service" if name in cast.called or name in cast.marks or name not in touched else "caller"
        at = deepest if name not in touched and role == "service" and deepest else layer[name]
        queues = tuple(cast.queues.get(name, {}).items())
        stores = tuple(db for db, nodes in cast.commits.items() if nodes == [name])
        places.append(Place(name, role, at, queues, stores, name in cast.marks))
    used = sorted({place.layer for place in places})  # an empty column helps nobody
    places.sort(key=lambda place: place.layer)
    index = {place.name: number for number, place in enumerate(places)}
    pairs: dict[tuple[int, int], None] = {}
    for a, b in [*cast.calls, *data]:
        low, high = sorted((index[a], index[b]))
        if low != high:
            pairs[low, high] = None
    closed = tuple(Place(p.name, p.role, used.index(p.layer), p.queues, p.stores, p.marks) for p in places)
    return Stage(closed, tuple(pairs))


# ---- where ------------------------------------------------------------------------------


def size(place: Place) -> tuple[float, float]:
    """Width and height of the body, in pixels."""
    if place.role == "broker":
        return 288, 34 + sum(QUEUE_HEIGHT if taken else TRAY_HEIGHT for _, taken in place.queues) + 6
    if place.role == "database":
        return 104, 84
    named = svg.measure(place.name, NAME, bold=True) + AROUND_NAME
    return max(150 if place.marks else 124, min(named, 190)), 62 + (64 if place.marks else 0)


_BELOW = 44  # room under a body for what it holds and its state


def layout(stage: Stage, *, tall: bool = False) -> Layout:
    """Place everybody: layers as columns, or (tall) as rows of at most three."""
    spots = _rows(stage) if tall else _columns(stage)
    width = 400.0 if tall else max((spot.x + spot.width for spot in spots), default=300) + 24
    height = max((spot.y + spot.height for spot in spots), default=100) + _BELOW + 12
    curves = tuple(_curve(spots, a, b, tall) for a, b in stage.edges)
    return Layout(width, max(height, 250.0), tuple(spots), curves, tall)


def _columns(stage: Stage) -> list[Spot]:
    layers: dict[int, list[int]] = {}
    for number, place in enumerate(stage.places):
        layers.setdefault(place.layer, []).append(number)
    widths = {layer: max(size(stage.places[n])[0] for n in held) for layer, held in layers.items()}
    heights = {layer: sum(size(stage.places[n])[1] + _BELOW for n in held) for layer, held in layers.items()}
    full = max([*heights.values(), 220.0])
    gap = 100.0
    if len(layers) > 1:
        gap = min(190.0, max(84.0, (1000 - 48 - sum(widths.values())) / (len(layers) - 1)))
    spots = [Spot(0, 0, 0, 0)] * len(stage.places)
    x = 24.0
    for layer, held in sorted(layers.items()):
        free = (full - heights[layer]) / len(held)
        y = 52.0
        for number in held:
            width, height = size(stage.places[number])
            spots[number] = Spot(x + (widths[layer] - width) / 2, y + free / 2, width, height)
            y += height + _BELOW + free
        x += widths[layer] + gap
    return spots


def _rows(stage: Stage) -> list[Spot]:
    rows: list[list[int]] = []
    for number, place in enumerate(stage.places):
        fits = (
            bool(rows)
            and stage.places[rows[-1][0]].layer == place.layer
            and sum(size(stage.places[n])[0] + 12 for n in rows[-1]) + size(place)[0] <= 388
        )
        if fits:
            rows[-1].append(number)
        else:
            rows.append([number])
    spots = [Spot(0, 0, 0, 0)] * len(stage.places)
    y = 56.0
    for row in rows:
        free = (400 - sum(size(stage.places[n])[0] for n in row)) / (len(row) + 1)
        x = free
        for number in row:
            width, height = size(stage.places[number])
            spots[number] = Spot(x, y, width, height)
            x += width + free
        y += max(size(stage.places[n])[1] for n in row) + _BELOW + 26
    return spots


def _curve(spots: list[Spot], a: int, b: int, tall: bool) -> tuple[float, ...]:
    """A cubic Bezier curve from the rim of one body to the rim of the other: 8 numbers."""
    one, two = spots[a], spots[b]
    (ax, ay), (bx, by) = one.middle, two.middle
    if tall:
        start, end = (ax, one.y + one.height), (bx, two.y)
        if abs(one.y - two.y) < 30:  # side by side
            start, end = (one.x + one.width, ay), (two.x, by)
            return (*start, start[0] + 8, ay, end[0] - 8, by, *end)
        pull = (end[1] - start[1]) * 0.45
        # past a row in between: swing out to the side
        side = 0.0 if end[1] - start[1] < 120 else (-150.0 if ax + bx <= 400 else 150.0)
        return (*start, start[0] + side, start[1] + pull, end[0] + side, end[1] - pull, *end)
    if two.x < one.x + one.width:  # in one column: round the outside
        start, end = (one.x + one.width, ay), (two.x + two.width, by)
        return (*start, start[0] + 70, ay, end[0] + 70, by, *end)
    # aim at the height of the other, if that lies on the body, so that lines stay level
    rim = min(max(by, one.y + 16), one.y + one.height - 16)
    far = min(max(ay, two.y + 16), two.y + two.height - 16)
    ay, by = (rim if one.height > two.height else ay), (far if two.height > one.height else by)
    start, end = (one.x + one.width, ay), (two.x, by)
    pull = (end[0] - start[0]) * 0.45
    lift = 0.0
    between = [s for s in spots if s.x > start[0] and s.x + s.width < end[0]]
    level = (ay + by) / 2
    if any(s.y - 10 < level < s.y + s.height + 10 for s in between):  # fly over whoever stands in the way
        top = min(s.y for s in between if s.y - 10 < level < s.y + s.height + 10)
        lift = (max(top - 20, 30) - level) * 4 / 3
    return (*start, start[0] + pull, ay + lift, end[0] - pull, by + lift, *end)
