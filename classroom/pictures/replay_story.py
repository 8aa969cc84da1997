"""A history as a script for the stage: what changes, what travels, and when in story time.

Idea      Each event becomes a Beat: a sentence and a few operations on the state of the stage.
          The same operations are carried out here (for the still frame) and in the browser (for
          every moment), so that the two cannot disagree.
          Virtual time is no good to look at: a hop takes a millisecond and a pause 40 s. Story
          time gives each event the time it takes to read, each journey the time it takes to
          follow, and an idle stretch a second or two, however long it was. The clock beside it
          always shows the true virtual time.
Not here  The words (replay_words.py), the cast and the places (replay_stage.py), drawing.

An operation is a list that begins with a letter:
    s place status since lasts      status 0 not there yet, 1 up, 2 crashed, 3 paused, 4 ended
    m queue message slot holder from until    slot 0 gone, 1 ready, 2 in flight, 3 delayed
    h place message holds           holds 1: it works on the message; 0: no more; -1 drops all
    k place label bad               a mark for an effect; bad 1: the same effect once more
    d place store                   one more commit (store: index of the database at that place)
    c edge cut                      1 cut, 0 whole
    x metric difference             a number of the dashboard moves
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from classroom.pictures.facts import BUILT_IN, QUEUE_KINDS, short, subjects
from classroom.pictures.replay_stage import Stage, only_creates, stage_of
from classroom.pictures.replay_words import Narrator
from classroom.world.history import Event

ABSENT, UP, CRASHED, PAUSED, ENDED = range(5)
GONE, READY, IN_FLIGHT, DELAYED = range(4)
REQUEST, REPLY, MESSAGE, COMMIT, ROUTINE = range(5)  # what travels: its shape
SAFE, LOST, REFUSED, TOO_LATE, AT_THE_DOOR = range(5)  # what becomes of it

DWELL = (0.05, 0.4, 1.6)  # story seconds given to an event of weight 0, 1, 2
TRAVEL = 0.7  # story seconds of a journey
BACK = 0.45  # the same, of a plain reply
BRIEF = 0.2  # the same, of routine
IDLE = 0.5  # virtual seconds from which on nothing happening is an idle stretch

Op = list[Any]


class Travel(NamedTuple):
    """A thing on the way along an edge, from one beat to another (-1: it never gets there)."""

    start: int
    end: int
    edge: int
    back: int  # 1: against the direction of the edge
    shape: int
    subject: str  # "order 7", or ""
    fate: int
    tells: str  # what hovering says


@dataclass(slots=True)
class Beat:
    """One event on the stage. `at` is virtual, `pos` is story time; both in seconds."""

    at: float
    place: int
    kind: str
    words: str
    weight: int
    subject: str
    ops: list[Op] = field(default_factory=list)
    pos: float = 0.0
    idle: float = 0.0  # story seconds before `pos` in which the clock runs


@dataclass(slots=True)
class Story:
    """The whole script."""

    stage: Stage
    beats: list[Beat]
    travels: list[Travel]
    queues: list[tuple[int, str]]  # place, name
    messages: list[str]  # the subject of each message
    bodies: list[str]  # the body of each message, in short
    metrics: list[str]
    bands: list[tuple[int, int, str, str]]  # first beat, last beat (-1: open), kind, words
    trouble: list[str]  # subjects with which something went wrong, worst first
    still: int  # the most telling beat
    length: float = 0.0


def story_of(history: Sequence[Event], *, about: object = None) -> Story:
    """The script of a history. about: what to follow (7, "order 7", an Event); by default what went wrong."""
    return _Teller(history, about).story


class _Teller:
    def __init__(self, history: Sequence[Event], about: object) -> None:
        self.history = history
        self.stage = stage_of(history)
        self.story = Story(self.stage, [], [], [], [], [], [], [], [], 0)
        for number, place in enumerate(self.stage.places):
            self.story.queues += [(number, queue) for queue, _ in place.queues]
        self._messages: dict[str, int] = {}
        self._slots: dict[int, tuple[int, int]] = {}  # message -> queue, slot
        self._held: dict[int, set[int]] = {}  # place -> messages
        self._leased_to: dict[str, int] = {}
        self._status: dict[int, int] = {}
        self._handlers = {event.node for event in history if event.kind == "handling"}
        self._done: Counter[tuple[str, str, str]] = Counter()
        self._scores: dict[str, float] = {}
        self._best = (0.0, 0)
        self._calls_open = 0
        self._narrator = Narrator(history)
        # somebody who never "starts" (a client) is there from the beginning
        starting = {event.node for event in history if event.kind == "start"}
        self._there = {n for n, place in enumerate(self.stage.places) if place.name not in starting}
        for event in history:
            self._beat(event)
        _Journeys(self.story, history, self._narrator.empty).collect()
        self._place_in_time()
        self._bands()
        self._choose(about)

    # ---- beats -----------------------------------------------------------------------

    def _beat(self, event: Event) -> None:
        said = self._narrator.say(event)
        beat = Beat(event.at, self.stage.index(event.node), event.kind, said.words, said.weight, said.subject)
        if not self.story.beats:
            beat.ops += [["s", place, UP] for place in sorted(self._there)]
        self.story.beats.append(beat)
        if event.kind in QUEUE_KINDS:
            self._queue(event, beat)
        elif event.kind not in BUILT_IN:
            self._effect(event, beat)
        else:
            self._world(event, beat)
        score = _SCORES.get(event.kind, 0.0) if said.weight == 2 else 0.0
        if event.kind not in BUILT_IN and said.weight == 2:
            score = 10.0
        if score > self._best[0]:
            self._best = score, len(self.story.beats) - 1
        if score >= 5 and said.subject:
            self._scores[said.subject] = self._scores.get(said.subject, 0.0) + score

    def _count(self, beat: Beat, metric: str, by: int) -> None:
        if metric not in self.story.metrics:
            self.story.metrics.append(metric)
        beat.ops.append(["x", self.story.metrics.index(metric), by])

    def _world(self, event: Event, beat: Beat) -> None:
        place = beat.place
        if event.kind in _STATUS:
            lasts = event.get("lasts") if event.kind == "pause" else event.get("down")
            beat.ops.append(["s", place, _STATUS[event.kind], event.at, lasts or 0])
            if event.kind == "crash":
                self._held.pop(place, None)
                beat.ops.append(["h", place, 0, -1])
        elif event.kind in ("partition", "heal"):
            edge = self.stage.edge(self.stage.index(event.get("a", "")), self.stage.index(event.get("b", "")))
            if edge >= 0:
                beat.ops.append(["c", edge, int(event.kind == "partition")])
        elif event.kind == "commit" and not only_creates(event):
            shared = self.stage.index(f"database {event.get('database')}")
            owner = self.stage.places[place]
            if shared >= 0:
                beat.ops.append(["d", shared, 0])
            elif event.get("database") in owner.stores:
                beat.ops.append(["d", place, owner.stores.index(event["database"])])
        elif event.kind in ("handling", "handled"):
            self._hold(beat, place, self._message(event), event.kind == "handling")
        elif event.kind in ("timeout", "lost", "error"):
            self._count(beat, {"timeout": "timeouts", "lost": "lost", "error": "errors"}[event.kind], 1)

    def _effect(self, event: Event, beat: Beat) -> None:
        if beat.place < 0 or event.get("repeated"):
            return
        key = event.node, event.kind, beat.subject
        self._done[key] += 1
        again = bool(beat.subject) and self._done[key] > 1
        beat.ops.append(["k", beat.place, _label(beat.subject) or event.kind[:4], int(again)])
        self._count(beat, f"{event.kind}s" if event.kind.isalpha() else event.kind, 1)
        if again:
            self._count(beat, f"{event.kind}s too many", 1)

    # ---- queues ----------------------------------------------------------------------

    def _message(self, event: Event, queue: object = None) -> int:
        key = str(event.get("message"))
        if key not in self._messages:
            self._messages[key] = len(self.story.messages)
            subject = self.story.beats[-1].subject
            self.story.messages.append(subject)
            self.story.bodies.append("" if event.get("body") is None else short(event["body"], 120))
        return self._messages[key]

    def _queue(self, event: Event, beat: Beat) -> None:
        message = self._message(event)
        name = str(event.get("queue"))
        queue = self.story.queues.index((beat.place, name))
        if event.kind == "sent":
            self._move(beat, queue, message, DELAYED if event.get("delay") else READY)
        elif event.kind == "leased":
            consumer = self.stage.index(str(event.get("consumer")))
            self._move(beat, queue, message, IN_FLIGHT, consumer, event.at, event.get("until") or event.at)
            self._leased_to[str(event.get("receipt"))] = consumer
            self._count(beat, "deliveries", 1)
            if self.stage.places[consumer].name not in self._handlers:
                self._hold(beat, consumer, message, True)
        elif event.kind == "extended":
            consumer = self._leased_to.get(str(event.get("receipt")), -1)
            self._move(beat, queue, message, IN_FLIGHT, consumer, event.at, event.get("until") or event.at)
        elif event.kind in ("acked", "purged", "dropped"):
            self._move(beat, queue, message, GONE)
        elif event.kind in ("nacked", "expired"):
            self._move(beat, queue, message, DELAYED if event.get("delay") else READY)
        elif event.kind in ("dead", "redriven"):
            to = (beat.place, str(event.get("to")))
            self._move(
                beat, self.story.queues.index(to) if to in self.story.queues else queue, message, READY
            )
            if event.kind == "dead":
                self._count(beat, "dead letters", 1)
            elif (self._slots.get(message, (0, 0))[0]) != queue:
                self._count(beat, "dead letters", -1)
        if event.kind in ("acked", "nacked", "stale"):
            consumer = self._leased_to.get(str(event.get("receipt")), -1)
            if consumer >= 0 and self.stage.places[consumer].name not in self._handlers:
                self._hold(beat, consumer, message, False)

    def _move(self, beat: Beat, queue: int, message: int, slot: int, *lease: Any) -> None:
        before = self._slots.get(message, (queue, GONE))
        dead = {number for number, (_, name) in enumerate(self.story.queues) if self._is_dead_letters(name)}
        for index, name in ((READY, "ready"), (IN_FLIGHT, "in flight"), (DELAYED, "delayed")):
            was = before[1] == index and before[0] not in dead
            now = slot == index and queue not in dead
            if was != now:
                self._count(beat, name, int(now) - int(was))
        self._slots[message] = queue, slot
        beat.ops.append(["m", queue, message, slot, *lease])

    def _is_dead_letters(self, name: str) -> bool:
        if not hasattr(self, "_dead_names"):
            self._dead_names = {str(event.get("to")) for event in self.history if event.kind == "dead"}
        return name in self._dead_names

    def _hold(self, beat: Beat, place: int, message: int, holds: bool) -> None:
        held = self._held.setdefault(place, set())
        if place >= 0 and (message in held) != holds:
            (held.add if holds else held.discard)(message)
            beat.ops.append(["h", place, message, int(holds)])

    # ---- story time ------------------------------------------------------------------

    def _place_in_time(self) -> None:
        ends: dict[int, list[Travel]] = {}
        for travel in self.story.travels:
            ends.setdefault(travel.end, []).append(travel)
        pos = 0.0
        for number, beat in enumerate(self.story.beats):
            if number:
                before = self.story.beats[number - 1]
                gap = beat.at - before.at
                beat.idle = 0.02 if gap > 0 else 0.0
                if gap >= IDLE:
                    beat.idle = min(2.6, 0.9 + 0.55 * math.log10(gap / IDLE))
                pos += DWELL[before.weight] + beat.idle
                for travel in ends.get(number, ()):
                    takes = {ROUTINE: BRIEF, REPLY: BACK}.get(travel.shape, TRAVEL)
                    due = self.story.beats[travel.start].pos + takes
                    if due > pos and gap < IDLE:
                        beat.idle += due - pos if gap > 0 else 0.0
                    pos = max(pos, due)
            beat.pos = pos = round(pos, 2)
            beat.idle = round(beat.idle, 2)
        self.story.length = round(pos + 1.6, 2)

    # ---- what stands out ---------------------------------------------------------------

    def _bands(self) -> None:
        open_: dict[tuple[str, object], int] = {}
        ends = {"resume": "pause", "start": "crash", "heal": "partition", "fault_over": "fault"}
        for number, event in enumerate(self.history):
            key: object = (event.node, event.get("a"), event.get("b"))
            if event.kind in ("pause", "crash", "partition"):
                open_[event.kind, key] = len(self.story.bands)
                self.story.bands.append((number, -1, event.kind, self.story.beats[number].words))
            elif (index := open_.pop((ends.get(event.kind, ""), key), None)) is not None:
                first, _, kind, words = self.story.bands[index]
                self.story.bands[index] = (first, number, kind, words)

    def _choose(self, about: object) -> None:
        self.story.trouble = sorted(self._scores, key=lambda subject: -self._scores[subject])[:6]
        best = self._best[1] if self._best[0] else len(self.story.beats) * 2 // 3
        names, numbers = subjects(about)
        if names or numbers:
            known = dict.fromkeys(beat.subject for beat in self.story.beats)
            self.story.trouble = [subject for subject in known if subject and subject.split()[-1] in names]
            mine = [n for n, beat in enumerate(self.story.beats) if beat.subject in self.story.trouble]
            mine.sort(
                key=lambda n: (-self.story.beats[n].weight, -_SCORES.get(self.story.beats[n].kind, 10.0))
            )
            best = min(numbers) if numbers else (mine or [best])[0]
        self.story.still = min(best, max(len(self.story.beats) - 1, 0))


_STATUS = {"start": UP, "crash": CRASHED, "pause": PAUSED, "resume": UP, "exit": ENDED}
# How telling a turning point is, for the still frame; from 5 up its subject is in trouble.
_SCORES = {
    "dead": 7.0, "leased": 6.0, "stale": 5.0, "expired": 4.5, "lost": 4.0, "reset": 3.8, "arrive": 3.6,
    "timeout": 3.5, "cancelled": 3.4, "crash": 3.0, "pause": 2.9, "partition": 2.8, "refused": 2.5,
    "error": 2.0,
}  # fmt: skip


def _label(subject: str) -> str:
    """What fits on a token: the last word of "order 7"."""
    return subject.split()[-1][:5] if subject else ""


class _Journeys:
    """Pairs each departure (request, reply) with what became of it."""

    def __init__(self, story: Story, history: Sequence[Event], empty: set[int]) -> None:
        self.story, self.history, self.empty = story, history, empty
        self._length = 160 if len(history) < 1000 else 60  # characters of a body that are kept

    def collect(self) -> None:
        requests: dict[int, tuple[int, Event]] = {}
        replies: dict[int, tuple[int, Event]] = {}
        waited_for = {event["call"] for event in self.history if event.kind in ("answer", "lost")}
        for number, event in enumerate(self.history):
            call = event.get("call")
            if event.kind == "request":
                requests[event["call"]] = number, event
            elif event.kind == "reply":
                replies[event["call"]] = number, event
                if call not in waited_for:
                    self._go(number, -1, event, back=True, fate=TOO_LATE)
            elif event.kind == "arrive" and call in requests:
                self._go(requests[event["call"]][0], number, requests[event["call"]][1])
            elif event.kind == "answer" and call in replies:
                self._go(replies[event["call"]][0], number, replies[event["call"]][1], back=True)
            elif event.kind == "lost":
                source = requests if event.get("part") == "request" else replies
                if call in source:
                    start, departed = source[event["call"]]
                    self._go(start, number, departed, back=event.get("part") != "request", fate=LOST)
            elif event.kind == "refused" and call in requests:
                self._go(requests[event["call"]][0], number, requests[event["call"]][1], fate=REFUSED)
            elif event.kind == "commit" and not only_creates(event):
                self._commit(number, event)
        self.story.travels.sort()

    def _go(self, start: int, end: int, event: Event, *, back: bool = False, fate: int = SAFE) -> None:
        stage, beat = self.story.stage, self.story.beats[start]
        here, there = stage.index(event.node), stage.index(str(event.get("to")))
        edge = stage.edge(here, there)
        if edge < 0:
            return
        path = str(event.get("path", ""))
        leased = back and self._leased_before(start)
        shape = REPLY if back else REQUEST
        if leased or (not back and path.endswith(("/messages", "/send"))):
            shape = MESSAGE
        elif event["call"] in self.empty or (not back and "/receive" in path):
            shape = ROUTINE
        if (
            fate == SAFE
            and end >= 0
            and self.story.beats[end].at - beat.at > IDLE
            and self._was_paused(start, end, there)
        ):
            fate = AT_THE_DOOR
        subject = leased or beat.subject
        what = f"{event.get('method')} {path}" if not back else f"reply {event.get('status')}"
        body = (
            "" if event.get("body") in (None, {}) or shape == ROUTINE else short(event["body"], self._length)
        )
        tells = f"{event.node} → {event.get('to')}: {what}{chr(10) + body if body else ''}"
        against = int(stage.edges[edge][0] != here)
        self.story.travels.append(Travel(start, end, edge, against, shape, subject, fate, tells))

    def _leased_before(self, reply: int) -> str:
        """The subject of the message that this reply carries: the broker leased it just before."""
        to = self.history[reply].get("to")
        for number in range(reply - 1, max(-1, reply - 12), -1):
            event = self.history[number]
            if event.kind == "reply" and event.get("to") == to:
                return ""
            if (
                event.kind == "leased"
                and event.get("consumer") == to
                and event.node == self.history[reply].node
            ):
                return self.story.beats[number].subject
        return ""

    def _was_paused(self, start: int, end: int, place: int) -> bool:
        name = self.story.stage.places[place].name
        status = ""
        for event in self.history[: end + 1]:
            if event.node == name and event.kind in ("pause", "resume"):
                if event.number >= start:
                    return True
                status = event.kind
        return status == "pause"

    def _commit(self, number: int, event: Event) -> None:
        stage = self.story.stage
        here, there = stage.index(event.node), stage.index(f"database {event.get('database')}")
        edge = stage.edge(here, there)
        if edge >= 0:
            tells = f"{event.node} commits to {event.get('database')}\n" + short(event.get("statements"), 160)
            back = int(stage.edges[edge][0] != here)
            self.story.travels.append(Travel(number, -1, edge, back, COMMIT, "", SAFE, tells))


# ---- the state of the stage at a beat ------------------------------------------------------


@dataclass(slots=True)
class State:
    """What the operations of the first beats have made of the stage."""

    status: dict[int, tuple[int, float, float]] = field(default_factory=dict)  # place -> status, since, lasts
    slots: dict[int, tuple[int, int, int, float, float]] = field(
        default_factory=dict
    )  # message -> queue, ...
    held: dict[int, list[int]] = field(default_factory=dict)
    marks: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    commits: Counter[tuple[int, int]] = field(default_factory=Counter)
    cut: set[int] = field(default_factory=set)
    metrics: Counter[int] = field(default_factory=Counter)


def state_at(story: Story, beat: int) -> State:
    """The state after beats 0..beat."""
    state = State()
    for found in story.beats[: beat + 1]:
        for op in found.ops:
            _apply(state, op)
    return state


def _apply(state: State, op: Op) -> None:
    letter, first, *rest = op
    if letter == "s":
        status, since, lasts = (*rest, 0, 0)[:3]
        state.status[first] = status, since, lasts
    elif letter == "m":
        message, slot, holder, since, until = (*rest, -1, 0, 0)[:5]
        state.slots.pop(message, None)  # so that it goes to the end of its new line
        if slot != GONE:
            state.slots[message] = first, slot, holder, since, until
    elif letter == "h":
        message, holds = rest
        held = state.held.setdefault(first, [])
        if holds < 0:
            held.clear()
        elif holds:
            held.append(message)
        elif message in held:
            held.remove(message)
    elif letter == "k":
        state.marks.setdefault(first, []).append((rest[0], rest[1]))
    elif letter == "d":
        state.commits[first, rest[0]] += 1
    elif letter == "c":
        (state.cut.add if rest[0] else state.cut.discard)(first)
    elif letter == "x":
        state.metrics[first] += rest[0]
