"""What is said of a broken promise of exercise 10, computed from the run that broke it.

Not here  Whether a promise is broken (checks.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from classroom.checks import Violation
from classroom.exercises.replayable_log.system import LATE, SESSION
from classroom.pictures import ownership_strip, partition_tape
from classroom.world.history import Event
from classroom.world.run import Run

TOLD = ("appended", "consumed", "resumed", "crash", "start", "pause", "resume", "left", "failed")
LINES = 7  # of a story


def why_not_in_order(run: Run, order: int) -> str:
    written = [event for event in run.of("appended") if event["value"]["order"] == order]
    steps = ", ".join(
        f"'{e['value']['what']}' with key {e['key']!r} in partition {e['partition']}" for e in written
    )
    return (
        f"The events of order {order} are spread: {steps}. Each partition has an owner of its own, and "
        "nobody says which of them is faster: a refund may be read before its payment."
    )


def why_hot(run: Run, partition: int, most: int, total: int) -> str:
    keys = Counter(event["key"] for event in run.of("appended", partition=partition))
    key, count = keys.most_common(1)[0]
    return (
        f"Of {total} records, each of an order of its own, {most} went to partition {partition} of four; "
        f"{count} of them have the key {key!r}. A partition has one owner, so one consumer does most of the "
        "work, and a further one would not help."
    )


def why_wrong(run: Run, customer: str, found: int, wanted: int) -> str:
    seen = f"{customer}'s revenue is {found} at the end, and the log says {wanted}."
    failed = [event for event in run.of("failed") if event.node != LATE]  # who comes later has another table
    if failed:
        return f"{seen} {failed[-1].node} got an error, tried again, and got it again: {failed[-1]['error']}"
    which = _record_of(run, customer, found - wanted)
    if run.of("pause"):
        return f"{seen} {_what_a_sleeper_did(run)}"
    if not run.of("crash"):
        return (
            f"{seen}{which} Nobody died, and nobody slept: the count itself is wrong, or the place to go on."
        )
    lost = "missing" in which if which else found < wanted
    return f"{seen}{which} {_what_a_death_left(run, lost=lost)}"


def why_mails(run: Run, order: int, sent: int) -> str:
    there = f"stands {_times(sent)} in mails" if sent else "is not in mails"
    seen = f"The mail for order {order} {there}; an order that was shipped has one."
    if run.of("pause"):
        return f"{seen} {_what_a_sleeper_did(run)}"
    if run.of("crash"):
        return f"{seen} {_what_a_death_left(run, lost=sent == 0)}"
    return f"{seen} A mail is an effect as the revenue is: it belongs to one record, and is written with it."


def why_late_differs(run: Run, found: Mapping[str, int], wanted: Mapping[str, int]) -> str:
    read = run.of("consumed", node=LATE)
    failed = run.of("failed", node=LATE)
    because = f" The last error: {failed[-1]['error']}" if failed else ""
    return (
        f"A late joiner read {len(read)} records from the first one on, with record.replay True and one "
        f"restart in each partition. Its table says {_table(found)}; the log says {_table(wanted)}. What it "
        f"must not do again is to send mails; all else it must do.{because}"
    )


def why_replay_mails(count: int, mail: Mapping[str, Any]) -> str:
    mails = "mail was" if count == 1 else "mails were"
    return (
        f"The table was made anew from the first record, and {count} {mails} "
        f"sent again, the first to {mail['customer']} for order {mail['order_id']}, who had it days ago. "
        "record.replay was True for each of these records."
    )


def story(run: Run, violation: Violation) -> list[str]:
    """What befell the partitions that it is about, a sentence a line."""
    about, live = _partitions(run, violation), violation.promise in ("once", "zombie")
    told = [event for event in run.history if event.kind in TOLD and not (live and event.node == LATE)]
    chosen = [event for event in told if _is_told(event, about)]
    trouble = next((i for i, event in enumerate(chosen) if event.kind in ("crash", "pause", "failed")), None)
    if trouble is None:
        chosen = chosen[:LINES]
    else:
        first = max(0, trouble - 2)
        chosen = chosen[first : first + LINES]
    return [_line(event) for event in chosen] or ["Nothing was read."]


def picture(run: Run) -> Any:
    """Who owned what where somebody fell out; else where the records stand."""
    if run.of("crash", "pause"):
        return ownership_strip(run, group="revenue")
    return partition_tape(run, label=lambda event: event["order"])


def _partitions(run: Run, violation: Violation) -> set[int]:
    names, written = set(violation.about), run.of("appended")
    shown = {run.history[number].get("partition") for number in violation.events} - {None}
    if shown:
        return shown
    found = {e["partition"] for e in written if names & {e["value"]["customer"], e["value"]["order"]}}
    return found or {event["partition"] for event in written}


def _is_told(event: Event, about: set[int]) -> bool:
    if event.kind == "start":
        return event.get("incarnation", 1) > 1
    if event.kind == "left":
        return bool(event["why"] == "session_timeout")
    if event.kind in ("appended", "consumed", "resumed"):
        return event["partition"] in about
    return True


def _line(event: Event) -> str:
    at = f"{event.at:.1f} s: "
    match event.kind:
        case "appended":
            value = event["value"]
            what = f"'{value['what']}' of order {value['order']} ({value['customer']}, {value['cents']})"
            return f"{at}{what} is written to partition {event['partition']}, offset {event['offset']}."
        case "consumed":
            what = f"'{event['what']}' of order {event['of']}"
            where = f"partition {event['partition']}, offset {event['offset']}"
            return f"{at}{event.node} has done {what} ({where})."
        case "resumed":
            where = f"offset {event['offset']} of partition {event['partition']}"
            return f"{at}{event.node} asks resume_from, and goes on at {where}."
        case "crash":
            return f"{at}{event.node} dies."
        case "start":
            return f"{at}{event.node} is started again, with nothing in memory."
        case "pause":
            return f"{at}{event.node} stands still for {event['lasts']:g} s."
        case "resume":
            return f"{at}{event.node} wakes, and goes on in the next line as if nothing had been."
        case "left":
            return f"{at}the group gives {event['member']} up, and its partitions get another owner."
        case _:
            return f"{at}{event.node} gets an error: {event['error']}"


def _record_of(run: Run, customer: str, difference: int) -> str:
    """Which record would explain the difference, if one alone does."""
    for event in run.of("appended"):
        value = event["value"]
        sign = {"paid": 1, "refunded": -1}.get(value["what"], 0)
        if value["customer"] == customer and sign and abs(difference) == value["cents"]:
            missing = (difference < 0) == (sign > 0)
            how = "is missing" if missing else "counts twice"
            return f" As if '{value['what']}' of order {value['order']} {how}."
    return ""


def _what_a_death_left(run: Run, *, lost: bool) -> str:
    crash = run.of("crash")[0]
    later = [e for e in run.of("resumed") if e.at > crash.at and e.node != LATE]
    went_on = f" {later[0].node} then went on at offset {later[0]['offset']}." if later else ""
    moral = (
        "The place was moved before the work was done."
        if lost
        else "The work was done, and the place to go on did not know of it."
    )
    return f"{crash.node} died at {crash.at:.1f} s.{went_on} {moral}"


def _what_a_sleeper_did(run: Run) -> str:
    pause = run.of("pause")[0]
    return (
        f"{pause.node} stood still at {pause.at:.1f} s for {pause['lasts']:g} s, longer than the session of "
        f"{SESSION:g} s, so another did its work. Then it woke between its look and its write, and wrote "
        "over what its successor had done."
    )


def _table(cents: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(cents.items(), key=str)) or "nothing"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
