"""The night that the README's film tells, as figures out of the run of lesson 08.

Idea      Whatever the film says stands in a Night, and a Night is taken from a history. The run is
          that of the lesson's own cells, so the film is of the night that the lesson shows.
Not here  The film (hook.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classroom.pictures.facts import deliveries, order_of, seconds, times
from classroom.pictures.picture import history_of

LESSON = Path("lessons", "08_dead_letters.ipynb")
LAST_CELL = "the-pause"  # after it, the lesson's `run` is the night
NIGHT = "02:14"  # the lesson's word for the moment at which its run begins


def lessons_run(root: Path) -> Any:
    """The night as lesson 08 runs it: its own cells, up to the pause. root: the clone of the course."""
    cells = json.loads((root / LESSON).read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "lesson"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            if cell["id"] == LAST_CELL:
                return names["run"]
    raise LookupError(f"{LESSON.as_posix()} has no code cell with the id {LAST_CELL!r}")


@dataclass(frozen=True, slots=True)
class Night:
    """What the film tells, out of a history. Times are seconds of the run, amounts are cents."""

    order: str
    workers: tuple[str, str]  # who received it first, who received it again
    leases: tuple[float, float]  # when
    lease: float  # how long the first one was to last
    expired: float
    pause: float
    charges: tuple[tuple[float, str, int], tuple[float, str, int]]  # when, for which worker, how much
    crashes: int


def night_of(run: Any) -> Night:
    """The story in a run. Raises ValueError if it is another one."""
    history = history_of(run)
    given = deliveries(history)
    pauses = [event for event in history if event.kind == "pause"]
    woken = [event for event in history if event.kind == "resume"]
    sent = next((event for event in history if event.kind == "sent"), None)
    order = order_of(sent["body"]) if sent else None
    charges, caller = [], ""
    for event in history:
        if event.kind == "arrive":
            caller = str(event["caller"])
        elif event.kind == "charge" and str(event["order"]) == order and not event["repeated"]:
            charges.append((event.at, caller, int(event["amount"])))
    fits = (len(given), len(pauses), len(woken), len(charges)) == (2, 1, 1, 2)
    first, again = given if fits else (None, None)
    if not first or not again or order is None or first.until is None or first.ended_at is None:
        raise ValueError("this film is of one message, two deliveries, one pause and two charges")
    who = (first.consumer, again.consumer)
    if pauses[0].node != first.consumer or [charge[1] for charge in charges] != [who[1], who[0]]:
        raise ValueError("this film is of a first worker that pauses and pays last")
    return Night(
        order=order, workers=who, leases=(first.leased, again.leased),
        lease=first.until - first.leased, expired=first.ended_at, pause=float(pauses[0]["lasts"]),
        charges=(charges[0], charges[1]),
        crashes=sum(event.kind == "crash" for event in history),
    )  # fmt: skip


def alt(night: Night) -> str:
    """What the film shows, for those who do not see it."""
    one, two = night.workers
    (first, _, paid), (second, _, more) = night.charges
    return (
        f"A film. {one} receives order {night.order} on a lease of {seconds(night.lease)}, "
        f"and stands still for {seconds(night.pause)}. After {seconds(night.expired)} the lease is over, "
        f"{two} receives the order and charges {money(paid)} at {seconds(first)}. "
        f"{one} wakes and charges {money(more)} again at {seconds(second)}. "
        f"Ada paid {times(len(night.charges))}."
    )


def money(cents: int) -> str:
    return f"{cents / 100:.2f}"


def wall(at: float) -> str:
    """A moment of the run on the clock of that night."""
    hours, minutes = map(int, NIGHT.split(":"))
    whole = hours * 3600 + minutes * 60 + int(at)
    return f"{whole // 3600 % 24:02}:{whole // 60 % 60:02}:{whole % 60:02}"
