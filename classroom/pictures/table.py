"""The history as a table: every event that matters, one a row, readable at 100 columns.

Idea      The same rows as text and as HTML. What says nothing (empty polls, replies that said
          yes, the start of each node) is left out unless everything is asked for, and counted.
Not here  A selection by meaning (story.py), a drawing (sequence.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape
from typing import Any

from classroom.pictures.facts import plural, short, subjects
from classroom.pictures.picture import history_of
from classroom.pictures.steps import Step, tell
from classroom.world.history import Event

WIDTH = 100  # columns
LEFT = 'style="text-align:left"'
HEADINGS = ("#", "time", "who", "what happened")
Row = tuple[int, float, str, str]  # number of the event, seconds, who, what


@dataclass(frozen=True)
class Table:
    """Rows of (number of the event, seconds, who, what happened), and what was left out."""

    title: str
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        who = min(max([len(row[2]) for row in self.rows] + [3]), 28)
        number = max([len(str(row[0])) for row in self.rows] + [1])
        lines = [self.title, f"{'#':>{number}}  {'time':>10}  {'who':<{who}}  what happened"]
        room = WIDTH - number - who - 16
        for index, at, name, what in self.rows:
            lines.append(f"{index:>{number}}  {at:>8.3f} s  {short(name, who):<{who}}  {short(what, room)}")
        lines += [f"Left out: {'; '.join(self.left_out)}."] if self.left_out else []
        return "\n".join(lines)

    def html(self) -> str:
        cells = "".join(
            f"<tr><td>{index}</td><td>{at:.3f} s</td>"
            f"<td {LEFT}>{escape(name)}</td><td {LEFT}>{escape(what)}</td></tr>"
            for index, at, name, what in self.rows
        )
        head = "".join(f'<th scope="col" {LEFT}>{each}</th>' for each in HEADINGS)
        foot = f"<p><small>Left out: {escape('; '.join(self.left_out))}.</small></p>" if self.left_out else ""
        return (
            f"<table><caption {LEFT}>{escape(self.title)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table>{foot}"
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text}


def table(
    run: Any,
    *,
    about: object = None,
    nodes: Iterable[str] | None = None,
    between: tuple[float, float] | None = None,
    everything: bool = False,
    limit: int = 200,
) -> Table:
    """The history of a run as a table.

    about: only these orders, message ids or events. nodes: only what these say or hear.
    between: (from, to) in seconds. everything: each event as it was written, none left out.
    limit: the most rows; the rest is counted.
    """
    history = history_of(run)
    names, numbers = subjects(about)
    left_out: list[str] = []
    if everything:
        wanted = None if nodes is None else set(nodes)
        start, end = between or (float("-inf"), float("inf"))
        rows = [
            _raw(event)
            for event in history
            if (wanted is None or event.node in wanted) and start <= event.at <= end
        ]
    else:
        told = tell(history, nodes=nodes, between=between, limit=10**9)
        left_out += told.left_out
        steps = [step for step in told.steps if _is_row(step)]
        if names or numbers:
            chosen = [
                step for step in steps if step.about & names or step.event.number in numbers or _is_fate(step)
            ]
            if len(steps) > len(chosen):
                left_out.append(plural(len(steps) - len(chosen), "row") + " about something else")
            steps = chosen
        rows = [_row(step) for step in steps]
    if len(rows) > limit:
        left_out.append(plural(len(rows) - limit, "row") + f" after {rows[limit - 1][1]:.3f} s")
        rows = rows[:limit]
    title = f"{plural(len(rows), 'row')} of {plural(len(history), 'event')}"
    return Table(title, tuple(rows), tuple(left_out))


def _is_row(step: Step) -> bool:
    return bool(step.words) and step.kind != "answer"


def _is_fate(step: Step) -> bool:
    return step.kind in ("crash", "start", "pause", "resume", "band")


def _row(step: Step) -> Row:
    who = step.node
    if step.kind in ("request", "reply", "lost", "refused", "arrive"):
        who = f"{step.node} {'⇢' if step.kind == 'reply' else '→'} {step.to}"
    return step.event.number, step.at, who, step.words


def _raw(event: Event) -> Row:
    what = " ".join(f"{key}={short(value, 60)}" for key, value in event.data.items() if value is not None)
    return event.number, event.at, event.node, f"{event.kind} {what}"
