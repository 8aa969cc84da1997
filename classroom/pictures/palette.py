"""One look for each service, in every lesson, on light and on dark.

Idea      A look is a colour *and* a dash *and* a shape, so that nothing is said by colour alone.
          The same service has the same look in every lesson; a name that is not known gets one
          from a checksum of the name, the same on every machine. Vermillion is kept for what
          broke, so no service has it.
          A paint is a pair, one colour for light paper and one for dark. A hue that is too pale
          for a line or for letters is moved towards ink, by computation, until it is not.
Not here  How a paint gets into a drawing (svg.py).
Source    M. Okabe, K. Ito, "Color Universal Design", 2008 (the eight colours);
          WCAG 2.2, 1.4.3 and 1.4.11 (contrast 4.5 for letters, 3 for lines and shapes).
"""

import re
import zlib
from dataclasses import dataclass

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "purple": "#CC79A7",
}

BROKEN = "vermillion"  # a promise was broken, something was lost, a node died
KEPT = "green"

PAPER = ("#FFFFFF", "#15181C")
LETTERS = 4.5  # the least contrast of letters against what is behind them
LINES = 3.0  # the least contrast of a line or a shape that carries meaning


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mix(colour: str, other: str, share: float) -> str:
    """`colour` with `share` (0 to 1) of `other` in it."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white), of a colour "#RRGGBB" (WCAG 2.2)."""
    parts = [value / 255 for value in _channels(colour)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """How well `one` can be told from `other`: 1 (not at all) to 21 (black on white)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _until(colour: str, paper: str, wanted: float) -> str:
    """`colour`, moved away from `paper` as little as gives the contrast that is wanted."""
    ink = "#000000" if luminance(paper) > 0.5 else "#FFFFFF"
    for step in range(101):
        candidate = _mix(colour, ink, step / 100)
        if contrast(candidate, paper) >= wanted:
            return candidate
    return ink


def _paints() -> dict[str, tuple[str, str]]:
    paints = {
        "paper": PAPER,
        "ink": ("#1B1F24", "#E9ECEF"),
        "soft": ("#59626C", "#A6AFB9"),  # letters of the second rank
        "rule": ("#C9CFD6", "#454D57"),  # frames and guides: nothing depends on seeing them
        "band": ("#F2F4F6", "#20252B"),
        "mark": ("#FFF8D6", "#2B2917"),  # behind what is spoken of
    }
    for name, colour in OKABE_ITO.items():
        base = "#E9ECEF" if name == "black" else colour
        pair = (colour, base)
        letters = tuple(_until(c, p, LETTERS + 0.3) for c, p in zip(pair, PAPER, strict=True))
        lines = (_until(pair[0], PAPER[0], LINES + 0.2), _until(pair[1], PAPER[1], LINES + 1))
        tints = tuple(_mix(c, p, 0.8) for c, p in zip(pair, PAPER, strict=True))
        on = tuple("#111111" if contrast("#111111", c) > contrast("#FFFFFF", c) else "#FFFFFF" for c in pair)
        paints[name] = (lines[0], lines[1])
        paints[f"{name}-text"] = (letters[0], letters[1])
        paints[f"{name}-tint"] = (tints[0], tints[1])
        paints[f"{name}-fill"] = pair
        paints[f"{name}-on"] = (on[0], on[1])
    return paints


# What a drawing paints with: name -> (on light paper, on dark paper). For each colour of Okabe
# and Ito: "blue" for lines, "blue-fill" for areas, "blue-on" for letters on that area,
# "blue-tint" for a pale area (ink is legible on it), "blue-text" for letters on paper.
PAINTS: dict[str, tuple[str, str]] = _paints()


@dataclass(frozen=True, slots=True)
class Look:
    """What a service is drawn with.

    colour: a name of OKABE_ITO. dash: an SVG dash pattern, "" for a whole line.
    shape:  square (a service), circle (a worker), hexagon (a broker), diamond (somebody
            else's system), triangle (a client).
    """

    colour: str
    dash: str
    shape: str


KNOWN = {
    "orders": Look("blue", "", "square"),
    "payments": Look("orange", "", "square"),
    "inventory": Look("sky", "", "square"),
    "shipping": Look("green", "", "square"),
    "notifications": Look("yellow", "", "square"),
    "fraud": Look("purple", "7 3", "square"),
    "gateway": Look("black", "8 3", "square"),
    "broker": Look("purple", "", "hexagon"),
    "card": Look("yellow", "2 3", "diamond"),
    "world": Look("black", "2 4", "square"),
}
CLIENTS = ("ada", "ben", "chen", "dora", "operator", "client", "clients", "shop")
_WORKERS = ("sky", "orange", "green", "blue", "black")
_DASHES = ("", "7 3", "2 3", "9 3 2 3")
_OTHERS = ("sky", "orange", "blue", "purple", "green", "black")


def look(name: str) -> Look:
    """The look of the service `name`, the same in every lesson and on every machine."""
    if name in KNOWN:
        return KNOWN[name]
    if name in CLIENTS or re.fullmatch(r"(client|customer|user)-?\d+", name):
        return Look("black", "", "triangle")
    numbered = re.fullmatch(r"(?:worker|consumer)-?(\d+)?", name)
    if numbered:
        index = int(numbered[1] or 1) - 1
        return Look(_WORKERS[index % 5], _DASHES[index // 5 % 4], "circle")
    copy = re.fullmatch(r"(.+)-(\d+)", name)
    if copy and copy[1] in KNOWN:  # payments-2 is a second copy of payments
        known = KNOWN[copy[1]]
        return Look(known.colour, _DASHES[int(copy[2]) % 4], known.shape)
    number = zlib.crc32(name.encode())
    return Look(_OTHERS[number % 6], _DASHES[number // 6 % 4], "square")
