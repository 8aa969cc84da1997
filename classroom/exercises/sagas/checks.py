"""The promises of exercise 13 as pure checks of a run.

Idea      What advance said of the order is held against what the services hold at the end; what it sent,
          against what the log said at that moment.
Not here  The sentences in which they are made (e13_sagas.py), the words for a broken one (explain.py).
"""

from __future__ import annotations

from dataclasses import replace

from classroom.checks import Check, Violation
from classroom.exercises.sagas.explain import (
    about,
    effects,
    entries,
    undone,
    why_after_the_end,
    why_again,
    why_not_completed,
    why_not_ended,
    why_not_logged,
    why_past_the_pivot,
    why_told_too_early,
)
from classroom.exercises.sagas.given import Outcome
from classroom.exercises.sagas.shop import held
from classroom.world.run import Run

GOES_BACK = ("refuse", "give_up", "cancel", "undo", "undone")  # entries that say so


def ends_well(promise: str) -> Check:
    """The saga has ended, and the services hold what its outcome says."""

    def check(run: Run) -> list[Violation]:
        outcomes = run.of("outcome")
        wanted = {Outcome.COMPLETED: held(completed=True), Outcome.COMPENSATED: held(completed=False)}
        if outcomes and wanted.get(outcomes[0]["outcome"]) == held_at_the_end(run):
            return []
        return [Violation(promise, why_not_ended(run), about(run))]

    return check


def held_at_the_end(run: Run) -> dict[str, object]:
    """Of each service what it holds of the order: as services.shop.held() says it."""
    state = [row["state"] for row in run.rows("orders", "orders")]
    return {
        "orders": None if state in ([], ["off"]) else state[0],
        "inventory": sum(row["pieces"] for row in run.rows("inventory", "stock")),
        "payments": sum(row["money"] for row in run.rows("payments", "accounts")),
        "shipping": len(run.rows("shipping", "parcels")),
    }


def is_completed(promise: str) -> Check:
    """In runs in which nobody says no: the outcome is COMPLETED."""

    def check(run: Run) -> list[Violation]:
        if [event["outcome"] for event in run.of("outcome")][:1] == [Outcome.COMPLETED]:
            return []
        return [Violation(promise, why_not_completed(run), about(run))]

    return check


def nothing_is_asked_again(run: Run) -> list[Violation]:
    """What the log says is done is not asked for again; what it says is undone is not touched any more."""
    violations = []
    log = entries(run)
    for command in run.of("command"):
        step, what = command["step"], command["what"]
        before = [entry for entry in log if entry.commit.number < command.number]
        said = [entry for entry in before if entry.step == step]
        over = [entry for entry in said if entry.event == "undone"]
        over += [entry for entry in said if entry.event == "done" and what == "do"]
        if over:
            promise = "way_back" if any(entry.event in GOES_BACK for entry in before) else "resumed"
            text = why_again(run, command, over[0])
            violations.append(Violation(promise, text, about(run), (command.number,)))
    return violations


def commands_are_logged(run: Run) -> list[Violation]:
    """Each step is in the log before its command goes out, and the way back before a compensation does."""
    violations = []
    log = entries(run)
    for command in run.of("command"):
        back = command["what"] == "undo"
        said = [entry for entry in log if entry.commit.number < command.number]
        if not any(entry.event in GOES_BACK if back else entry.step == command["step"] for entry in said):
            promise = "way_back" if back else "logged"
            text = why_not_logged(run, command)
            violations.append(Violation(promise, text, about(run), (command.number,)))
    return violations


def the_end_is_the_end(run: Run) -> list[Violation]:
    """Called once more after the end, advance sends nothing and says the same."""
    outcomes = run.of("outcome")
    if not outcomes:
        return []
    after = [event for event in run.history if event.number > outcomes[0].number]
    late = [event for event in after if event.kind in ("command", "halted")]
    late += [
        event for event in after if event.kind == "outcome" and event["outcome"] != outcomes[0]["outcome"]
    ]
    if not late:
        return []
    promise = "way_back" if outcomes[0]["outcome"] == Outcome.COMPENSATED else "over"
    return [Violation(promise, why_after_the_end(run, outcomes[0], late[0]), about(run), (late[0].number,))]


def whoever_is_told_has_it_back(run: Run) -> list[Violation]:
    """When the order is called off, its stock and its money are back, if they come back at all."""
    moment = effects(run).get("call_off")
    if moment is None:
        return []
    done, late = effects(run, moment), undone(run) - undone(run, moment)
    still = [step for step in ("reserve", "charge") if step in done and step in late]
    if not still:
        return []
    return [Violation("newest_first", why_told_too_early(run, moment, still), about(run), (moment.number,))]


def nothing_is_undone_past_the_pivot(run: Run) -> list[Violation]:
    """From the moment the parcel's command is out, and as long as it is not refused."""
    sent = [event for event in run.of("command") if event["step"] == "ship"]
    if not sent:
        return []
    refused = run.of("told", step="ship", came="refused")
    until = refused[0].number if refused else len(run.history)
    return [
        Violation("pivot", why_past_the_pivot(run, event), about(run), (event.number,))
        for event in run.of("command", what="undo")
        if sent[0].number < event.number < until
    ]


def a_cancelled_order_is_called_off(run: Run) -> list[Violation]:
    """What Ada cancelled before the parcel's entry is given back; what she could not cancel is completed."""
    cancelled = bool([entry for entry in entries(run) if entry.event == "cancel"])
    wanted = Outcome.COMPENSATED if cancelled else Outcome.COMPLETED
    promise = "cancelled" if cancelled else "too_late"
    if [event["outcome"] for event in run.of("outcome")][:1] == [wanted]:
        return ends_well(promise)(run)
    return [Violation(promise, why_not_ended(run), about(run))]


def as_before(check: Check) -> Check:
    """The same check, for the one promise that all else is as it was."""

    def checked(run: Run) -> list[Violation]:
        return [replace(violation, promise="as_before") for violation in check(run)]

    return checked


ALWAYS: tuple[Check, ...] = (
    nothing_is_asked_again,
    commands_are_logged,
    the_end_is_the_end,
    whoever_is_told_has_it_back,
    nothing_is_undone_past_the_pivot,
)
