"""A conversation: what a client may say when, and what is answered.

Idea      Two tables: before CONNECT, and after. A packet that is not in the table of the moment is a
          protocol error, and ends this conversation and no other.
Errors    Whoever breaks the protocol is told why, as far as its version has a word for it: in MQTT 5
          by DISCONNECT (or CONNACK) with a reason code and a sentence; in 3.1.1 the connection
          is closed [MQTT-4.13.1-1; 3.1.1: MQTT-4.8.0-1].
Not here  CONNECT (connecting.py), SUBSCRIBE (subscribing.py), bytes (connection.py).
Source    MQTT 5.0, chapter 3, and 4.3 "Quality of Service levels".
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from minibroker.errors import StorageFailed
from minibroker.mqtt import connecting, subscribing
from minibroker.mqtt.aliases import AliasesIn, AliasesOut
from minibroker.mqtt.codec import encode
from minibroker.mqtt.copy import Copy
from minibroker.mqtt.errors import MalformedPacket, ProtocolViolation, UnsupportedVersion
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Unsubscribe,
)
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.session import Session

if TYPE_CHECKING:
    from minibroker.mqtt.connection import Connection
    from minibroker.mqtt.server import Server

FAILURE = 0x80  # reason codes from here on
_PINGRESP = encode(Pingresp(), MQTT_3_1_1)
_PUBACK, _PUBREC, _PUBREL, _PUBCOMP = (
    b"\x40\x02",
    b"\x50\x02",
    b"\x62\x02",
    b"\x70\x02",
)  # + packet id: success


class Conversation:
    """What is said on one connection."""

    __slots__ = (
        "_aliases_in",
        "_aliases_out",
        "_connection",
        "_largest",
        "_legal",
        "_server",
        "_session",
        "_version",
    )

    def __init__(self, connection: "Connection", server: "Server") -> None:
        self._connection = connection
        self._server = server
        self._session: Session | None = None
        self._version = MQTT_3_1_1
        self._legal = _BEFORE
        self._largest: int | None = None  # bytes of a packet that the client takes; None: any
        self._aliases_in: AliasesIn | None = None
        self._aliases_out: AliasesOut | None = None

    # -- what comes ------------------------------------------------------------------------------------

    def handle(self, packet: Packet) -> None:
        """Do what `packet` asks for, if it may be said now."""
        handler = self._legal.get(type(packet))
        if handler is None:
            self.fail(ReasonCode.PROTOCOL_ERROR, f"a client does not send {type(packet).__name__} now")
            return
        try:
            handler(self, packet)
        except MalformedPacket as error:
            self.broken(error)
        except StorageFailed as error:
            self.fail(ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, str(error))

    def broken(self, error: MalformedPacket) -> None:
        """The client's bytes are no packet, or none that may be."""
        if isinstance(error, UnsupportedVersion):
            self._version = MQTT_3_1_1 if error.level < MQTT_5 else MQTT_5
        elif self._session is None:
            if self._connection.version is None:  # not even a CONNECT: to whom should one answer?
                self._connection.end()
                return
            self._version = self._connection.version
        self.fail(error.reason_code, str(error))

    def fail(self, reason: ReasonCode, sentence: str) -> None:
        """End the conversation, and say why."""
        if self._session is None:
            self.refuse(reason, sentence)
        elif self._version == MQTT_3_1_1:
            self._connection.end()
        else:
            self._connection.end(self._with_reason(Disconnect(reason), sentence))

    def refuse(self, reason: ReasonCode, sentence: str) -> None:
        """The answer to a CONNECT that leads nowhere."""
        try:
            last = self._with_reason(Connack(False, reason), sentence)
        except ValueError:  # 3.1.1 has no word for it
            last = b""
        self._connection.end(last)

    def shut_down(self) -> None:
        """The broker is going."""
        if self._session is None:
            self._connection.end()
        else:
            self.fail(ReasonCode.SERVER_SHUTTING_DOWN, "the broker is shutting down")

    def abandon(self) -> None:
        """The broker has forgotten something of this session: let the client begin anew."""
        self._session, self._legal = None, {}
        reason, sentence = ReasonCode.IMPLEMENTATION_SPECIFIC_ERROR, "the broker could not write to its disk"
        last = b"" if self._version == MQTT_3_1_1 else self._with_reason(Disconnect(reason), sentence)
        self._connection.end(last)

    def over(self) -> None:
        """The connection is lost or at its end: the session goes on without it, or ends."""
        if self._session is not None:
            session, self._session = self._session, None
            self._legal = {}
            self._server.lost(session)

    # -- what goes ---------------------------------------------------------------------------------------

    @property
    def congested(self) -> bool:
        """Does the client not take what it was sent?"""
        return self._connection.congested

    def wake(self) -> None:
        """The session has something for the client."""
        self._connection.wake()

    def send(self, packet: Packet) -> None:
        """Send a packet that is no PUBLISH."""
        self._connection.write(encode(packet, self._version))

    def _send_when_written(self, packet: Packet, then: Callable[[], None]) -> None:
        """Send an answer that promises something, and do the rest, once the journal has it."""
        self._server.when_written(self._connection, encode(packet, self._version), then)

    def send_or_drop(self, copy: Copy, now: float) -> None:
        """Send a message of QoS 0, unless the client is too slow to take it."""
        if not self._connection.congested:
            self.transmit(copy, now)

    def transmit(self, copy: Copy, now: float, packet_id: int = 0, dup: bool = False) -> bool:
        """Send a message. False if it is larger than the client allows [MQTT-3.1.2-24]."""
        if self._aliases_out is not None:
            before, after = self._aliases_out.wire(copy, now)
        else:
            before, after = copy.wire(self._version, now)
        data = before
        if copy.publish.qos:
            if dup:
                before = bytes((before[0] | 0x08,)) + before[1:]
            data = before + packet_id.to_bytes(2, "big") + after
        if self._largest is not None and len(data) > self._largest:
            if self._aliases_out is not None:
                self._aliases_out.take_back()
            return False
        self._connection.write(data)
        return True

    def release(self, packet_id: int) -> None:
        """Send PUBREL."""
        self._connection.write(_PUBREL + packet_id.to_bytes(2, "big"))

    def pump(self) -> None:
        """Send what the session has and the client takes."""
        session = self._session
        if session is None or self._connection.congested:
            return
        if session.outbox.waits:
            session.outbox.pump(self.transmit, self.release, now=self._server.now())
        if session.sharing:
            for group in session.groups():
                group.pump(now=self._server.now())

    def _with_reason(self, packet: Connack | Disconnect, sentence: str) -> bytes:
        """`packet`, and with the sentence if the client can take that [MQTT-3.14.2-3]."""
        if self._version == MQTT_5 and sentence:
            data = encode(packet._replace(properties={"reason_string": sentence}), self._version)
            if self._largest is None or len(data) <= self._largest:
                return data
        return encode(packet, self._version)

    # -- CONNECT, and all after it ------------------------------------------------------------------------

    def _connect(self, packet: Connect) -> None:
        self._version = packet.version
        try:
            session, connack = connecting.welcome(self._server, packet)
        except connecting.Refused as refusal:
            self.refuse(refusal.reason_code, str(refusal))
            return
        asked = packet.properties
        self._largest = asked.get("maximum_packet_size")
        limits = self._server.limits
        if packet.version == MQTT_5:
            self._aliases_in = AliasesIn(limits.topic_aliases)
            most = min(limits.topic_aliases, asked.get("topic_alias_maximum", 0))
            self._aliases_out = AliasesOut(most) if most else None
        self._session, self._legal = session, _AFTER
        self.send(connack)
        seconds = connack.properties.get("server_keep_alive", packet.keep_alive)
        self._connection.keep_alive(1.5 * seconds, self._silent)
        session.conversation = self
        session.outbox.opened(min(limits.max_in_flight, asked.get("receive_maximum", limits.max_in_flight)))
        self._server.changed(session)

    def _silent(self) -> None:
        self.fail(ReasonCode.KEEP_ALIVE_TIMEOUT, "silent for one and a half times the keep alive")

    def _publish(self, packet: Publish) -> None:
        session, packet_id = self._here(), packet.packet_id
        if packet.properties:
            packet = self._resolved(packet)
        if packet_id is None:
            self._server.publish_for(session, packet)
        elif packet.qos == 1:
            code = self._server.publish_for(session, packet)
            self._answer(_PUBACK, Puback, packet_id, code)
        elif packet_id in session.received:  # again: it was passed on when it came first [MQTT-4.3.3-10]
            self._answer(_PUBREC, Pubrec, packet_id, ReasonCode.SUCCESS)
        elif len(session.received) >= self._server.limits.receive_maximum:
            raise ProtocolViolation(
                ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
                f"{len(session.received)} messages of QoS 2 are without PUBREL; no more [MQTT-3.3.4-7]",
            )
        else:
            code = self._server.publish_for(session, packet)
            if code < FAILURE:
                self._server.receiving(session, packet_id)
            self._answer(_PUBREC, Pubrec, packet_id, code)

    def _resolved(self, packet: Publish) -> Publish:
        """With its topic, without its alias."""
        if "subscription_identifier" in packet.properties:
            raise ProtocolViolation(
                ReasonCode.PROTOCOL_ERROR, "a client's PUBLISH has no subscription identifier [MQTT-3.3.4-6]"
            )
        if "topic_alias" in packet.properties and self._aliases_in is not None:
            return self._aliases_in.resolve(packet)
        return packet

    def _pubrel(self, packet: Pubrel) -> None:
        known = self._server.released(self._here(), packet.packet_id)
        code = ReasonCode.SUCCESS if known else ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
        self._answer(_PUBCOMP, Pubcomp, packet.packet_id, code)

    def _puback(self, packet: Puback) -> None:
        self._finished(packet.packet_id, 1)

    def _pubrec(self, packet: Pubrec) -> None:
        if packet.reason_code >= FAILURE:
            self._finished(packet.packet_id, 2)
            return
        known = self._server.delivered(self._here(), packet.packet_id)
        code = ReasonCode.SUCCESS if known else ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
        self._answer(_PUBREL, Pubrel, packet.packet_id, code)

    def _pubcomp(self, packet: Pubcomp) -> None:
        self._finished(packet.packet_id, 2)

    def _finished(self, packet_id: int, qos: int) -> None:
        """An answer to what is not in flight is passed over: it may be older than a crash."""
        self._server.finished(self._here(), packet_id, qos=qos)

    def _subscribe(self, packet: Subscribe) -> None:
        subscribing.subscribe(self._server, self._here(), packet, self._send_when_written)

    def _unsubscribe(self, packet: Unsubscribe) -> None:
        self.send(subscribing.unsubscribe(self._server, self._here(), packet))

    def _ping(self, packet: Pingreq) -> None:
        self._connection.write(_PINGRESP)

    def _auth(self, packet: Auth) -> None:
        raise ProtocolViolation(
            ReasonCode.PROTOCOL_ERROR, "AUTH without an authentication method in CONNECT [MQTT-4.12.0-7]"
        )

    def _disconnect(self, packet: Disconnect) -> None:
        session = self._here()
        asked = packet.properties.get("session_expiry_interval")
        if asked is not None:
            if asked and not session.expiry:
                raise ProtocolViolation(
                    ReasonCode.PROTOCOL_ERROR,
                    "a session expiry of 0 cannot be raised at the end (3.14.2.2.2)",
                )
            session.expiry = connecting.session_expiry(self._server.limits, asked)
        if packet.reason_code == ReasonCode.NORMAL_DISCONNECTION:
            session.will = None  # [MQTT-3.14.4-3]
        self._connection.end()

    # -- helpers ------------------------------------------------------------------------------------------

    def _answer(
        self, success: bytes, kind: Callable[[int, ReasonCode], Packet], packet_id: int, code: ReasonCode
    ) -> None:
        if code and self._version == MQTT_5:
            data = encode(kind(packet_id, code), self._version)
        else:
            data = success + packet_id.to_bytes(2, "big")
        self._server.when_written(self._connection, data)

    def _here(self) -> Session:
        assert self._session is not None, "the table after CONNECT is used after CONNECT"
        return self._session


Legal = dict[type, Callable[..., None]]

_BEFORE: Legal = {Connect: Conversation._connect}  # [MQTT-3.1.0-1]
_AFTER: Legal = {
    Publish: Conversation._publish,
    Puback: Conversation._puback,
    Pubrec: Conversation._pubrec,
    Pubrel: Conversation._pubrel,
    Pubcomp: Conversation._pubcomp,
    Subscribe: Conversation._subscribe,
    Unsubscribe: Conversation._unsubscribe,
    Pingreq: Conversation._ping,
    Disconnect: Conversation._disconnect,
    Auth: Conversation._auth,
}
