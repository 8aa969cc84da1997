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
import re
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

from minibroker.errors import InvalidArgument, StorageFailed
from minibroker.mqtt.access import Authenticate, Authorize, everybody, everything
from minibroker.mqtt.copy import Copy
from minibroker.mqtt.limits import Limits
from minibroker.mqtt.outbox import LEASE, Sent
from minibroker.mqtt.packets import Publish, Will
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.retained import Retained
from minibroker.mqtt.session import Session
from minibroker.mqtt.session_log import SessionLog, will_of, wishes
from minibroker.mqtt.shares import Group
from minibroker.mqtt.subscriptions import Entry, Subscriptions, split_share
from minibroker.mqtt.timetable import Timetable
from minibroker.topic import TopicLog
from minibroker.work_queue import WorkQueue

if TYPE_CHECKING:
    from minibroker.broker import Broker
    from minibroker.mqtt.connection import Connection


class Server:
    """All MQTT clients of `broker`, whose queues and logs it uses. Make it in the event loop.

    Limits and hooks: limits.py, access.py.
    """

    def __init__(
        self,
        broker: "Broker",
        *,
        limits: Limits | None = None,
        authenticate: Authenticate | None = None,
        authorize: Authorize | None = None,
    ) -> None:
        self.now = broker.now
        self.limits = limits or Limits()
        self.authenticate = authenticate or everybody
        self.authorize = authorize or everything
        self.timetable = Timetable(broker.now)
        self.connections = 0  # how many there are, over all listeners
        self._broker = broker
        self._client_ids = count(1)
        self._awake: list[Connection] = []
        self._held: list[tuple[Connection, bytes, Callable[[], None] | None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._remember()

    # -- what a restart finds ---------------------------------------------------------------------------

    def _remember(self) -> None:
        """Know what the broker knows of MQTT: sessions and their messages, groups, retained messages."""
        self.sessions: dict[str, Session] = {}
        self.subscriptions = Subscriptions()
        self._groups: dict[tuple[str, str], Group] = {}
        self.retained = Retained(self._log("mqtt.retained"), self.now, most=self.limits.max_retained)
        self._session_log = SessionLog(self._log("mqtt.sessions"), self.now)
        came_in, went_out = self._session_log.packet_ids("in"), self._session_log.packet_ids("out")
        for client_id, record in self._session_log.sessions().items():
            session = self._new_session(client_id, kept=True)
            session.expiry, session.will = record["expiry"], will_of(record)
            session.received = set(came_in.get(client_id, ()))
            for wish, identifier in wishes(record):
                share, filter = split_share(wish.filter)
                self.subscribe(Entry(session, wish, identifier), share, filter)
        in_hand: dict[str, list[Sent]] = {}
        for group in self._groups.values():
            for client_id, sent in group.recover(now=self.now()):
                in_hand.setdefault(client_id, []).append(sent)
        for client_id, session in self.sessions.items():
            session.outbox.recover(in_hand.get(client_id, ()), went_out.get(client_id, {}), now=self.now())
            left_at = self._session_log.table[client_id]["left_at"]
            self._wait_for(session, since=self.now() if left_at is None else left_at)

    def forget(self) -> None:
        """The journal could not be written: what it does not know did not happen. All clients begin anew."""
        for session in self.sessions.values():
            session.forget_appointments()
            if session.conversation is not None:
                session.conversation.abandon()
        self._held.clear()
        self._remember()

    def stop(self) -> None:
        """Nothing happens by itself any more."""
        self.timetable.stop()
        if self._writer is not None:
            self._writer.cancel()

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

    def when_written(
        self, connection: "Connection", data: bytes, then: Callable[[], None] | None = None
    ) -> None:
        """Send `data`, and do `then`, when all that was done so far is safe in the journal; at once, if there
        is none.
        """
        if self._broker.journal is None:
            connection.write(data)
            if then is not None:
                then()
            return
        self._held.append((connection, data, then))
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._send_held())

    async def _send_held(self) -> None:
        """One task for all connections, while there is something to wait for."""
        try:
            while self._held:
                held, self._held = self._held, []
                try:
                    await self._broker.written()
                except StorageFailed:
                    continue  # forget() has ended these connections
                for connection, data, then in held:
                    if not connection.closing:
                        connection.write(data)
                        if then is not None:
                            then()
        finally:
            self._writer = None

    def check_storage(self) -> None:
        """StorageFailed while nothing can be written down."""
        if self._broker.journal is not None:
            self._broker.journal.check()

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
            session = self._new_session(client_id, kept=expiry > 0)
        session.forget_appointments()  # back in time: the will is not sent [MQTT-3.1.3-9]
        session.expiry = expiry
        return session, present

    def changed(self, session: Session) -> None:
        """Something about it is new that a restart must know."""
        if session.kept:
            self._session_log.keep(session, left_at=None)

    def lost(self, session: Session) -> None:
        """Its client is gone: its will is due, and its end."""
        session.conversation = None
        self._give_back(session)
        if session.expiry == 0.0:
            self.end_session(session)
        else:
            self._wait_for(session, since=self.now())

    def _wait_for(self, session: Session, *, since: float) -> None:
        """Its client is away `since` then: send its will in time, and end it in time."""
        session.end = self.timetable.at(since + session.expiry, partial(self.end_session, session))
        will = session.will
        delay = 0.0 if will is None else float(will.properties.get("will_delay_interval", 0))
        if will is not None and delay == 0.0:
            self._send_will(session)
        elif will is not None and delay < session.expiry:
            session.will_due = self.timetable.at(since + delay, partial(self._send_will, session))
        if session.kept:
            self._session_log.keep(session, left_at=since)

    def end_session(self, session: Session) -> None:
        """Nothing is kept of it any more. A will that was not yet sent is sent now [MQTT-3.1.2-8]."""
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]
        if session.conversation is None:
            self._send_will(session)
        session.forget_appointments()
        now = self.now()
        for sent in session.outbox.in_flight.values():
            if sent.queue is not session.outbox.queue:
                sent.done(now)  # QoS 2 of a group: nobody else may get it [MQTT-4.8.2-5]
        if session.kept:
            self._session_log.forget(session)
            self._remove_queue("session", session.client_id)
        for filter in list(session.entries):
            self.unsubscribe(session, filter)

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
            if session.kept and session.client_id in self.sessions:
                self._session_log.will_sent(session)

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
                group = Group(share, filter, partial(self._kept_queue, "share", f"{share}/{filter}"))
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
            self._remove_queue("share", f"{group.name}/{group.filter}")

    # -- messages ----------------------------------------------------------------------------------------

    def publish_for(self, session: Session, packet: Publish) -> ReasonCode:
        """A client's message: to all that want it. What to tell the client."""
        self.check_storage()
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
        if publisher is not None:
            self._broker.published_by_mqtt(packet.topic, packet.payload)
        return bool(plan.ways or plan.groups)

    def publish_json(self, subject: str, text: str) -> None:
        """The broker's own publishers have said something: at QoS 1, to whoever subscribed."""
        self.publish(Publish(subject, text.encode(), 1))

    def receiving(self, session: Session, packet_id: int) -> None:
        """A message of QoS 2 has come under this packet id."""
        session.received.add(packet_id)
        if session.kept:
            self._session_log.came_in(session.client_id, packet_id, True)

    def released(self, session: Session, packet_id: int) -> bool:
        """The client will not send it again. False if nothing came under this packet id."""
        if packet_id not in session.received:
            return False
        session.received.discard(packet_id)
        if session.kept:
            self._session_log.came_in(session.client_id, packet_id, False)
        return True

    def delivered(self, session: Session, packet_id: int) -> bool:
        """The client has received a message of QoS 2. False if none has this packet id."""
        return session.outbox.received(packet_id)

    def finished(self, session: Session, packet_id: int, *, qos: int) -> None:
        """The client has taken a message over."""
        session.outbox.finished(packet_id, qos=qos, now=self.now())

    # -- what it is made of --------------------------------------------------------------------------------

    def _new_session(self, client_id: str, *, kept: bool) -> Session:
        """One that is `kept` lives in the broker's queues and logs; another one dies with its connection."""
        make = partial(self._kept_queue if kept else self._own_queue, "session", client_id)
        note = partial(self._session_log.went_out, client_id) if kept else None
        session = self.sessions[client_id] = Session(client_id, make, note=note)
        if kept and self._queue_name("session", client_id) in self._broker.queue_names():
            session.outbox.queue = make()
        return session

    def _kept_queue(self, kind: str, name: str) -> WorkQueue:
        return self._broker.work_queue(self._queue_name(kind, name), **self._settings())

    def _own_queue(self, kind: str, name: str) -> WorkQueue:
        return WorkQueue(self._queue_name(kind, name), **self._settings())

    def _remove_queue(self, kind: str, name: str) -> None:
        if self._queue_name(kind, name) in self._broker.queue_names():
            self._broker.remove_queue(self._queue_name(kind, name))

    def _settings(self) -> dict[str, Any]:
        most = self.limits.max_queued + self.limits.max_in_flight
        return {"visibility_timeout": LEASE, "max_length": most, "overflow": "drop-oldest"}

    def _queue_name(self, kind: str, name: str) -> str:
        """`mqtt.session.ada`; or with a digest, where the name cannot be part of a queue's."""
        if len(name) <= 60 and _PLAIN.fullmatch(name):
            return f"mqtt.{kind}.{name}"
        return f"mqtt.{kind}.sha256.{sha256(name.encode()).hexdigest()[:40]}"

    def _log(self, name: str) -> TopicLog:
        self._broker.create_topic(name, compact=True, delete_retention=0.0)
        return self._broker.logs.find(name)


_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


def _from_will(will: Will) -> Publish:
    properties = {n: v for n, v in will.properties.items() if n != "will_delay_interval"}
    return Publish(will.topic, will.payload, will.qos, will.retain, properties=properties)
