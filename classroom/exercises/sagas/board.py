"""The saga board of a run of exercise 13.

Not here  How it is drawn (classroom/pictures/saga_board.py).
"""

from __future__ import annotations

from classroom.exercises.sagas.explain import TOLD, entries, what_is_held
from classroom.exercises.sagas.shop import EFFECTS, ORDER, SERVICES
from classroom.pictures import Mark, Picture, saga_board
from classroom.world.run import Run

WORDS = {  # of each path: what its service holds from then on
    "open": ("pending", "pending"),
    "call_off": ("off", "over"),
    "confirm": ("confirmed", "settled"),
    "reserve": (f"{ORDER['pieces']} lamps", "settled"),
    "release": ("back", "over"),
    "charge": (f"{ORDER['amount']} cents", "settled"),
    "refund": ("back", "over"),
    "ship": ("parcel", "settled"),
}
OF = {path: service for service, paths in EFFECTS.items() for path in paths}


def picture(run: Run) -> Picture:
    return saga_board(marks(run), services=SERVICES, title=_finding(run))


def marks(run: Run) -> list[Mark]:
    """Each entry of the log, each effect in a service, each death, each end, in their order."""
    found = [
        (
            entry.commit.number,
            Mark(entry.commit.at, "log", f"{entry.event} {entry.step or ''}".strip(), "log"),
        )
        for entry in entries(run)
    ]
    for event in run.history:
        if event.kind == "commit":
            for path in (TOLD[words] for words in event["statements"] if words in TOLD):
                words, tone = WORDS[path]
                found.append((event.number, Mark(event.at, OF[path], words, tone)))
        elif event.kind == "told" and event["came"] == "unknown":
            words = f"gets no answer to `{event['what']} {event['step']}`"
            found.append((event.number, Mark(event.at, event.node, words, "note")))
        elif event.kind in ("crash", "outcome", "halted"):
            words = {
                "crash": "dies",
                "outcome": f"says {str(event.get('outcome')).upper()}",
                "halted": f"halts: advance has raised {event.get('error')}",
            }[event.kind]
            tone = "note" if event.kind == "outcome" else "dies"
            found.append((event.number, Mark(event.at, event.node, words, tone)))
    return _shortened([mark for _, mark in sorted(found, key=lambda each: each[0])])


def _shortened(found: list[Mark], most: int = 34) -> list[Mark]:
    """Without answers that do not come, but for the first of each row of them; and not too many lines."""
    kept = [
        mark
        for before, mark in zip([None, *found], found, strict=False)
        if not before or before.words != mark.words
    ]
    return kept[:most]


def _finding(run: Run) -> str:
    outcomes = run.of("outcome")
    said = f"says {outcomes[0]['outcome'].upper()}" if outcomes else "comes to no end"
    said = f"advance {said} of order {ORDER['order']}"
    return f"{said[0].upper()}{said[1:]}, and {what_is_held(run)}"
