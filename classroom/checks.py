"""Checks: pure functions from a Run to what is wrong with it.

Idea      A check is a promise, said in one sentence, that any run can be held against. It reads
          the history and what is durable, and nothing else; it knows no service and no name of
          a learner's function. The functions here make the checks that many systems share.
Not here  The promises of one exercise (exercises/); who makes the runs (adversary.py).
Source    "Properties" of QuickCheck (Claessen and Hughes, 2000); the checkers of Jepsen and Maelstrom.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from classroom.world.history import Event
from classroom.world.run import Run


@dataclass(frozen=True, slots=True)
class Violation:
    """promise: the check's name; message: what was seen, in a sentence or more, with its numbers;
    about: the keys it is about (orders, messages); events: numbers of the events that show it."""

    promise: str
    message: str
    about: tuple[Any, ...] = ()
    events: tuple[int, ...] = ()


Check: TypeAlias = Callable[[Run], list[Violation]]

ENDED = {"acked", "dead", "dropped"}  # what ends a message's stay in a queue


def queue_contents(run: Run, queue: str) -> dict[str, Event]:
    """What lies in a queue at the end: message id -> the event that put it where it is."""
    last: dict[str, Event] = {}
    for event in run.history:
        if event.kind in ("sent", "leased", "acked", "nacked", "expired", "redriven", "dead", "dropped"):
            if event.kind == "dead" and event.get("to") == queue:
                last[event["message"]] = event
            elif event.kind == "redriven" and event.get("source") == queue:
                last.pop(event["message"], None)
            elif event.kind == "redriven" and event.get("to") == queue:
                last[event["message"]] = event
            elif event.get("queue") == queue:
                last[event["message"]] = event
                if event.kind in ENDED:
                    del last[event["message"]]
    return last


def no_message_lost(queue: str) -> Check:
    """Each message that the broker took is acked, dead-lettered, or still there to be had."""

    def check(run: Run) -> list[Violation]:
        ended = {event["message"] for event in run.of("acked", "dead", "dropped", queue=queue)}
        there = queue_contents(run, queue)
        return [
            Violation(
                "no_message_lost",
                f"message {event['message']} was taken by {queue} at {event.at:.3f} s, "
                "was never acked, and is not there any more",
                about=(event["message"],),
                events=(event.number,),
            )
            for event in run.of("sent", queue=queue)
            if event["message"] not in ended and event["message"] not in there
        ]

    return check


def each_effect_once(kind: str, key: str, *, expected: Collection[Any] | None = None) -> Check:
    """Events of this kind happen once for each value of `key`; for each one of `expected`, if given."""

    def check(run: Run) -> list[Violation]:
        found: dict[Any, list[Event]] = defaultdict(list)
        for event in run.of(kind):
            found[event.get(key)].append(event)
        violations = [
            Violation(
                "each_effect_once",
                f"{key} {value}: {kind} happened {len(events)} times, "
                f"at {', '.join(f'{event.at:.3f} s' for event in events)}",
                about=(value,),
                events=tuple(event.number for event in events),
            )
            for value, events in found.items()
            if len(events) > 1
        ]
        missing = [value for value in expected or () if value not in found]
        return violations + [
            Violation("each_effect_once", f"{key} {value}: {kind} never happened", about=(value,))
            for value in missing
        ]

    return check


def in_order(kind: str, *, key: str, by: str) -> Check:
    """For each value of `key`, events of this kind come with rising values of `by`."""

    def check(run: Run) -> list[Violation]:
        last: dict[Any, Event] = {}
        violations = []
        for event in run.of(kind):
            before = last.get(event.get(key))
            if before is not None and event[by] < before[by]:
                violations.append(
                    Violation(
                        "in_order",
                        f"{key} {event.get(key)}: {kind} with {by} {event[by]} at {event.at:.3f} s "
                        f"came after {by} {before[by]} at {before.at:.3f} s",
                        about=(event.get(key),),
                        events=(before.number, event.number),
                    )
                )
            last[event.get(key)] = event
        return violations

    return check


def came_to_its_end(promise: str) -> Check:
    """The scenario ran to its end; if it did not, that breaks `promise`."""

    def check(run: Run) -> list[Violation]:
        if run.error is None:
            return []
        text = f"The run broke off at {run.duration:.1f} s: {type(run.error).__name__}: {run.error}"
        return [Violation(promise, text, events=(len(run.history) - 1,))]

    return check


def nothing_unexpected(*expected_errors: str) -> Check:
    """No exception escaped a handler or a task, no worker ended; errors that begin as expected may."""

    def check(run: Run) -> list[Violation]:
        return [
            Violation(
                "nothing_unexpected",
                f"{event.node}, {event.at:.3f} s: {event.get('error')}",
                events=(event.number,),
            )
            for event in run.of("error", "exit")
            if event.get("error") and not event["error"].startswith(expected_errors or ("\0",))
        ]

    return check
