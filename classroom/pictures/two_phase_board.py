"""The board of a transaction in two phases: the coordinator's decision, and who is locked until he knows.

Idea      Hatched from the vote until the outcome: in that time the participant may neither commit nor abort,
          and nobody else gets at what he holds.
Not here  How it is drawn (saga_board.py); the protocol (services/saga/two_phase_commit.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from classroom.pictures.facts import listed, seconds
from classroom.pictures.picture import Picture
from classroom.pictures.saga_board import Mark, saga_board
from classroom.world.history import Event
from classroom.world.run import Run

OUTCOMES = {"committed": ("committed", "settled"), "aborted": ("aborted", "over")}


def two_phase_board(run: Run, participants: Sequence[str], *, title: str | None = None) -> Picture:
    """Draw the run's transaction. title: by default how long who was locked."""
    told: set[tuple[str, str]] = set()  # a decision, an outcome, that one is blocked: each is said once
    marks: list[Mark] = []
    for event in run.history:
        said = event.node, event.kind
        if said not in told or event.kind in ("crash", "start"):
            marks += _told(event, participants)
        told.add(said)
    found = title or finding(run, participants)
    return saga_board(marks, services=participants, title=found, log="the coordinator's log")


def locked(run: Run, participant: str) -> float:
    """Seconds from its vote until it knew the outcome, or until the end of the run."""
    votes = run.of("voted", node=participant, vote="yes")
    if not votes:
        return 0.0
    known = run.of(*OUTCOMES, node=participant)
    return (known[0].at if known else run.duration) - votes[0].at


def finding(run: Run, participants: Sequence[str]) -> str:
    """How long who was locked, and how it ended, in a sentence."""
    longest = max((locked(run, each), each) for each in participants)
    still = [each for each in participants if locked(run, each) and not run.of(*OUTCOMES, node=each)]
    if still:
        return f"At the end {listed(still)} {'is' if len(still) == 1 else 'are'} still locked"
    ends = sorted({event.kind for event in run.of(*OUTCOMES)})
    return f"The outcome: {listed(ends) or 'none'}; {longest[1]} was locked for {seconds(longest[0])}"


def _told(event: Event, participants: Sequence[str]) -> Iterator[Mark]:
    of_one, at = event.node in participants, event.at
    if event.kind == "decided":
        yield Mark(at, event.node, str(event["decision"]), "log")
    elif event.kind == "voted" and of_one:
        yes = event["vote"] == "yes"
        yield Mark(at, event.node, "yes: locked" if yes else "no", "pending" if yes else "over")
    elif event.kind in OUTCOMES and of_one:
        yield Mark(at, event.node, *OUTCOMES[event.kind])
    elif event.kind == "blocked":
        yield Mark(at, event.node, "has asked all whom it can reach: nobody knows", "note")
    elif event.kind == "crash":
        yield Mark(at, event.node, "dies", "dies")
    elif event.kind == "start" and event["incarnation"] > 1:
        yield Mark(at, event.node, "is back", "note")
