"""The outbox: a session's messages of QoS 1 and 2, from when they come until the client has them.

Idea      It is a queue (work_queue.py), and MQTT's words are the queue's under other names:

          | MQTT                                     | the queue                                    |
          |------------------------------------------|----------------------------------------------|
          | waits for the client                     | ready                                        |
          | in flight                                | leased                                       |
          | PUBACK, PUBCOMP                          | ack                                          |
          | Receive Maximum                          | how many leases at a time                    |
          | message expiry                           | ttl: what is leased does not expire          |
          | sent again after a reconnect, with DUP   | the same lease, or after a crash the next one |

          The session, not the connection, holds the leases. So while a client is away nothing ends
          them: MQTT sends again when the client is back, never because time passed.
Shared    A message of a shared subscription is leased from the group's queue instead (shares.py).
QoS 2     Once the client has said PUBREC, only PUBREL is sent again, never the message. Its packet id
          is in use until PUBCOMP, or a new message would look like an old one.
Source    MQTT 5.0, 4.3 "Quality of Service levels", 4.4 "Message delivery retry", 4.9 "Flow Control".
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from minibroker.errors import QueueFull
from minibroker.mqtt.copy import Copy
from minibroker.work_queue import WorkQueue

LEASE = 1e9  # seconds: until the client answers. A queue wants a number
LAST_PACKET_ID = 65_535


@dataclass(slots=True, eq=False)
class Sent:
    """A message in flight under a packet id."""

    copy: Copy
    queue: WorkQueue
    receipt: str
    message_id: int = 0
    released: bool = False  # QoS 2: the client has said PUBREC

    def done(self, now: float) -> None:
        """The client has it: the message leaves the queue."""
        self.queue.ack(self.receipt, now=now)


Transmit = Callable[[Copy, float, int, bool], bool]  # (copy, now, packet id, dup) -> was it sent?
Note = Callable[[int, Sent, bool], None]  # (packet id, the message, is it still in flight?)
Release = Callable[[int], None]  # (packet id): send PUBREL


def put(queue: WorkQueue, copy: Copy, *, now: float) -> bool:
    """Into `queue` with it, unless it has expired. False if there was no room even without the oldest."""
    if copy.expired(now):
        return True
    ttl = None if copy.expiry is None else copy.expiry - (now - copy.at)
    try:
        queue.send(copy, now=now, ttl=ttl)
    except QueueFull:
        return False
    return True


class Outbox:
    """`make_queue` makes its queue, when the first message comes: most clients never get one.

    `note` is told of each step of a message of QoS 2, if that must outlive the broker (session_log.py).
    """

    __slots__ = ("_again", "_last_id", "_make_queue", "_note", "_quota", "_window", "in_flight", "queue")

    def __init__(self, make_queue: Callable[[], WorkQueue], note: Note | None = None) -> None:
        self._make_queue = make_queue
        self._note = note
        self.queue: WorkQueue | None = None
        self.in_flight: dict[int, Sent] = {}  # by packet id, in the order in which they were first sent
        self._again: deque[int] = deque()  # packet ids to be sent again on this connection
        self._last_id = 0
        self._window = self._quota = 0

    def put(self, copy: Copy, *, now: float) -> None:
        """Keep a message until the client has it, or it expires, or too many wait."""
        if self.queue is None:
            self.queue = self._make_queue()
        put(self.queue, copy if self._note is None else copy.as_json(), now=now)  # its own stays in memory

    def recover(
        self, of_groups: Iterable[Sent], packet_ids: Mapping[int, tuple[int, bool]], *, now: float
    ) -> None:
        """After a restart of the broker: of what was leased to the client, keep what was of QoS 2 under its
        old packet id (packet id -> message id, released), and let the rest be leased again.
        """
        found = list(of_groups)
        if self.queue is not None:
            for lease in self.queue.leases(now=now):
                copy = Copy.from_json(lease.message.body)
                found.append(Sent(copy, self.queue, lease.receipt, lease.message.id))
        ids = {message_id: (packet_id, released) for packet_id, (message_id, released) in packet_ids.items()}
        for sent in found:
            if sent.message_id in ids:
                packet_id, sent.released = ids[sent.message_id]
                self.in_flight[packet_id] = sent
            else:
                sent.queue.nack(sent.receipt, now=now)

    def opened(self, window: int) -> None:
        """There is a connection, that takes `window` messages at a time: begin with what was in flight."""
        self._window = self._quota = window
        self._again = deque(self.in_flight)

    @property
    def waits(self) -> bool:
        """Is there anything to send, now or later?"""
        return bool(self._again) or (self.queue is not None and self.queue.ready > 0)

    @property
    def room(self) -> int:
        """How many more messages the client takes now (what is to be sent again counts first)."""
        return self._quota - len(self._again)

    def pump(self, transmit: Transmit, release: Release, *, now: float) -> None:
        """Send what the client takes now: first what is to be sent again, in its old order."""
        while self._again and self._quota > 0:
            packet_id = self._again.popleft()
            sent = self.in_flight.get(packet_id)
            if sent is None:
                continue
            if sent.released:
                release(packet_id)
            elif not transmit(sent.copy, now, packet_id, True):
                self._finish(packet_id, sent, now)
                continue
            self._quota -= 1
        queue = self.queue
        if queue is None:
            return
        while self._quota > 0 and queue.ready:
            for lease in queue.receive(now=now, max_messages=self._quota):
                sent = Sent(Copy.from_json(lease.message.body), queue, lease.receipt, lease.message.id)
                self.hand_over(sent, transmit, now=now, dup=lease.receive_count > 1)

    def hand_over(self, sent: Sent, transmit: Transmit, *, now: float, dup: bool = False) -> None:
        """Send what was leased for this client, under the next packet id that is not in use."""
        packet_id = self._last_id % LAST_PACKET_ID + 1
        while packet_id in self.in_flight:
            packet_id = packet_id % LAST_PACKET_ID + 1
        if not transmit(sent.copy, now, packet_id, dup):
            sent.done(now)  # too large for this client: as if it had been sent [MQTT-3.1.2-25]
            return
        self.in_flight[packet_id] = sent
        self._last_id = packet_id
        self._quota -= 1
        if self._note is not None and sent.copy.publish.qos == 2:
            self._note(packet_id, sent, True)

    # -- what the client answers ------------------------------------------------------------------------

    def finished(self, packet_id: int, *, qos: int, now: float) -> bool:
        """PUBACK or PUBCOMP came, or a PUBREC that refuses. False if nothing like it is in flight."""
        sent = self.in_flight.get(packet_id)
        if sent is None or sent.copy.publish.qos != qos:
            return False
        self._finish(packet_id, sent, now)
        if self._quota < self._window:
            self._quota += 1
        return True

    def received(self, packet_id: int) -> bool:
        """PUBREC came: from now on only PUBREL is sent. False if no QoS 2 message has this packet id."""
        sent = self.in_flight.get(packet_id)
        if sent is None or sent.copy.publish.qos != 2:
            return False
        sent.released = True
        if self._note is not None:
            self._note(packet_id, sent, True)
        return True

    def _finish(self, packet_id: int, sent: Sent, now: float) -> None:
        del self.in_flight[packet_id]
        if self._note is not None and sent.copy.publish.qos == 2:
            self._note(packet_id, sent, False)
        sent.done(now)
