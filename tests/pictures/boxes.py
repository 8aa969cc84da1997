"""Where the letters of a drawing are, read back from the SVG itself."""

import xml.etree.ElementTree as ElementTree
from itertools import combinations

from classroom.pictures.svg import Box, text_box

SVG = "{http://www.w3.org/2000/svg}"


def letters(drawing: str) -> list[tuple[str, Box]]:
    """Each line of letters and the box in which it stands."""
    found = []
    for each in ElementTree.fromstring(drawing).iter(f"{SVG}text"):
        words = each.text or ""
        how = {"bold": each.get("font-weight") == "600", "mono": "mono" in (each.get("font-family") or "")}
        size, anchor = float(each.get("font-size", 13)), each.get("text-anchor", "start")
        found.append(
            (words, text_box(float(each.get("x", 0)), float(each.get("y", 0)), words, size, anchor, **how))
        )
    return found


def collisions(drawing: str) -> list[tuple[str, str]]:
    """Pairs of lines of letters that stand on each other."""
    pairs = combinations(letters(drawing), 2)
    return [(one, other) for (one, here), (other, there) in pairs if here.overlaps(there, by=1.5)]


def outside(drawing: str) -> list[str]:
    """Lines of letters that leave the paper."""
    root = ElementTree.fromstring(drawing)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    return [
        words
        for words, box in letters(drawing)
        if box.x < 0 or box.y < 0 or box.x + box.width > width + 0.5 or box.y + box.height > height
    ]
