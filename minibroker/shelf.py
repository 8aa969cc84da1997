"""The shelf: which messages a queue holds, and where each of them stands.

Idea      One entry a message, and beside it what finds the right one without looking at all:
          a line of those that may be received, the leased ones by their receipt, one heap of
          deadlines, the groups. Each move goes through the table of legal moves, so an entry
          cannot be in two places, nor in none.
Not here  Why a message moves: limits, times to live and dead letters are rules (work_queue.py).
"""

import math
from collections.abc import Callable, Iterator
from itertools import count, islice

from minibroker.deadlines import Deadline, Deadlines
from minibroker.delivery_states import (
    ACK,
    AFTER,
    DEAD,
    DELAYED,
    DONE,
    IN_FLIGHT,
    NEW,
    READY,
    RECEIVE,
    Event,
    State,
)
from minibroker.entry import Entry
from minibroker.fifo import Groups
from minibroker.lease import receipt_for
from minibroker.message import Message
from minibroker.ready_line import ReadyLine


class Shelf:
    """The entries of one queue. Times are seconds on the queue's clock. `arrived`: see ReadyLine."""

    def __init__(self, arrived: Callable[[], None] | None = None) -> None:
        self.line = ReadyLine(arrived)  # who may be received
        self.entries: dict[int, Entry] = {}  # by message id; in order of place, since each is put in once
        self.leased: dict[str, Entry] = {}  # by receipt
        self.acked = 0  # ever
        self.died = 0  # ever
        self._delayed = 0
        self._places = count()
        self._deadlines = Deadlines(self._runs)
        self._new_leases = 0  # the last so many of the leased ones may be not yet among the deadlines
        self._groups = Groups()

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        """All entries, in order of place."""
        return iter(self.entries.values())

    def count(self, state: State) -> int:
        """How many stand in `state`; of DONE and DEAD, how many ever got there."""
        hidden = {IN_FLIGHT: len(self.leased), DELAYED: self._delayed}
        ready = len(self) - sum(hidden.values())
        return {**hidden, READY: ready, DONE: self.acked, DEAD: self.died}.get(state, 0)

    def get(self, message_id: int) -> Entry | None:
        """The entry of a message, if it is here."""
        return self.entries.get(message_id)

    # -- in and out ----------------------------------------------------------------------------------

    def enter(
        self, message: Message, event: Event, expires_at: float, *, until: float = 0.0, before: State = NEW
    ) -> Entry:
        """A message comes in, behind all others: to be received, or hidden `until` then."""
        state, group = AFTER[event][before], message.group
        entry = self.entries[message.id] = Entry(message, next(self._places), state, expires_at)
        is_first = group is None or self._groups.join(group, entry)
        if state is DELAYED:
            self._delayed += 1
            entry.deadline = until
            self._deadlines.add((until, entry.place, message.id))
        elif is_first:
            self.line.append(entry)
        return entry

    def place(self, entry: Entry) -> None:
        """An entry that a journal kept comes back as it was, behind those that came back before it."""
        message, entry.place = entry.message, next(self._places)
        self.entries[message.id] = entry
        is_first = message.group is None or self._groups.join(message.group, entry)
        if entry.state is READY:
            if is_first:
                self.line.add(entry)
            return
        if entry.state is DELAYED:
            self._delayed += 1
        else:
            entry.receipt = receipt_for(message, entry.receive_count)
            self.leased[entry.receipt] = entry
        self._deadlines.add((entry.deadline, entry.place, message.id))

    def leave(self, entry: Entry, event: Event) -> None:
        """Its message goes, for the reason `event`; the next one of its group may be received now."""
        before, message = entry.state, entry.message
        entry.state = AFTER[event][before]
        if before is IN_FLIGHT:
            del self.leased[entry.receipt]
        if event is ACK:
            self.acked += 1
        else:
            self.died += 1
        del self.entries[message.id]
        if message.group is not None:
            self._leave_group(message.group, entry)

    def withdraw(self, wanted: set[int]) -> list[Entry]:
        """Take out those of these messages that are ready; in order of place."""
        leaving = [e for e in self if e.message.id in wanted and e.state is READY]
        for entry in leaving:
            del self.entries[entry.message.id]
            if entry.message.group is not None:
                self._leave_group(entry.message.group, entry)
        self.line.keep(lambda entry: entry.message.id in self.entries)
        return leaving

    # -- the moves -----------------------------------------------------------------------------------

    def lease(self, most: int, until: float, consumer: str, now: float) -> list[Entry]:
        """Take up to `most` out of the line, the first first: count that, and hide each under a new receipt.

        It stops before one whose time to live is over `now`.
        """
        taken: list[Entry] = []
        pop, leased, after = self.line.pop, self.leased, AFTER[RECEIVE]
        while len(taken) < most and (entry := pop(now)) is not None:
            entry.state = after[entry.state]
            entry.receive_count = receive_count = entry.receive_count + 1
            entry.consumer = consumer
            entry.deadline = until
            entry.receipt = receipt = receipt_for(entry.message, receive_count)
            leased[receipt] = entry
            taken.append(entry)
        self._new_leases += len(taken)
        return taken

    def show(self, entry: Entry, event: Event) -> None:
        """It may be received, if nobody of its group is ahead of it."""
        self._move(entry, event)
        group = entry.message.group
        if group is None or self._groups.lets_go(group, entry):
            self.line.add(entry)

    def hide(self, entry: Entry, event: Event, until: float) -> None:
        """Nobody can receive it until then."""
        self._move(entry, event)
        entry.deadline = until
        self._deadlines.add((until, entry.place, entry.message.id))

    def _move(self, entry: Entry, event: Event) -> None:
        """To where the table says. IllegalMove if it does not allow that."""
        before = entry.state
        after = AFTER[event][before]
        entry.state = after
        if before is IN_FLIGHT and after is not IN_FLIGHT:
            del self.leased[entry.receipt]
        elif before is DELAYED:
            self._delayed -= 1
        if after is DELAYED:
            self._delayed += 1

    def _leave_group(self, group: str, entry: Entry) -> None:
        heir = self._groups.leave(group, entry)
        if heir is not None and heir.state is READY:
            self.line.add(heir)

    # -- time ------------------------------------------------------------------------------------------

    def first_deadline(self) -> float:
        """When the next lease or delay ends; inf if none runs.

        Nearly every message is acked long before its lease ends. So the ends of leases are put among the
        deadlines here, when somebody asks, and not before.
        """
        for entry in islice(reversed(self.leased.values()), self._new_leases):
            self._deadlines.add((entry.deadline, entry.place, entry.message.id))
        self._new_leases = 0
        earliest = self._deadlines.earliest()
        return math.inf if earliest is None else earliest[0]

    def pop_due(self, now: float) -> Entry | None:
        """An entry whose lease or delay is over by `now`, no later than first_deadline() said."""
        due = self._deadlines.pop_due(now)
        return None if due is None else self.entries[due[-1]]

    def _runs(self, deadline: Deadline) -> bool:
        """Is this deadline still that of a lease or delay? Acks and extends leave theirs in the heap."""
        when, _, message_id = deadline
        entry = self.entries.get(message_id)
        return entry is not None and entry.deadline == when and entry.state in (IN_FLIGHT, DELAYED)
