"""How a broken promise of exercise 01 is told and drawn.

Not here  What was wrong (explain.py).
"""

from collections.abc import Iterator
from typing import Any

from classroom.checks import Violation
from classroom.exercises.distributed_monolith.system import DONE, began
from classroom.world.faults import Pause
from classroom.world.history import Event
from classroom.world.run import Run

MANY = 10  # orders: too many for a drawing of who said what to whom


def story(run: Run, violation: Violation) -> list[str]:
    """What led to it, in a few lines: until Ada had her answer, and of the outages those that she met."""
    from classroom.pictures import story as tell

    if asked := run.of("availability"):
        return list(_question(next((e for e in asked if e.number in violation.events), asked[-1])))
    events = [event for event in run.history if event.number in violation.events]
    if not events:  # the run broke off
        return tell(run, about=violation.about)
    shown = events[0]
    if violation.promise == "later":
        return tell(_without_other_outages(run, shown), about=violation.about, lines=7)
    answer = run.of("bought", "not bought", order=shown["order"])[-1]
    until = max(shown.number, answer.number)
    return tell(_without_other_outages(run, shown, until=until), about=violation.about)


def _question(event: Event) -> Iterator[str]:
    needed = ", ".join(f"{name} ({share:.0%})" for name, share in event["required"].items())
    yield f"the shop needs {needed}"
    for name, share in event["shared"].items():
        yield f"all of them stand on the same {name} ({share:.0%})"
    yield f"availability says {event['said']}"


def _without_other_outages(run: Run, shown: Event, until: int | None = None) -> list[Event]:
    """The history without the crashes that were over before this order, or came after it."""
    ends = {e.node: e.at for e in run.of("start") if e["incarnation"] > 1}
    others = {
        crash.node
        for crash in run.of("crash")
        if crash.at > shown.at or ends.get(crash.node, run.duration) < began(shown)
    }
    return [
        event
        for event in run.history
        if (until is None or event.number <= until)
        and not (event.kind in ("crash", "start") and event.node in others)
    ]


def picture(run: Run) -> Any:
    """Of a question to availability a table; of a day whose outage was whose; else who said what to whom."""
    from classroom.pictures import sequence, table, uptime

    answers = run.of("bought", "not bought")
    if not answers:
        return table(run, everything=True)
    if len(answers) > MANY:
        return uptime(run, *DONE, orders=[(began(event), event.kind == "bought") for event in answers])
    hangs = min((fault.at or 0.0 for fault in run.faults if isinstance(fault, Pause)), default=0.0)
    met = [event for event in answers if began(event) >= hangs] or answers
    last = met[0] if hangs else met[-1]  # those that meet a service that hangs are all alike
    return sequence(run, between=(began(met[0]), last.at))
