"""One click, and the calls that it became: each layer tries again what the layer below failed.

Idea      Each call is a dot, each layer a row; lines lead from a call to those that it caused. The
          number beside a row is what that layer was asked: a product, as soon as every layer retries.
Not here  Calls in time (sequence.py).
"""

from collections import defaultdict

from classroom.pictures.palette import look
from classroom.pictures.picture import Picture
from classroom.pictures.svg import document, line, shape, text, wrap
from classroom.world.run import Run

WIDTH, LEFT, RIGHT, ROW = 760.0, 138.0, 96.0, 74.0


def call_tree(run: Run, *layers: str, title: str | None = None) -> Picture:
    """Draw the calls from layer to layer, from the caller down to the last service.

    Calls between two layers are taken to be caused by the latest call that their caller had received.
    Raises ValueError if the first layer asked nobody.
    """
    rows = _rows(run, layers)
    if len(rows[0]) == 0:
        raise ValueError(f"{layers[0]} asked {layers[1]} nothing in this run")
    counts = {layer: len(row) for layer, row in zip(layers[1:], rows, strict=True)}
    last = layers[-1]
    found = title or f"{layers[0]} clicks once; {last} is asked {counts[last]} times"
    heading = wrap(found, WIDTH - 40, 15, bold=True)
    head = 46.0 + 20 * len(heading)
    places: dict[int, float] = {}
    wide = WIDTH - LEFT - RIGHT
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    lines, dots = [], []
    for index, (layer, row) in enumerate(zip(layers[1:], rows, strict=True), start=1):
        y = head + ROW * index
        sign = look(layer)
        size = min(7.0, 0.42 * wide / max(len(row), 1))
        for place, (call, parent) in enumerate(row):
            x = LEFT + wide * (place + 0.5) / len(row)
            places[call] = x
            above = places.get(parent, LEFT + wide / 2)
            lines.append(line(above, y - ROW + 9, x, y - size, "rule", 1.2))
            dots.append(shape(sign.shape, x, y, size, fill=f"{sign.colour}-fill", stroke=sign.colour))
        dots.append(text(LEFT - 12, y + 4, layer, anchor="end", bold=True))
        times = "once" if len(row) == 1 else f"{len(row)} times"
        dots.append(text(WIDTH - RIGHT + 10, y + 4, times, bold=True))
    caller = look(layers[0])
    dots.append(
        shape(caller.shape, LEFT + wide / 2, head, 7, fill=f"{caller.colour}-fill", stroke=caller.colour)
    )
    dots.append(text(LEFT - 12, head + 4, layers[0], anchor="end", bold=True))
    dots.append(text(WIDTH - RIGHT + 10, head + 4, "1 click", bold=True))
    height = head + ROW * (len(layers) - 1) + 26
    twin = "\n".join(
        [f"{layers[0]}: 1 click", *(f"{name}: asked {count} times" for name, count in counts.items())]
    )
    alt = f"{found}. A tree of calls: " + ", ".join(f"{name} {count}" for name, count in counts.items()) + "."
    drawn = document(WIDTH, height, "".join(body + lines + dots), title=found, desc=alt)
    return Picture(found, drawn, alt, twin)


def _rows(run: Run, layers: tuple[str, ...]) -> list[list[tuple[int, int]]]:
    """For each layer below the first: (call, the call that caused it)."""
    received: dict[str, int] = defaultdict(int)  # the latest call that each node is at
    rows: dict[str, list[tuple[int, int]]] = {layer: [] for layer in layers[1:]}
    above = dict(zip(layers[1:], layers, strict=False))
    for event in run.history:
        if event.kind == "arrive":
            received[event.node] = event["call"]
        elif event.kind == "request" and above.get(event["to"]) == event.node:
            rows[event["to"]].append((event["call"], received[event.node]))
    return list(rows.values())
