"""The shelf: which messages a queue holds, and where each of them stands.

Idea      One entry a message, and beside it what finds the right one without looking at all:
          a line of those that may be received, the leased ones by their receipt, one heap of
          deadlines, the groups. Each move goes through the table of legal moves, so an entry
          cannot be in two places, nor in none.
Not here  Why a message moves: limits, times to live and dead letters are rules (work_queue.py).
"""

import math
from collections.abc import Iterator
from itertools import count

from minibroker.deadlines import Deadline, Deadlines
from minibroker.delivery_states import (
    ACK,
    DEAD,
    DELAYED,
    DONE,
    IN_FLIGHT,
    NEW,
    READY,
    RECEIVE,
    Event,
    State,
    next_state,
)
from minibroker.entry import Entry
from minibroker.fifo import Groups
from minibroker.lease import receipt_for
from minibroker.message import Message
from minibroker.ready_line import ReadyLine


class Shelf:
    """The entries of one queue. Times are seconds on the queue's clock."""

    def __init__(self) -> None:
        self.line = ReadyLine()  # who may be received
        self.leased: dict[str, Entry] = {}  # by receipt
        self.acked = 0  # ever
        self.died = 0  # ever
        self._delayed = 0
        self._entries: dict[int, Entry] = {}  # by message id; in order of place, since each is put in once
        self._places = count()
        self._deadlines = Deadlines(self._runs)
        self._groups = Groups()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """All entries, in order of place."""
        return iter(self._entries.values())

    def count(self, state: State) -> int:
        """How many stand in `state`; of DONE and DEAD, how many ever got there."""
        hidden = {IN_FLIGHT: len(self.leased), DELAYED: self._delayed}
        ready = len(self) - sum(hidden.values())
        return {**hidden, READY: ready, DONE: self.acked, DEAD: self.died}.get(state, 0)

    def get(self, message_id: int) -> Entry | None:
        """The entry of a message, if it is here."""
        return self._entries.get(message_id)

    # -- in and out ----------------------------------------------------------------------------------

    def enter(
        self, message: Message, event: Event, expires_at: float, *, until: float = 0.0, before: State = NEW
    ) -> Entry:
        """A message comes in, behind all others: to be received, or hidden `until` then."""
        state = next_state(before, event)
        entry = Entry(message, next(self._places), state, expires_at)
        self._entries[message.id] = entry
        if message.group is not None:
            self._groups.join(entry)
        if state is DELAYED:
            self._delayed += 1
            entry.deadline = until
            self._deadlines.add((until, entry.place, message.id))
        elif message.group is None or self._groups.lets_go(entry):
            self.line.add(entry)
        return entry

    def place(self, entry: Entry) -> None:
        """An entry that a journal kept comes back as it was, behind those that came back before it."""
        entry.place = next(self._places)
        self._entries[entry.message.id] = entry
        self._groups.join(entry)
        if entry.state is READY:
            if self._groups.lets_go(entry):
                self.line.add(entry)
            return
        if entry.state is DELAYED:
            self._delayed += 1
        else:
            entry.receipt = receipt_for(entry.message, entry.receive_count)
            self.leased[entry.receipt] = entry
        self._deadlines.add((entry.deadline, entry.place, entry.message.id))

    def leave(self, entry: Entry, event: Event) -> None:
        """Its message goes, for the reason `event`; the next one of its group may be received now."""
        self._move(entry, event)
        if event is ACK:
            self.acked += 1
        else:
            self.died += 1
        self._forget(entry)

    def withdraw(self, wanted: set[int]) -> list[Entry]:
        """Take out those of these messages that are ready; in order of place."""
        leaving = [e for e in self if e.message.id in wanted and e.state is READY]
        for entry in leaving:
            self._forget(entry)
        self.line.keep(lambda entry: entry.message.id in self._entries)
        return leaving

    # -- the moves -----------------------------------------------------------------------------------

    def lease(self, entry: Entry, until: float, consumer: str) -> None:
        """It was taken out of the line by a receive: count that, and hide it under a new receipt."""
        self.hide(entry, RECEIVE, until)
        entry.receive_count += 1
        entry.consumer = consumer
        entry.receipt = receipt = receipt_for(entry.message, entry.receive_count)
        self.leased[receipt] = entry

    def show(self, entry: Entry, event: Event) -> None:
        """It may be received, if nobody of its group is ahead of it."""
        self._move(entry, event)
        if entry.message.group is None or self._groups.lets_go(entry):
            self.line.add(entry)

    def hide(self, entry: Entry, event: Event, until: float) -> None:
        """Nobody can receive it until then."""
        self._move(entry, event)
        entry.deadline = until
        self._deadlines.add((until, entry.place, entry.message.id))

    def _move(self, entry: Entry, event: Event) -> None:
        """To where the table says. IllegalMove if it does not allow that."""
        before = entry.state
        after = next_state(before, event)
        entry.state = after
        if before is IN_FLIGHT and after is not IN_FLIGHT:
            del self.leased[entry.receipt]
        elif before is DELAYED:
            self._delayed -= 1
        if after is DELAYED:
            self._delayed += 1

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.message.id]
        if entry.message.group is not None:
            heir = self._groups.leave(entry)
            if heir is not None and heir.state is READY:
                self.line.add(heir)

    # -- time ------------------------------------------------------------------------------------------

    def first_deadline(self) -> float:
        """When the next lease or delay ends; inf if none runs."""
        earliest = self._deadlines.earliest()
        return math.inf if earliest is None else earliest[0]

    def pop_due(self, now: float) -> Entry | None:
        """An entry whose lease or delay is over by `now`, the earliest first."""
        due = self._deadlines.pop_due(now)
        return None if due is None else self._entries[due[-1]]

    def _runs(self, deadline: Deadline) -> bool:
        """Is this deadline still that of a lease or delay? Acks and extends leave theirs in the heap."""
        when, _, message_id = deadline
        entry = self._entries.get(message_id)
        return entry is not None and entry.deadline == when and entry.state in (IN_FLIGHT, DELAYED)
