"""What a queue writes down, and how it is read again.

Idea      A fact is a list of JSON values that says where one message stands now, not how it came
          there: the last fact of a message wins. So reading is filling a table, in the order of
          writing; a queue's history is a log, and its present is that log compacted by key.

          | fact                                                        | it says                        |
          |-------------------------------------------------------------|--------------------------------|
          | ["in", queue, message, expires, until, dedup key]           | it came in, behind all others  |
          | ["leased", queue, until, consumer, [message ids]]           | received once more             |
          | ["stands", queue, id, state, until, counts, error]          | given back, or extended        |
          | ["out", queue, id, state]                                   | done, dead, or moved elsewhere |
          | ["was", queue, acked, dead]                                 | how many ever, before all that |
          | ["remember", queue, dedup key, id, until]                   | of a send that counts still    |

          ["queue", name, settings] made it, and stands before all others.
Ends      of leases, delays and lives are not written: whoever reads "leased until 30" at 31 knows.
          Nor are receives counted twice: the lease is written, so a receipt never fits two leases.
Not here  The file (journal.py). What a fact means for the rules (work_queue.py).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from minibroker.dedup import DedupWindow
from minibroker.delivery_states import State
from minibroker.entry import Entry
from minibroker.journal import Fact
from minibroker.message import Message
from minibroker.settings import QueueSettings
from minibroker.shelf import Shelf

DEFAULT_WINDOW = QueueSettings().dedup_window


def came_in(queue: str, entry: Entry, *, dedup_key: str | None = None) -> Fact:
    """A message has entered, and is ready or hidden until its deadline."""
    expires = None if entry.expires_at == math.inf else entry.expires_at
    until = entry.deadline if entry.state is State.DELAYED else None
    return ["in", queue, entry.message, expires, until, dedup_key]


def leased(queue: str, entries: Iterable[Entry], until: float, consumer: str) -> Fact:
    """These were received, in one receive."""
    return ["leased", queue, until, consumer, [entry.message.id for entry in entries]]


def stands(queue: str, entry: Entry) -> Fact:
    """All of an entry that changes while it is here."""
    counts = [entry.receive_count, entry.message.past_receives]
    return ["stands", queue, entry.message.id, entry.state, entry.deadline, counts, entry.error]


def went_out(queue: str, entry: Entry) -> Fact:
    """It has left."""
    return ["out", queue, entry.message.id, entry.state]


def all_of(queue: str, shelf: Shelf, dedup: DedupWindow) -> Iterator[Fact]:
    """A queue that holds this, in as few facts as can be."""
    yield ["was", queue, shelf.acked, shelf.died]
    for entry in shelf:
        yield came_in(queue, entry)
        if entry.receive_count or entry.error or entry.state is State.IN_FLIGHT:
            yield [*stands(queue, entry), entry.consumer]
    for key, message_id, until in dedup.remembered():
        yield ["remember", queue, key, message_id, until]


@dataclass(slots=True)
class QueueTable:
    """What the facts of one queue add up to, as they are read one by one."""

    settings: dict[str, Any]  # as JSON values, and `dead_letter_queue`
    entries: dict[int, Entry] = field(default_factory=dict)  # by message id, in order of place
    dedup: list[tuple[str, int, float]] = field(default_factory=list)
    acked: int = 0
    dead: int = 0

    def came_in(
        self,
        message: list[Any],
        expires: float | None,
        until: float | None,
        dedup_key: str | None,
    ) -> None:
        it = Message.from_list(message)
        entry = Entry(it, 0, State.READY, math.inf if expires is None else expires)
        if until is not None:
            entry.state, entry.deadline = State.DELAYED, until
        self.entries[it.id] = entry
        if dedup_key is not None:
            window = self.settings.get("dedup_window", DEFAULT_WINDOW)
            self.dedup.append((dedup_key, it.id, it.enqueued_at + window))

    def leased(self, until: float, consumer: str, message_ids: list[int]) -> None:
        for message_id in message_ids:
            entry = self.entries[message_id]
            entry.receive_count += 1
            entry.state, entry.deadline, entry.consumer = State.IN_FLIGHT, until, consumer

    def stands(
        self, message_id: int, state: str, until: float, counts: list[int], error: str, consumer: str = ""
    ) -> None:
        entry = self.entries[message_id]
        entry.state, entry.deadline, entry.error = State(state), until, error
        entry.receive_count = counts[0]
        entry.message = entry.message._replace(past_receives=counts[1])
        entry.consumer = consumer or entry.consumer

    def went_out(self, message_id: int, state: str) -> None:
        del self.entries[message_id]
        self.acked += state == State.DONE
        self.dead += state == State.DEAD

    def was(self, acked: int, dead: int) -> None:
        self.acked, self.dead = acked, dead

    def remember(self, dedup_key: str, message_id: int, until: float) -> None:
        self.dedup.append((dedup_key, message_id, until))
