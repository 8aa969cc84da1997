"""The traces that exercise 14 asks `culprit` about: each with one span that worked longest itself.

Not here  How a self time is reckoned (classroom.pictures.spans); what is said of a wrong one (explain.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random

from classroom.exercises.memory import Memory
from classroom.pictures.spans import children, self_time
from classroom.world.simulated import Scenario
from classroom.world.world import World
from services.tracing import FinishedSpan

SERVICES = ("orders", "payments", "inventory", "shipping", "notifications")
RANDOM = 12  # traces that chance makes, beside those that are made by hand
CLEAR = 0.1  # seconds by which the culprit's self time exceeds all others


def cases(memory: Memory) -> Scenario:
    """Ask `culprit` about each trace; what it says is written down, beside what is right."""

    async def reading(world: World) -> None:
        culprit = memory.fresh()["culprit"]
        for name, spans in traces(world.node("reader").rng("traces")):
            right = truth(spans)
            asked = {
                "case": name,
                "spans": [{**span.to_json(), "service": span.service} for span in spans],
                "right": right,
            }
            try:
                said = culprit(list(spans))
            except NotImplementedError as error:
                world.record("unfinished", answer="culprit", text=str(error))
                return
            except Exception as error:
                world.record("asked", **asked, said=None, error=f"{type(error).__name__}: {error}")
                continue
            world.record("asked", **asked, said=said, error="")

    return reading


def truth(spans: list[FinishedSpan]) -> tuple[str, float]:
    """The service whose span has the largest self time, and that time."""
    below = children(spans)
    most = max(spans, key=lambda span: self_time(span, below.get(span.span_id, ())))
    return most.service, self_time(most, below.get(most.span_id, ()))


def traces(rng: Random) -> Iterator[tuple[str, list[FinishedSpan]]]:
    """Each shape of trace once, with times that chance makes, and then some that are all chance."""
    yield from _by_hand(rng)
    for number in range(1, RANDOM + 1):
        yield f"trace {number} by chance", _by_chance(rng)


class _Maker:
    """Makes the spans of one trace; ids are drawn, so that none can be told from its place."""

    def __init__(self, rng: Random) -> None:
        self.trace_id, self.rng = f"{rng.getrandbits(128):032x}", rng

    def span(
        self,
        service: str,
        name: str,
        start: float,
        end: float,
        parent: FinishedSpan | None = None,
        kind: str = "server",
    ) -> FinishedSpan:
        span_id, above = f"{self.rng.getrandbits(64):016x}", parent.span_id if parent else None
        start, end = round(start, 3), round(end, 3)
        return FinishedSpan(self.trace_id, span_id, above, service, name, kind, start, end)


def _by_hand(rng: Random) -> Iterator[tuple[str, list[FinishedSpan]]]:
    make, t = _Maker(rng), rng.uniform(3.5, 4.5)
    root = make.span("orders", "POST /orders", 0, t + 0.3)
    slow = make.span("payments", "POST /charges", 0.1, t + 0.1, root)
    yield "one that waits for another", [root, slow]

    make = _Maker(rng)
    root = make.span("orders", "POST /orders", 0, t)
    both = [make.span(name, f"POST /{name}", 0.1, t / 2 + 0.1, root) for name in ("inventory", "payments")]
    halves = [make.span("shipping", "POST /labels", 0.2, t / 4, each) for each in both]
    yield "two children at the same time", [root, *both, *halves]

    make = _Maker(rng)
    root = make.span("orders", "POST /orders", 0, t)
    outer = make.span("payments", "POST /charges", 0.2, 0.4 * t, root)
    inner = make.span("inventory", "POST /reservations", 0.3, 0.2 * t, root)
    last = make.span("shipping", "POST /parcels", 0.85 * t, 0.9 * t, root)
    yield "a child that begins and ends within another one", [root, outer, inner, last]

    make = _Maker(rng)
    root = make.span("orders", "POST /orders", 0, t)
    sent = make.span("orders", "send parcels", 0.1, 0.15, root, "producer")
    late = make.span("shipping", "process parcels", t + 1, 1.5 * t + 1, sent, "consumer")
    yield "a child that begins after its parent has ended", [root, sent, late]

    make = _Maker(rng)
    root = make.span("orders", "POST /orders", 0, t)
    sent = make.span("orders", "send parcels", 0.1, 0.15, root, "producer")
    soon = make.span("shipping", "process parcels", 0.3, 0.8 * t, sent, "consumer")
    yield "a message that is worked on while its sender goes on", [root, sent, soon]

    make = _Maker(rng)
    root = make.span("orders", "POST /orders", 0, t)
    hangs = make.span("payments", "POST /charges", t - 0.6, t + 1.9, root)
    yield "a child that outlives its parent", [root, hangs]

    make = _Maker(rng)
    root = make.span("gateway", "POST /orders", 0, t + 2)
    level = make.span("orders", "POST /orders", 0.2, t + 1.9, root)
    deep = make.span("payments", "POST /charges", 0.3, 0.9 * t, level)
    check = make.span("card", "POST /authorise", 0.4, 0.9 * t - 0.1, deep)
    yield "a child of a child of a child", [check, level, root, deep]

    make = _Maker(rng)
    lost = make.span("shipping", "process parcels", 0, t, make.span("orders", "send parcels", 0, 0.1))
    root = make.span("orders", "POST /orders", 0, 0.7 * t)
    yield "a span whose parent was never exported", [lost, root]

    make = _Maker(rng)
    yield "one span alone", [make.span("notifications", "POST /mails", 1.0, 1.0 + t)]

    make = _Maker(rng)
    root = make.span("orders", "GET /orders", 0, t)
    many = [
        make.span("inventory", "GET /stock", 0.08 * n * t, 0.08 * n * t + 0.1, root) for n in range(1, 12)
    ]
    yield "many short calls, one after the other", [root, *many]


def _by_chance(rng: Random) -> list[FinishedSpan]:
    """A tree of some eight spans, whose children overlap and now and then outlive their parents."""
    while True:
        make, spans = _Maker(rng), list[FinishedSpan]()
        spans.append(make.span("gateway", "GET /", 0, rng.uniform(3, 6)))
        for number in count(1):
            above = rng.choice(spans)
            start = rng.uniform(above.start, above.end)
            end = start + rng.uniform(0.2, 1.2) * above.duration
            spans.append(make.span(rng.choice(SERVICES), f"GET /{number}", start, end, above))
            if number == 7:
                break
        below = children(spans)
        own = sorted(self_time(span, below.get(span.span_id, ())) for span in spans)
        if own[-1] - own[-2] >= CLEAR:
            rng.shuffle(spans)
            return spans
