"""A session: what a broker keeps for a client, whether it is there or not.

Idea      The connection comes and goes; the session stays as long as its client asked for. It holds
          the subscriptions, the messages of QoS 1 and 2 that the client has not acked (outbox.py),
          the packet ids of QoS 2 messages that it has sent and not released, and its will.
QoS 0     goes to a connected client at once, and is otherwise gone: at most once.
Source    MQTT 5.0, 4.1 "Session State", 3.1.2.5 "Will Flag", 3.1.2.11.2 "Session Expiry Interval".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from minibroker.mqtt.copy import Copy
from minibroker.mqtt.outbox import Note, Outbox, Sent
from minibroker.mqtt.packets import Will
from minibroker.mqtt.timetable import Appointment
from minibroker.work_queue import WorkQueue

if TYPE_CHECKING:
    from minibroker.mqtt.conversation import Conversation
    from minibroker.mqtt.shares import Group
    from minibroker.mqtt.subscriptions import Entry


class Session:
    """The session of one client id. `make_queue` and `note` are its outbox's; `kept` says that a restart of
    the broker shall find it again.
    """

    __slots__ = (
        "client_id",
        "conversation",
        "end",
        "entries",
        "expiry",
        "kept",
        "outbox",
        "received",
        "sharing",
        "will",
        "will_due",
    )

    def __init__(
        self, client_id: str, make_queue: Callable[[], WorkQueue], *, note: Note | None = None
    ) -> None:
        self.client_id = client_id
        self.conversation: Conversation | None = None
        self.entries: dict[str, tuple[Entry, Group | None]] = {}  # by filter, as it was asked for
        self.outbox = Outbox(make_queue, note)
        self.kept = note is not None
        self.sharing = False  # was it ever a member of a group?
        self.received: set[int] = set()  # packet ids of QoS 2 messages that came and are not released
        self.expiry = 0.0  # seconds that it outlives its connection
        self.will: Will | None = None
        self.will_due: Appointment | None = None
        self.end: Appointment | None = None

    def forget_appointments(self) -> None:
        """Neither its will nor its end comes."""
        for appointment in (self.end, self.will_due):
            if appointment is not None:
                appointment.cancel()
        self.end = self.will_due = None

    @property
    def connected(self) -> bool:
        """Is its client there?"""
        return self.conversation is not None

    @property
    def room(self) -> int:
        """How many messages of QoS 1 and 2 it could send to its client now."""
        conversation = self.conversation
        return 0 if conversation is None or conversation.congested else self.outbox.room

    def groups(self) -> list["Group"]:
        """The shared subscriptions that it is a member of."""
        return [group for _, group in self.entries.values() if group is not None]

    def deliver(self, copy: Copy, *, now: float) -> None:
        """A message for its client: to be sent now (QoS 0), or kept until acked."""
        conversation = self.conversation
        if copy.publish.qos == 0:
            if conversation is not None:
                conversation.send_or_drop(copy, now)
            return
        self.outbox.put(copy, now=now)
        if conversation is not None:
            conversation.wake()

    def take(self, sent: Sent, *, now: float) -> None:
        """Send what was leased for it from the queue of a group."""
        conversation = self.conversation
        if conversation is None or sent.copy.publish.qos == 0:
            sent.done(now)
            self.deliver(sent.copy, now=now)
        else:
            self.outbox.hand_over(sent, conversation.transmit, now=now)
