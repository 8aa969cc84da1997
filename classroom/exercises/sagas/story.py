"""The story of a run of exercise 13: what was sent, what was answered, who died, how it ended.

Not here  What is wrong with it (explain.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from classroom.checks import Violation
from classroom.exercises.sagas.explain import CALLED, at, log_then
from classroom.exercises.sagas.shop import ORDER
from classroom.pictures.facts import listed, times
from classroom.world.history import Event
from classroom.world.run import Run


def story(run: Run, violation: Violation, *, lines: int = 8) -> list[str]:
    """What was sent and what was answered, crashes and ends: at most so many lines."""
    pieces, item, amount = ORDER["pieces"], ORDER["item"], ORDER["amount"]
    begin = f"{CALLED}, {pieces} {item}s for {amount} cents, comes in; its log is empty"
    told: list[tuple[str, list[str]]] = [("begin", [begin])]  # what is alike, one after the other: one line
    for event in run.history:
        for group, word in _tell(run, event):
            if told and told[-1][0] == group:
                told[-1][1].append(word)
            else:
                told.append((group, [word]))
    said = [_line(group, words) for group, words in told]
    return said if len(said) <= lines else [*said[: lines - 4], "...", *said[-3:]]


def _tell(run: Run, event: Event) -> Iterator[tuple[str, str]]:
    if event.kind == "told":
        yield f"{event['what']} {event['came']}", event["step"]
    elif event.kind == "crash":
        yield f"dies {event.number}", f"{event.node} dies at {at(event)}{_in_hand(run, event)}"
    elif event.kind == "commit" and event.node == "ada":
        yield "cancel", f"Ada cancels: the log says `cancel`, at {at(event)}"
    elif event.kind == "outcome":
        yield "outcome", str(event["outcome"]).upper()
    elif event.kind == "halted":
        yield "halted", f"advance raises {event['error']}"


def _in_hand(run: Run, crash: Event) -> str:
    if crash.node != "coordinator":
        return ""
    sent = [event for event in run.of("command") if event.number < crash.number]
    told = [event for event in run.of("told") if event.number < crash.number]
    if len(sent) > len(told) and not [
        e for e in run.of("crash") if sent[-1].number < e.number < crash.number
    ]:
        return f", with `{sent[-1]['what']} {sent[-1]['step']}` on its way"
    return f"; the log says {log_then(run, crash)}"


def _line(group: str, words: Sequence[str]) -> str:
    came = {"done": "done", "refused": "refused", "unknown": "no answer"}
    what, _, answer = group.partition(" ")
    if what in ("do", "undo"):
        steps = list(dict.fromkeys(words))
        often = f", {times(len(words))}" if len(words) > len(steps) else ""
        return f"{what} {listed(steps)}: {came[answer]}{often}"
    if group == "outcome":
        again = ", and again when it is called once more" if len(words) > 1 and len(set(words)) == 1 else ""
        return f"advance says {' and then '.join(dict.fromkeys(words))}{again}"
    return words[0]
