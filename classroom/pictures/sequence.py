"""Who said what to whom: a sequence diagram of a run.

Idea      One lane a node, time downwards. Each lane keeps its own order; steps of different lanes
          share a line where that contradicts nobody (Lamport's happened-before). So the paper is
          not to scale, the times are written, and a wait of a second or more is a gap that says
          how long it was.
Not here  What the steps are and how they are folded (steps.py).
Source    ITU-T Z.120 (message sequence charts); L. Lamport, "Time, Clocks, and the Ordering of
          Events in a Distributed System", 1978.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from classroom.pictures import svg
from classroom.pictures.facts import clock, listed, plural, seconds, subjects
from classroom.pictures.headline import headline
from classroom.pictures.palette import look
from classroom.pictures.picture import Picture, history_of
from classroom.pictures.steps import Step, arrows, tell
from classroom.world.history import GAVE_UP, Event

LEFT = 88  # pixels for the times
SLOT = 36  # height of a line with an arrow
TALK = 12  # size of the letters on arrows and notes
NEAR = 0.25  # seconds: what is further apart never shares a line
GAP = 1.0  # seconds: a longer wait is shown as a gap
NOTE = 262  # the widest note


@dataclass(slots=True)
class _Arrow:
    step: Step
    source: str
    target: str
    start: int  # the line where it leaves
    end: int | None = None  # the line where it arrives; None: it never does
    back: bool = False  # drawn below the request in the same line
    lost: Step | None = None


@dataclass(slots=True)
class _Line:
    """One line of the paper: at most one call, or one note."""

    at: float
    steps: list[Step] = field(default_factory=list)
    top: float = 0.0
    height: float = 0.0
    gap: float = 0.0  # seconds of a wait before it


@dataclass(slots=True)
class _Plan:
    lines: list[_Line] = field(default_factory=list)
    arrows: list[_Arrow] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)  # the last line that a lane is busy in
    working: list[tuple[str, int, int | None]] = field(default_factory=list)  # lane, from line, to line

    def new_line(self, step: Step, *lanes: str) -> int:
        self.lines.append(_Line(step.at, [step]))
        for lane in lanes:
            self.last[lane] = len(self.lines) - 1
        return len(self.lines) - 1

    def fits(self, lane: str, line: int, at: float) -> bool:
        """Whether something at `at` on `lane` may stand in `line` without changing the lane's order."""
        return self.last.get(lane, -1) < line and at - self.lines[line].at < NEAR


def sequence(
    run: Any,
    *,
    nodes: Iterable[str] | None = None,
    between: tuple[float, float] | None = None,
    title: str | None = None,
    highlight: object = (),
    limit: int = 60,
) -> Picture:
    """Draw who said what to whom.

    nodes:     only these lanes, in this order. between: only from..to, in seconds.
    title:     the finding; by default computed from the run.
    highlight: orders, message ids or events whose lines are marked.
    limit:     about how many arrows are drawn before the rest is folded.
    """
    history = history_of(run)
    names, numbers = subjects(highlight)
    told = tell(history, nodes=nodes, between=between, highlight=names, limit=limit)
    lanes = list(nodes) if nodes is not None else _lanes(told.steps, history)
    title = title or headline(history)
    plan = _plan([step for step in told.steps if _visible(step, lanes)])
    marked = {
        i
        for i, each in enumerate(plan.lines)
        if any(step.about & names or step.event.number in numbers for step in each.steps)
    }
    text = _as_text(told.steps, told.left_out)
    if not lanes or not plan.lines:
        drawn = _nothing(title)
    else:
        drawn = _Drawing(plan, lanes, title, told.left_out, marked).document()
    return Picture(title, drawn, _alt(title, lanes, told.steps, told.left_out), text)


def _visible(step: Step, lanes: Sequence[str]) -> bool:
    return step.kind == "band" or (step.node in lanes and (not step.to or step.to in lanes))


def _nothing(title: str) -> str:
    body = svg.text(20, 30, title, size=15, bold=True) + svg.text(
        20, 56, "Nobody said anything.", fill="soft"
    )
    return svg.document(
        max(420, svg.measure(title, 15, bold=True) + 40), 76, body, title=title, desc="nothing happened"
    )


# -- lanes --------------------------------------------------------------------------------


