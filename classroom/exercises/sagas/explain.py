"""What is said of a broken promise of exercise 13, computed from the run that broke it.

Not here  Whether a promise is broken (checks.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from classroom.exercises.sagas.given import Outcome
from classroom.exercises.sagas.shop import EFFECTS, MONEY, ORDER, PIECES, SAGA, UNDO
from classroom.pictures.facts import listed
from classroom.world.history import Event
from classroom.world.run import Run
from classroom.world.sql import short

CALLED = f"order {ORDER['order']}"
STEPS = SAGA.names
TOLD = {short(statement): path for paths in EFFECTS.values() for path, statement in paths.items()}


def about(run: Run) -> tuple[Any, ...]:
    return (ORDER["order"], *run.of("crash"))


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the saga log, and the event of its commit: its number, and when it was."""

    commit: Event
    event: str
    step: str | None


def entries(run: Run, before: Event | None = None) -> list[Entry]:
    """What the log says at the end, or said at a moment.

    By its commits: whoever died at once after one of them could not have told of it.
    """
    commits = [e for e in run.of("commit", database="coordinator") if "INSERT" in e["statements"][0]]
    rows = run.rows("coordinator", "saga_log")
    found = [Entry(commit, row["event"], row["step"]) for commit, row in zip(commits, rows, strict=True)]
    return [entry for entry in found if before is None or entry.commit.number < before.number]


def effects(run: Run, before: Event | None = None) -> dict[str, Event]:
    """What was done in the services, by its path: "charge", "refund". The event is that of the commit."""
    return {
        TOLD[words]: event
        for event in run.of("commit")
        for words in event["statements"]
        if words in TOLD and (before is None or event.number < before.number)
    }


def undone(run: Run, before: Event | None = None) -> set[str]:
    """The steps whose compensation has had an effect."""
    return {UNDO[path] for path in effects(run, before) if path in UNDO}


# -- how it ended ---------------------------------------------------------------------------


def why_not_completed(run: Run) -> str:
    return f"Every service says yes to {CALLED}, and yet it is not completed. {why_not_ended(run)}"


def why_not_ended(run: Run) -> str:
    outcomes, halted = run.of("outcome"), run.of("halted")
    if not outcomes and halted:
        error = halted[0]["error"].rstrip(".")
        return (
            f"At {at(halted[0])} advance raised {error}.{_last_answer(run, halted[0])} Nobody catches what "
            f"it raises, so nobody goes on with {CALLED}: {what_is_held(run)}."
        )
    if not outcomes:
        return (
            f"After {run.duration:.0f} s advance has not returned, and {CALLED} has no end: "
            f"{what_is_held(run)}.{_last_answer(run)}"
        )
    said = outcomes[0]["outcome"]
    if said not in tuple(Outcome):
        return f"advance returned {said}; what is wanted is Outcome.COMPLETED or Outcome.COMPENSATED."
    seen = f"At {at(outcomes[0])} advance said {said.upper()} of {CALLED}, and yet {what_is_held(run)}."
    wanting = _not_done(run) if said == Outcome.COMPLETED else _not_undone(run)
    return f"{seen} {' '.join(wanting)}".strip()


def what_is_held(run: Run) -> str:
    """What the services hold of the order at the end, in words: "it reads 'pending', ..."."""
    state = [row["state"] for row in run.rows("orders", "orders")]
    pieces = PIECES - sum(row["pieces"] for row in run.rows("inventory", "stock"))
    money = MONEY - sum(row["money"] for row in run.rows("payments", "accounts"))
    parcels = len(run.rows("shipping", "parcels"))
    return listed((
        f"it reads {state[0]!r}" if state else "it was never opened",
        f"{pieces or 'no'} lamps are taken",
        f"{money or 'no'} cents of Ada's are charged",
        "the parcel is gone" if parcels else "no parcel is sent",
    ))  # fmt: skip


def _not_done(run: Run) -> Iterator[str]:
    done, back = effects(run), undone(run)
    for step in STEPS:
        if step in done and step not in back:
            continue
        told = run.of("told", what="do", step=step)
        if step in back:
            yield f"Somebody has undone {step}."
        elif not told:
            yield f"`do {step}` was never answered, or never sent."
        elif told[-1]["came"] == "refused":
            yield f"`do {step}` was refused at {at(told[-1])}."
        else:
            yield f"`do {step}` got no answer at {at(told[-1])}, and was not sent again."
        return


def _not_undone(run: Run) -> Iterator[str]:
    done, back = effects(run), undone(run)
    for step in reversed(STEPS):
        if step in done and step not in back:
            yield _why_left(run, step, done[step])
            return


