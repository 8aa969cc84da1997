"""A shared subscription: its members compete for the messages of one queue.

Idea      `$share/billing/orders/#` is a group `billing` with a queue of its own, like any other
          in this package: a message of QoS 1 or 2 goes in, and the next member in turn that has room
          gets a lease on it. If all are away it waits. QoS 0 goes to the next connected member, or
          is gone: nothing of QoS 0 waits anywhere in this broker.
Corners   A member that leaves with a message of QoS 1 in hand gives it back, and another gets it
          (as the first time, without DUP). One of QoS 2 may not change hands: it waits for
          its member, and goes when that one's session ends [MQTT-4.8.2-4, MQTT-4.8.2-5].
          A member that refuses a message ends it for all [MQTT-4.8.2-6].
          Nobody gets retained messages upon joining, since which of them should?
Source    MQTT 5.0, 4.8.2 "Shared Subscriptions". In turn is our choice; MQTT leaves it open.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from minibroker.mqtt.copy import Copy
from minibroker.mqtt.outbox import Sent, put
from minibroker.mqtt.subscriptions import Entry
from minibroker.work_queue import WorkQueue

if TYPE_CHECKING:
    from minibroker.mqtt.session import Session


class Group:
    """The members that share `filter` under `name`. `make_queue` makes its queue, when one is needed."""

    __slots__ = ("_make_queue", "_members", "filter", "name", "queue")

    def __init__(self, name: str, filter: str, make_queue: Callable[[], WorkQueue]) -> None:
        self.name = name
        self.filter = filter
        self._make_queue = make_queue
        self.queue: WorkQueue | None = None
        self._members: dict[Session, Entry] = {}  # in turn: who got something goes to the end

    def __len__(self) -> int:
        return len(self._members)

    def members(self) -> list["Session"]:
        """All of them, the next in turn first."""
        return list(self._members)

    def join(self, entry: Entry) -> None:
        """A member, or what it now wants instead."""
        self._members[entry.session] = entry

    def leave(self, session: "Session") -> None:
        """One member less."""
        self._members.pop(session, None)

    def put(self, copy: Copy, *, now: float) -> None:
        """A message for one of them."""
        if copy.publish.qos == 0:
            self._to_the_next(copy, now)
            return
        if self.queue is None:
            self.queue = self._make_queue()
        put(self.queue, copy.as_json(), now=now)
        self.pump(now=now)

    def recover(self, *, now: float) -> Iterator[tuple[str, Sent]]:
        """After a restart of the broker: what its members had in hand, with their client ids."""
        self.queue = self._make_queue()
        members = {session.client_id: entry for session, entry in self._members.items()}
        for lease in self.queue.leases(now=now):
            if lease.consumer in members:
                copy = self._fitted(Copy.from_json(lease.message.body), members[lease.consumer])
                yield lease.consumer, Sent(copy, self.queue, lease.receipt, lease.message.id)
            else:
                self.queue.nack(lease.receipt, now=now)

    def pump(self, *, now: float) -> None:
        """Hand out what waits, one each in turn, while a member has room."""
        queue = self.queue
        while queue is not None and queue.ready:
            entry = next((e for s, e in self._members.items() if s.room > 0), None)
            if entry is None:
                return
            session = entry.session
            for lease in queue.receive(now=now, consumer=session.client_id):
                copy = self._fitted(Copy.from_json(lease.message.body), entry)
                session.take(Sent(copy, queue, lease.receipt, lease.message.id), now=now)
                self._to_the_end(entry)

    def _to_the_next(self, copy: Copy, now: float) -> None:
        for entry in self._members.values():
            if entry.session.connected:
                entry.session.deliver(self._fitted(copy, entry), now=now)
                self._to_the_end(entry)
                return

    def _to_the_end(self, entry: Entry) -> None:
        del self._members[entry.session]
        self._members[entry.session] = entry

    @staticmethod
    def _fitted(copy: Copy, entry: Entry) -> Copy:
        wish, publish = entry.wish, copy.publish
        retain = publish.retain and wish.retain_as_published
        return copy.fitted(min(wish.qos, publish.qos), retain, entry.identifiers)