def _lanes(steps: Iterable[Step], history: Iterable[Event]) -> list[str]:
    """The nodes, so that arrows are short and requests go to the right; else in order of appearance.

    All calls of the run count, not only those that are drawn, so that the lanes of one system
    do not change their places from run to run.
    """
    shown = [step for step in steps if step.kind not in ("band", "start")]
    found = list(dict.fromkeys(node for step in shown for node in (step.node, step.to) if node))
    pairs = list(
        dict.fromkeys((event.node, str(event.get("to"))) for event in history if event.kind == "request")
    )
    pairs = [(caller, callee) for caller, callee in pairs if caller in found and callee in found]
    if not 2 < len(found) <= 7:
        return found

    def cost(order: tuple[str, ...]) -> tuple[float, list[int]]:
        place = {name: index for index, name in enumerate(order)}
        total = 0.0
        for caller, callee in pairs:
            distance = place[callee] - place[caller]
            against = 3.0 if look(caller).shape == "triangle" else 0.4
            total += abs(distance) + (against if distance < 0 else 0)
        return total, [found.index(name) for name in order]

    orders: list[tuple[str, ...]] = list(permutations(found))
    return list(sorted(orders, key=cost)[0])


# -- lines --------------------------------------------------------------------------------


def _plan(steps: Iterable[Step]) -> _Plan:
    plan = _Plan()
    on_its_way: dict[int, _Arrow] = {}
    answers: dict[int, _Arrow] = {}
    busy: dict[str, int] = {}  # lane -> index in plan.working
    for step in steps:
        number = step.call.number if step.call is not None else -1
        if step.kind == "request":
            arrow = _Arrow(step, step.node, step.to, plan.new_line(step, step.node))
            plan.arrows.append(arrow)
            on_its_way[number] = arrow
        elif step.kind == "arrive":
            _arrive(plan, on_its_way, step, number)
        elif step.kind == "reply":
            arrow = _reply(plan, on_its_way.get(number), step)
            answers.setdefault(number, arrow)  # of two copies of a request, the first reply is the answer
        elif step.kind == "answer" and number in answers:
            _answer(plan, answers[number], step)
        elif step.kind in ("lost", "refused"):
            arrow = (answers if step.event.get("part") == "reply" else on_its_way).get(number, None)  # type: ignore[assignment]
            if arrow is not None and arrow.end is None and arrow.lost is None:
                arrow.lost = step
                plan.lines[arrow.start].steps.append(step)
        elif step.kind == "handling":
            line = plan.last.get(step.node, max(len(plan.lines) - 1, 0))
            busy[step.node] = len(plan.working)
            plan.working.append((step.node, line, None))
        elif step.kind == "handled":
            if step.node in busy:
                lane, line, _ = plan.working[busy[step.node]]
                plan.working[busy.pop(step.node)] = (lane, line, plan.last.get(step.node, line))
        elif step.kind != "answer":
            line = plan.new_line(step, step.node)
            if step.kind in ("crash", "exit") and step.node in busy:
                lane, first, _ = plan.working[busy[step.node]]
                plan.working[busy.pop(step.node)] = (lane, first, line)
    for before, after in zip(plan.lines, plan.lines[1:], strict=False):
        if after.at - before.at >= GAP:
            after.gap = after.at - before.at
    return plan


def _arrive(plan: _Plan, on_its_way: dict[int, _Arrow], step: Step, number: int) -> None:
    arrow = on_its_way.get(number)
    if arrow is None:
        return
    if arrow.end is not None:  # a second copy of the same request
        line = plan.new_line(step, step.to)
        plan.arrows.append(_Arrow(step, arrow.source, arrow.target, arrow.start, line))
    elif plan.fits(step.to, arrow.start, step.at):
        arrow.end = arrow.start
        plan.last[step.to] = arrow.start
        plan.lines[arrow.start].steps.append(step)
    else:
        arrow.end = plan.new_line(step, step.to)


def _reply(plan: _Plan, request: _Arrow | None, step: Step) -> _Arrow:
    line = request.start if request is not None else -1
    undisturbed = (
        request is not None
        and request.end == line
        and plan.last.get(step.node) == line
        and step.at - plan.lines[line].at < NEAR
        and not any(each.kind == "reply" for each in plan.lines[line].steps)
    )
    if undisturbed and plan.last.get(step.to) == line:
        plan.lines[line].steps.append(step)
        arrow = _Arrow(step, step.node, step.to, line, back=True)
    else:
        arrow = _Arrow(step, step.node, step.to, plan.new_line(step, step.node))
    plan.arrows.append(arrow)
    return arrow