def _why_left(run: Run, step: str, done: Event) -> str:
    """A step was done and is not undone, although all was to be compensated."""
    if step in ("ship", "confirm"):
        told = run.of("told", what="do", step=step)
        if told and told[-1]["came"] == "unknown":
            return f"`do {step}` got no answer at {at(told[-1])}; it had been done, at {at(done)}."
        return f"`do {step}` was done at {at(done)}: there was no way back any more."
    asked = run.of("command", what="undo", step=step)
    what = "do" if not asked else "undo"
    told = run.of("told", what=what, step=step)
    last = asked[-1] if asked else run.of("command", what="do", step=step)[-1]
    died = [crash for crash in run.of("crash", node="coordinator") if crash.number > last.number]
    answered = [event for event in told if event.number > last.number]
    if not answered and died:
        return (
            f"The coordinator died at {at(died[0])} with `{what} {step}` on its way, and whoever came after "
            "it has passed over that."
        )
    if answered and answered[-1]["came"] == "unknown":
        taken = "for a no; it had been done" if what == "do" else "for a yes; nothing was undone"
        when = f", at {at(done)}" if what == "do" else ""
        return f"`{what} {step}` got no answer at {at(answered[-1])}, which was taken {taken}{when}."
    if died:
        return f"`do {step}` was done at {at(done)}; after the crash at {at(died[-1])} nobody thought of it."
    return f"`do {step}` was done at {at(done)}, and nobody has undone it."


def _last_answer(run: Run, before: Event | None = None) -> str:
    told = [event for event in run.of("told") if before is None or event.number < before.number]
    if not told or told[-1]["came"] == "done":
        return ""
    came = "was refused" if told[-1]["came"] == "refused" else "got no answer"
    return f" `{told[-1]['what']} {told[-1]['step']}` {came} at {at(told[-1])}."


# -- what was sent, and what the log said then --------------------------------------------------


def why_again(run: Run, command: Event, entry: Entry) -> str:
    what, step = command["what"], command["step"]
    died = [crash for crash in run.of("crash") if entry.commit.number < crash.number < command.number]
    after = f" The coordinator had died in between, at {at(died[-1])}." if died else ""
    said = (
        f"Since {at(entry.commit)} the log says `{entry.event} {step}`; at {at(command)} `{what} {step}` "
        f"was sent all the same.{after}"
    )
    if entry.event == "undone" and what == "do":
        return f"{said} Its service refused it, since it is undone. Which way does the log say that it goes?"
    return (
        f"{said} The service knew its key, so nothing was done twice. But whoever begins anew at each start "
        "has not read the log; he asks everybody again, and does not see which way the order goes."
    )


def why_not_logged(run: Run, command: Event) -> str:
    what, step = command["what"], command["step"]
    said = f"At {at(command)} `{what} {step}` was sent. The log said {log_then(run, command)}, and"
    if what == "do":
        return (
            f"{said} not a word of {step}. Had the coordinator died in that moment, nobody after it would "
            f"have known that {step} may be under way."
        )
    return (
        f"{said} not a word of going back. Had the coordinator died in that moment, whoever came after it "
        "would have gone on forward, upon a step that is undone."
    )


def why_after_the_end(run: Run, end: Event, late: Event) -> str:
    said = (
        f"At {at(end)} advance said {end['outcome'].upper()}. At {at(late)} it was called once more, as at "
        "any later start, and"
    )
    log = f"The log said {log_then(run, late)}."
    if late.kind == "command":
        return (
            f"{said} sent `{late['what']} {late['step']}`. {log} What tells a later start that all is over?"
        )
    if late.kind == "outcome":
        return f"{said} said {late['outcome'].upper()}. {log}"
    return f"{said} raised {late['error']}. {log}"


def why_told_too_early(run: Run, moment: Event, still: Sequence[str]) -> str:
    words = {
        "reserve": f"{ORDER['pieces']} lamps were still taken",
        "charge": f"{ORDER['amount']} cents were still charged",
    }
    back = {UNDO[path]: event for path, event in effects(run).items() if path in UNDO}
    held, when = (
        listed(words[step] for step in still),
        listed(f"{step} at {at(back[step])}" for step in still),
    )
    return (
        f"At {at(moment)} the order was called off: from then on Ada reads that she need not pay, and the "
        f"next buyer that the lamps are there. At that moment {held}; undone was {when}. Opening the order "
        "came first; which place has calling it off?"
    )


def why_past_the_pivot(run: Run, command: Event) -> str:
    sent = [event for event in run.of("command", step="ship") if event.number < command.number][-1]
    told = [e for e in run.of("told", step="ship") if sent.number < e.number < command.number]
    came = {"done": "the answer was 'done'", "unknown": "no answer came"}
    answer = came[told[-1]["came"]] if told else "the coordinator died before an answer came"
    gone = effects(run, command).get("ship")
    then = f"the parcel had gone at {at(gone)}" if gone else "the parcel might have been on its way"
    return (
        f"`do ship` was sent at {at(sent)}, and {answer}. At {at(command)} `undo {command['step']}` was "
        f"sent; by then {then}. Ada gets her lamps, and her money too. As long as it is not known whether "
        "the parcel is gone there is one way to find out, and it is not back."
    )


def log_then(run: Run, before: Event) -> str:
    words = [f"{entry.event} {entry.step or ''}".strip() for entry in entries(run, before)]
    if not words:
        return "nothing"
    return ("..., " if len(words) > 4 else "") + ", ".join(words[-4:])


def at(event: Event) -> str:
    return f"{event.at:.3f} s"
