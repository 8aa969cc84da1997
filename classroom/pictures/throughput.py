"""Read throughput against write throughput: what a system can do of the one while it does the other.

Idea      Each way to run the system is a point, so many writes and so many reads a second; ways that differ
          by one figure (how many readers, how many copies) are joined by a line. A line that goes down
          to the left says that reads are paid for with writes; one that goes straight up, that they are not.
Not here  How the figures come about: the caller measures them.
Source    The production-possibility frontier of economics.
"""

from collections.abc import Mapping, Sequence

from classroom.pictures.axes import Axes
from classroom.pictures.picture import Picture
from classroom.pictures.svg import Box, document, measure, shape, text, wrap

Measured = tuple[float, float, str]  # writes a second, reads a second, how
WIDTH, LEFT, HEIGHT, FOOT = 760.0, 60.0, 270.0, 50.0
LOOKS = (("blue", "", "circle"), ("green", "7 3", "square"), ("purple", "2 3", "diamond"))


def throughput(ways: Mapping[str, Sequence[Measured]], *, title: str) -> Picture:
    """Draw each way's points (writes a second, reads a second, a short name), joined in their order.

    Raises ValueError if there is no point.
    """
    points = [point for way in ways.values() for point in way]
    if not points:
        raise ValueError("throughput: needs one way with a point or more: {name: [(writes, reads, how)]}")
    heading = wrap(title, WIDTH - 40, 15, bold=True)
    head = 46.0 + 20 * len(heading)
    names = [(how, False) for _, _, how in points] + [(name, True) for name in ways]
    room = max(measure(words, 12, bold=bold) for words, bold in names) + 20
    widest = max(writes for writes, _, _ in points) * 1.04
    axes = Axes(
        Box(LEFT, head, WIDTH - LEFT - room, HEIGHT), (0, widest), max(reads for _, reads, _ in points) * 1.22
    )
    body = [text(20, 28 + 20 * index, words, size=15, bold=True) for index, words in enumerate(heading)]
    body.append(axes.frame(ticks_x=6))
    for index, (name, way) in enumerate(ways.items()):
        colour, dash, sign = LOOKS[index % len(LOOKS)]
        body.append(axes.curve([(writes, reads) for writes, reads, _ in way], colour, dash=dash))
        for writes, reads, how in way:
            x, y = axes.at(writes, reads)
            body.append(shape(sign, x, y, 5, fill=colour))
            body.append(text(x + 8, y - 9, how, size=12, fill=f"{colour}-text", halo=True))
        x, y = axes.at(*way[-1][:2])
        body.append(text(x + 8, y - 25, name, size=12, bold=True, fill=f"{colour}-text", halo=True))
    body.append(text(LEFT - 8, head - 10, "reads a second", size=12, fill="soft"))
    right = axes.box.x + axes.box.width
    body.append(text(right, head + HEIGHT + 38, "writes a second", size=12, anchor="end", fill="soft"))
    width = max(len(f"{name}, {how}") for name, way in ways.items() for _, _, how in way)
    rows = [f"{'':{width}}  writes/s  reads/s"]
    for name, way in ways.items():
        rows += [f"{f'{name}, {how}':<{width}}  {writes:8.1f}  {reads:7.1f}" for writes, reads, how in way]
    told = "; ".join(
        f"{name}, {how}: {writes:.0f} writes and {reads:.0f} reads a second"
        for name, way in ways.items()
        for writes, reads, how in way
    )
    alt = f"{title}. {told}."
    drawn = document(WIDTH, head + HEIGHT + FOOT, "".join(body), title=title, desc=alt)
    return Picture(title, drawn, alt, "\n".join(rows))