def _answer(plan: _Plan, arrow: _Arrow, step: Step) -> None:
    if arrow.end is not None:
        return
    if arrow.back and plan.last.get(step.to) == arrow.start:
        arrow.end = arrow.start
    elif not arrow.back and plan.fits(step.to, arrow.start, step.at):
        arrow.end = arrow.start
        plan.last[step.to] = arrow.start
    else:
        arrow.end = plan.new_line(step, step.to)


def _is_over(step: Step) -> bool:
    """Whether the caller has its answer, or gave up: the reply arrives all the same."""
    return step.call is not None and step.call.end is not None and step.call.end.kind in ("answer", *GAVE_UP)


# -- the drawing --------------------------------------------------------------------------


class _Drawing:
    def __init__(
        self, plan: _Plan, lanes: list[str], title: str, left_out: list[str], marked: set[int]
    ) -> None:
        self.plan, self.lanes, self.marked = plan, lanes, marked
        self.title, self.left_out = title, left_out
        self.index = {name: i for i, name in enumerate(lanes)}
        self.x = self._columns()
        right = max((self._reach(step) for line in plan.lines for step in line.steps), default=0.0)
        self.width = max(self.x[lanes[-1]] + self._head_width(lanes[-1]) / 2 + 14, right + 14, 420.0)
        self.headings = svg.wrap(title, self.width - 40, 15, bold=True, lines=3)
        self.top = 20.0 + 20 * len(self.headings)
        self.height = self._rows()

    # -- where things are

    def _head_width(self, name: str) -> float:
        return svg.measure(svg.clip(name, 150, 13, bold=True), 13, bold=True) + 36

    def _columns(self) -> dict[str, float]:
        gaps = [100.0] * (len(self.lanes) - 1)
        for i in range(len(gaps)):
            heads = self._head_width(self.lanes[i]) / 2 + self._head_width(self.lanes[i + 1]) / 2 + 14
            gaps[i] = max(gaps[i], heads)
        wants: list[tuple[int, int, float]] = []
        for arrow in self.plan.arrows:
            a, b = sorted((self.index[arrow.source], self.index[arrow.target]))
            if a != b:
                bold = arrow.step.tone == "broken"
                wants.append((a, b, min(svg.measure(arrow.step.words, TALK, bold=bold), 300) + 34))
                if arrow.lost is not None:
                    wants.append((a, b, min(svg.measure(arrow.lost.words, TALK, bold=True), 300) + 34))
        for a, b, wanted in sorted(wants, key=lambda want: want[1] - want[0]):
            missing = wanted - sum(gaps[a:b])
            for i in range(a, b):
                gaps[i] += max(0.0, missing / (b - a))
        columns, x = {}, LEFT + max(28.0, self._head_width(self.lanes[0]) / 2)
        for name, gap in zip(self.lanes, [*gaps, 0.0], strict=True):
            columns[name] = x
            x += gap
        return columns

    def _note_lines(self, step: Step) -> list[str]:
        return svg.wrap(step.words, NOTE, TALK, bold=step.tone == "broken", lines=3) or [""]

    def _reach(self, step: Step) -> float:
        """How far to the right a note of this step comes."""
        if step.kind == "band" or step.kind in ("request", "arrive", "reply", "answer", "lost", "refused"):
            return 0.0
        widest = max(svg.measure(words, TALK, bold=step.tone == "broken") for words in self._note_lines(step))
        return self.x[step.node] + 36 + widest

    def _rows(self) -> float:
        y = self.top + 46
        for line in self.plan.lines:
            if line.gap:
                y += 28
            line.top = y
            line.height = self._row_height(line)
            y += line.height
        foot = len(self._foot()) * 16
        return y + 14 + (foot + 6 if foot else 0)

    def _row_height(self, line: _Line) -> float:
        first, kinds = line.steps[0], {step.kind for step in line.steps}
        if first.kind in ("answer", "arrive") and not first.words:
            return 14.0
        if first.kind in ("request", "reply", "arrive"):
            back = next((step for step in line.steps[1:] if step.kind == "reply"), None)
            height = SLOT if first.words else 16.0
            height += 20 if back is not None and back.words else 8 if back is not None else 0
            return height + (14 if first.words else 20) * bool(kinds & {"lost", "refused"})
        height = 12.0 + 15 * max(len(self._note_lines(step)) for step in line.steps)
        return height + (4 if kinds & {"crash", "exit"} else 0)

    def _foot(self) -> list[str]:
        if not self.left_out:
            return []
        return svg.wrap("Left out: " + "; ".join(self.left_out) + ".", self.width - 40, 11.5)

    def _y(self, index: int) -> float:
        """Where the arrow of a line runs."""
        line = self.plan.lines[index]
        if line.steps[0].kind in ("request", "reply", "arrive") and line.steps[0].words:
            return line.top + 22
        return line.top + min(16.0, line.height / 2)

    # -- drawing

    def document(self) -> str:
        parts = [
            svg.text(20, 26 + 20 * i, words, size=15, bold=True) for i, words in enumerate(self.headings)
        ]
        parts += [self._mark(i) for i in sorted(self.marked)]
        parts += [self._lifelines(), self._gaps(), self._working(), self._times()]
        parts += [
            self._band(step, line) for line in self.plan.lines for step in line.steps if step.kind == "band"
        ]
        parts += [self._strokes(arrow) for arrow in self.plan.arrows]
        parts += [self._words(arrow) for arrow in self.plan.arrows]
        parts += [self._note(step, line) for line in self.plan.lines for step in line.steps]
        parts += [self._head(name) for name in self.lanes]
        foot = self._foot()
        parts += [
            svg.text(20, self.height - 12 - 16 * (len(foot) - 1 - i), words, size=11.5, fill="soft")
            for i, words in enumerate(foot)
        ]
        desc = _alt(
            self.title, self.lanes, [s for line in self.plan.lines for s in line.steps], self.left_out
        )
        return svg.document(self.width, self.height, "".join(parts), title=self.title, desc=desc)

    def _mark(self, index: int) -> str:
        line = self.plan.lines[index]
        return svg.rect(6, line.top - 1, self.width - 12, line.height, fill="mark")

    def _head(self, name: str) -> str:
        style, x, y = look(name), self.x[name], self.top + 14
        width = self._head_width(name)
        sign = svg.shape(style.shape, x - width / 2 + 14, y, 6, fill=f"{style.colour}-fill",
                         stroke=style.colour, stroke_width=1)  # fmt: skip
        frame = svg.rect(x - width / 2, y - 15, width, 30, fill="paper", stroke=style.colour, rx=6,
                         stroke_width=1.6, stroke_dasharray=style.dash)  # fmt: skip
        label = svg.text(x - width / 2 + 25, y + 4.5, svg.clip(name, 150, 13, bold=True), bold=True)
        return frame + sign + label

    def _bottom(self) -> float:
        last = self.plan.lines[-1]
        return last.top + last.height + 4

    def _alive(self, name: str) -> list[tuple[float, float]]:
        """The stretches of the lane in which its process lives."""
        stretches: list[tuple[float, float]] = []
        start: float | None = self.top + 29
        for index, line in enumerate(self.plan.lines):
            for step in line.steps:
                if step.node != name:
                    continue
                if step.kind in ("crash", "exit") and start is not None:
                    stretches.append((start, self._y(index)))
                    start = None
                elif step.kind == "start":
                    start = self._y(index)
        if start is not None:
            stretches.append((start, self._bottom()))
        return stretches

    def _lifelines(self) -> str:
        parts = []
        for name in self.lanes:
            style, x = look(name), self.x[name]
            for start, end in self._alive(name):
                parts.append(svg.line(x, start, x, end, style.colour, 1.8, stroke_dasharray=style.dash))
            parts.append(self._pauses(name))
        return "".join(parts)

    def _pauses(self, name: str) -> str:
        parts, start, x = [], None, self.x[name]
        ends = [
            *((i, s) for i, line in enumerate(self.plan.lines) for s in line.steps if s.node == name),
            (-1, None),
        ]
        for index, step in ends:
            if step is not None and step.kind == "pause":
                start = self._y(index)
            elif start is not None and (step is None or step.kind in ("resume", "crash", "exit")):
                end = self._y(index) if step is not None else self._bottom()
                parts.append(svg.rect(x - 6, start, 12, end - start, fill="paper", stroke="soft"))
                parts.append(svg.hatch(x - 6, start, 12, end - start, gap=7))
                start = None
        return "".join(parts)

    def _working(self) -> str:
        parts = []
        for name, first, last in self.plan.working:
            if name not in self.x:
                continue
            start = self._y(first) + 9
            end = self._y(last) + 4 if last is not None else self._bottom()
            if end > start:
                style = look(name)
                parts.append(svg.rect(self.x[name] - 4.5, start, 9, end - start, fill=f"{style.colour}-tint",
                                      stroke=style.colour, stroke_width=1.2, rx=1))  # fmt: skip
        # a pause is drawn over the work that it interrupts
        return "".join(parts) + "".join(self._pauses(name) for name in self.lanes)

    def _gaps(self) -> str:
        parts = []
        for line in self.plan.lines:
            if line.gap:
                y = line.top - 26
                parts.append(svg.rect(8, y, self.width - 16, 20, fill="band", rx=4))
                parts += [
                    svg.line(self.x[name], y + 3, self.x[name], y + 19, "soft", 1.6, stroke_dasharray="1 4")
                    for name in self.lanes
                ]
                parts.append(svg.text(16, y + 14.5, f"… {seconds(line.gap)} later", size=11.5, fill="ink"))
        return "".join(parts)

    def _times(self) -> str:
        parts, last = [], ""
        for index, line in enumerate(self.plan.lines):
            shown = clock(line.at)
            if shown != last:
                parts.append(
                    svg.text(LEFT - 16, self._y(index) + 4, shown, size=11, anchor="end", fill="soft")
                )
            last = shown
        return "".join(parts)

    def _band(self, step: Step, line: _Line) -> str:
        tone = "vermillion" if step.tone == "broken" else "soft"
        y = line.top + line.height / 2
        words = svg.clip(step.words, self.width - LEFT - 40, TALK)
        middle = (LEFT + self.width) / 2
        half = svg.measure(words, TALK) / 2 + 8
        return (
            svg.line(LEFT, y, self.width - 10, y, tone, 1.2, stroke_dasharray="6 3")
            + svg.rect(middle - half, y - 10, 2 * half, 20, fill="paper")
            + svg.text(middle, y + 4, words, size=TALK, anchor="middle",
                       fill="vermillion-text" if tone == "vermillion" else "soft")
        )  # fmt: skip

    def _ends(self, arrow: _Arrow) -> tuple[float, float, float, float]:
        """Where an arrow begins and ends: x1, y1, x2, y2."""
        a, b = self.x[arrow.source], self.x[arrow.target]
        way = 1 if b > a else -1
        y1 = self._y(arrow.start)
        if arrow.back:
            y1 += 22 if arrow.step.words else 10
        y2 = self._y(arrow.end) if arrow.end is not None and arrow.end != arrow.start else y1 + 4
        x1, x2 = a + way * 6, b - way * 6
        nobody_waits = arrow.step.kind == "reply" and arrow.lost is None and _is_over(arrow.step)
        if arrow.end is None and not nobody_waits:
            x2 = a + (b - a) * (0.62 if arrow.lost is None or arrow.lost.kind != "refused" else 0.94)
        return x1, y1, x2, y2

    def _strokes(self, arrow: _Arrow) -> str:
        if arrow.source == arrow.target:
            return ""
        x1, y1, x2, y2 = self._ends(arrow)
        is_reply = arrow.step.kind == "reply"
        colour = look(arrow.source).colour
        drawn = svg.line(
            x1, y1, x2, y2, colour, 1.4 if is_reply else 1.8, stroke_dasharray="5 4" if is_reply else None
        )
        if arrow.end is not None:
            return drawn + svg.arrow_head(x2, y2, x2 - x1, y2 - y1, fill=colour, open_=is_reply)
        if arrow.lost is not None:
            return drawn + svg.cross(x2, y2)
        return drawn + svg.arrow_head(x2, y2, x2 - x1, y2 - y1, fill=colour, open_=True)

    def _words(self, arrow: _Arrow) -> str:
        _, y1, _, y2 = self._ends(arrow)
        fill = {"broken": "vermillion-text", "kept": "green-text"}.get(arrow.step.tone, "ink")
        room = abs(self.x[arrow.target] - self.x[arrow.source]) - 26
        bold = arrow.step.tone == "broken"
        words = svg.clip(arrow.step.words, room, TALK, bold=bold)
        way = 1 if self.x[arrow.target] > self.x[arrow.source] else -1
        anchor = "start" if way > 0 else "end"
        x = self.x[arrow.source] + way * 14
        parts = []
        if arrow.step.kind == "arrive":  # a second copy: its words at its end
            y, anchor = y2 - 6, "end" if way > 0 else "start"
            x = self.x[arrow.target] - way * 14
        else:
            y = y1 - 5
        if words:
            parts.append(svg.text(x, y, words, size=TALK, anchor=anchor, fill=fill, halo=True,
                                  bold=arrow.step.tone == "broken"))  # fmt: skip
        if arrow.lost is not None:
            words = svg.clip(arrow.lost.words, room, TALK, bold=True)
            x = self.x[arrow.source] + way * 14
            parts.append(svg.text(x, y2 + 17, words, size=TALK, anchor=anchor, fill="vermillion-text",
                                  bold=True, halo=True))  # fmt: skip
        return "".join(parts)

    def _note(self, step: Step, line: _Line) -> str:
        if step.kind in (
            "band",
            "request",
            "arrive",
            "reply",
            "answer",
            "lost",
            "refused",
            "handling",
            "handled",
        ):
            return ""
        x, y = self.x[step.node], self._y(self.plan.lines.index(line))
        words = self._note_lines(step)
        broken = step.tone == "broken"
        fill = {"broken": "vermillion-text", "kept": "green-text", "quiet": "soft"}.get(step.tone, "ink")
        left = x + 14
        parts = []
        if step.kind in ("crash", "exit"):
            zigzag = svg.d(
                "M", x - 9, y - 3, "L", x - 4.5, y + 4, "L", x, y - 3, "L", x + 4.5, y + 4, "L", x + 9, y - 3
            )
            parts.append(svg.path(zigzag, stroke="vermillion" if broken else "soft", stroke_width=2.4))
        elif step.kind == "start":
            parts.append(
                svg.shape("circle", x, y, 4.5, fill="paper", stroke=look(step.node).colour, stroke_width=2)
            )
        elif step.kind == "mark":
            parts.append(svg.cross(x, y, 5))
        elif step.kind in ("pause", "resume"):
            parts.append(svg.line(x - 9, y, x + 9, y, "soft", 2))
        elif step.kind == "commit":
            parts.append(svg.drum(x - 7, y - 8, 14, 16, fill="paper", stroke=look(step.node).colour))
        if step.kind == "note":
            width = max(svg.measure(w, TALK, bold=broken) for w in words) + 14
            style = look(step.node)
            frame = "vermillion" if broken else "green" if step.tone == "kept" else style.colour
            parts.append(svg.path(svg.d("M", x, y, "L", left, y), stroke=frame, stroke_width=1.4))
            frame_of: dict[str, Any] = {"stroke": frame, "stroke_width": 1.2, "rx": 4}
            parts.append(svg.rect(left, y - 12, width, 15 * len(words) + 7, fill=f"{frame}-tint", **frame_of))
            inside = "ink"
            parts += [
                svg.text(left + 7, y + 3.5 + 15 * i, w, size=TALK, fill=inside, bold=broken)
                for i, w in enumerate(words)
            ]
        else:
            parts += [
                svg.text(left, y + 4 + 15 * i, w, size=TALK, fill=fill, bold=broken, halo=True)
                for i, w in enumerate(words)
            ]
        return "".join(parts)


