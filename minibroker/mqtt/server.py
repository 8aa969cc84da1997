"""The MQTT server: sessions by client id, and messages from one to the others.

Idea      Everything that outlives a connection is here, and made of this package's own parts: filters in a
          router, a session's messages in a queue, a shared subscription's in one for all of its
          members, retained messages in a compacted log.
Time      One timetable for keep alives, ends of sessions and delayed wills. One callback a turn of the
          loop sends what the turn has brought, for all connections that it brought something for.
Not here  Packets (conversation.py), sockets (connection.py, listener.py).
Source    MQTT 5.0, 3.1.2.5 "Will Flag", 3.1.3.2.2 "Will Delay Interval", 3.3.4, 4.1.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

from minibroker.errors import InvalidArgument
from minibroker.mqtt.access import Authenticate, Authorize, everybody, everything
from minibroker.mqtt.copy import Copy
from minibroker.mqtt.limits import Limits
from minibroker.mqtt.outbox import LEASE
from minibroker.mqtt.packets import Publish, Will
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.retained import Retained
from minibroker.mqtt.session import Session
from minibroker.mqtt.shares import Group
from minibroker.mqtt.subscriptions import Entry, Subscriptions
from minibroker.mqtt.timetable import Timetable
from minibroker.retention import Cleanup
from minibroker.topic import TopicLog
from minibroker.work_queue import WorkQueue

if TYPE_CHECKING:
    from minibroker.mqtt.connection import Connection


class Server:
    """All MQTT clients of one broker. `clock` gives seconds, never going back; hooks: see access.py."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        limits: Limits | None = None,
        authenticate: Authenticate = everybody,
        authorize: Authorize = everything,
    ) -> None:
        self.now = clock
        self.limits = limits or Limits()
        self.authenticate = authenticate
        self.authorize = authorize
        self.timetable = Timetable(clock)
        self.sessions: dict[str, Session] = {}
        self.connections = 0  # how many there are, over all listeners
        self.subscriptions = Subscriptions()
        self._groups: dict[tuple[str, str], Group] = {}
        self._client_ids = count(1)
        self._awake: list[Connection] = []
        self.retained = self._make_retained()

    # -- the turns of the loop -------------------------------------------------------------------------

    def wake(self, connection: "Connection") -> None:
        """Let `connection` send what waits for it, once this turn of the loop is over."""
        if not self._awake:
            asyncio.get_running_loop().call_soon(self._turn_over)
        self._awake.append(connection)

    def _turn_over(self) -> None:
        awake, self._awake = self._awake, []
        for connection in awake:
            connection.turn_over()

    # -- sessions ----------------------------------------------------------------------------------------

    def session_for(self, client_id: str, *, clean_start: bool, expiry: float) -> tuple[Session, bool]:
        """The session of a client that connects, and whether it was there before."""
        session = self.sessions.get(client_id)
        if session is not None and session.conversation is not None:
            session.conversation.fail(
                ReasonCode.SESSION_TAKEN_OVER, "this client id connected again [MQTT-3.1.4-3]"
            )
            session = self.sessions.get(client_id)  # with its connection it may have ended
        if session is not None and clean_start:
            self.end_session(session)
            session = None
        present = session is not None
        if session is None:
            session = Session(client_id, partial(self._make_queue, "session", client_id))
            self.sessions[client_id] = session
        for appointment in (session.end, session.will_due):
            if appointment is not None:
                appointment.cancel()
        session.end = session.will_due = None  # back in time: the will is not sent [MQTT-3.1.3-9]
        session.expiry = expiry
        return session, present

    def opened(self, session: Session) -> None:
        """Its client is there, and has had its CONNACK."""

    def lost(self, session: Session) -> None:
        """Its client is gone: its will is due, and its end."""
        session.conversation = None
        self._give_back(session)
        now, will = self.now(), session.will
        delay = 0.0 if will is None else float(will.properties.get("will_delay_interval", 0))
        if session.expiry == 0.0:
            self.end_session(session)
            return
        session.end = self.timetable.at(now + session.expiry, partial(self.end_session, session))
        if will is not None and delay < session.expiry:
            if delay:
                session.will_due = self.timetable.at(now + delay, partial(self._send_will, session))
            else:
                self._send_will(session)

    def end_session(self, session: Session) -> None:
        """Nothing is kept of it any more. A will that was not yet sent is sent now [MQTT-3.1.2-8]."""
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]
        if session.conversation is None:
            self._send_will(session)
        for appointment in (session.end, session.will_due):
            if appointment is not None:
                appointment.cancel()
        for filter in list(session.entries):
            self.unsubscribe(session, filter)
        now = self.now()
        for sent in session.outbox.in_flight.values():
            if sent.queue is not session.outbox.queue:
                sent.done(now)  # QoS 2 of a group: nobody else may get it [MQTT-4.8.2-5]

    def new_client_id(self) -> str:
        """One that no session has."""
        while True:
            client_id = f"auto-{next(self._client_ids)}"
            if client_id not in self.sessions:
                return client_id

    def _send_will(self, session: Session) -> None:
        will, session.will = session.will, None
        if session.will_due is not None:
            session.will_due.cancel()
        if will is not None:
            self.publish(_from_will(will), publisher=session)

    def _give_back(self, session: Session) -> None:
        """What it has in flight at QoS 1 of a group's is for another member."""
        outbox = session.outbox
        for packet_id, sent in list(outbox.in_flight.items()):
            if sent.queue is not outbox.queue and sent.copy.publish.qos == 1:
                del outbox.in_flight[packet_id]
                sent.queue.nack(sent.receipt, now=self.now())
        for group in session.groups():
            group.pump(now=self.now())

    # -- subscriptions ------------------------------------------------------------------------------------

    def subscribe(self, entry: Entry, share: str | None, filter: str) -> None:
        """Let `entry` be in force, instead of what its session had under the same filter."""
        session = entry.session
        old, group = session.entries.get(entry.wish.filter, (None, None))
        if share is None:
            if old is not None:
                self.subscriptions.remove(filter, old)
            self.subscriptions.add(filter, entry)
        else:
            group = self._groups.get((share, filter))
            if group is None:
                group = Group(share, filter, partial(self._make_queue, "share", f"{share}/{filter}"))
                self._groups[share, filter] = group
                self.subscriptions.add(filter, group)
            group.join(entry)
            session.sharing = True
        session.entries[entry.wish.filter] = (entry, group)

    def unsubscribe(self, session: Session, filter: str) -> None:
        """Let what the session has under `filter` be in force no more."""
        entry, group = session.entries.pop(filter)
        if group is None:
            self.subscriptions.remove(filter, entry)
            return
        group.leave(session)
        if not group:
            self.subscriptions.remove(group.filter, group)
            del self._groups[group.name, group.filter]

    def resubscribed(self, session: Session) -> None:
        """Its subscriptions have changed."""

    # -- messages ----------------------------------------------------------------------------------------

    def publish_for(self, session: Session, packet: Publish) -> ReasonCode:
        """A client's message: to all that want it. What to tell the client."""
        if not self.authorize(session.client_id, "publish", packet.topic):
            return ReasonCode.NOT_AUTHORIZED
        try:
            found = self.publish(packet, publisher=session)
        except InvalidArgument:
            return ReasonCode.TOPIC_NAME_INVALID
        return ReasonCode.SUCCESS if found else ReasonCode.NO_MATCHING_SUBSCRIBERS

    def publish(self, packet: Publish, *, publisher: Session | None = None) -> bool:
        """To all whose subscriptions fit. Was there anybody? InvalidArgument for what is no topic."""
        plan, now = self.subscriptions.plan(packet.topic), self.now()
        message = Copy(packet._replace(dup=False) if packet.dup else packet, now)
        if packet.retain:
            self.retained.keep(message)
        for way in plan.ways:
            session = way.session
            if way.no_local and session is publisher:
                own = way.for_own()
                if own is None:
                    continue
                way = own
            qos = min(packet.qos, way.qos)
            retain = packet.retain and way.retain_as_published
            session.deliver(message.fitted(qos, retain, way.identifiers), now=now)
        for group in plan.groups:
            group.put(message, now=now)
        return bool(plan.ways or plan.groups)

    def receiving(self, session: Session, packet_id: int) -> None:
        """A message of QoS 2 has come under this packet id."""
        session.received.add(packet_id)

    def released(self, session: Session, packet_id: int) -> bool:
        """The client will not send it again. False if nothing came under this packet id."""
        if packet_id not in session.received:
            return False
        session.received.discard(packet_id)
        return True

    def delivered(self, session: Session, packet_id: int) -> bool:
        """The client has received a message of QoS 2. False if none has this packet id."""
        return session.outbox.received(packet_id)

    def finished(self, session: Session, packet_id: int, *, qos: int) -> None:
        """The client has taken a message over."""
        session.outbox.finished(packet_id, qos=qos, now=self.now())

    # -- what it is made of --------------------------------------------------------------------------------

    def _make_queue(self, kind: str, name: str) -> WorkQueue:
        return WorkQueue(
            f"mqtt.{kind}.{_name(name)}",
            visibility_timeout=LEASE,
            max_length=self.limits.max_queued + self.limits.max_in_flight,
            overflow="drop-oldest",
        )

    def _make_retained(self) -> Retained:
        log = TopicLog("mqtt.retained", cleanup=Cleanup(compact=True, delete_retention=0.0))
        return Retained(
            log.partition(0),
            append=lambda topic, copy: log.append(topic, copy, now=self.now()),
            compact=lambda: log.clean(self.now()),
            most=self.limits.max_retained,
        )


def _from_will(will: Will) -> Publish:
    properties = {n: v for n, v in will.properties.items() if n != "will_delay_interval"}
    return Publish(will.topic, will.payload, will.qos, will.retain, properties=properties)


def _name(name: str) -> str:
    """What can be a queue's name: itself, or a digest of it."""
    if len(name) <= 60 and name.replace("-", "").replace("_", "").isalnum() and name.isascii():
        return name
    return "sha256." + sha256(name.encode()).hexdigest()[:40]