# -- as text ------------------------------------------------------------------------------


def _as_text(steps: Iterable[Step], left_out: list[str]) -> str:
    lines = []
    for step in steps:
        if step.kind in ("handling", "handled", "answer") or (step.kind == "arrive" and not step.words):
            continue
        if step.kind in ("reply",) and not step.words:
            continue
        if step.kind == "arrive":
            who = f"{step.node} → {step.to}"
        elif step.kind in ("request", "reply", "lost", "refused"):
            who = f"{step.node} {'⇢' if step.kind == 'reply' else '→'} {step.to}"
        else:
            who = step.node
        lines.append(f"{step.at:10.3f} s  {who:<24}  {step.words}")
    if left_out:
        lines.append("Left out: " + "; ".join(left_out) + ".")
    return "\n".join(lines)


def _alt(title: str, lanes: Sequence[str], steps: Iterable[Step], left_out: list[str]) -> str:
    steps = list(steps)
    crashes = [step for step in steps if step.kind == "crash"]
    lost = [step for step in steps if step.kind == "lost"]
    words = [
        f"{title.rstrip('.')}.",
        f"Sequence diagram: {plural(arrows(steps), 'arrow')} between {listed(lanes)}.",
    ]
    if crashes:
        words.append("; ".join(f"{step.node} crashes at {seconds(step.at)}" for step in crashes[:4]) + ".")
    if lost:
        words.append(f"{plural(len(lost), 'message')} {'is' if len(lost) == 1 else 'are'} lost.")
    if left_out:
        words.append("Left out: " + "; ".join(left_out) + ".")
    return " ".join(words)
