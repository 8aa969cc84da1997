"""CONNECT: who comes in, with which session, and what they are told.

Idea      First all that can be refused, then what changes something. A client id has one session and
          one connection: a second connection takes over, and the first is told so (0x8E).
Version   MQTT 3.1.1's clean session is MQTT 5's clean start with an expiry of 0; without it a 3.1.1 session
          never ends, so here it ends after max_session_expiry.
Source    MQTT 5.0, 3.1 "CONNECT", 3.1.4 "CONNECT Actions", 3.2 "CONNACK"; 3.1.1: the same numbers.
"""

import math
from typing import TYPE_CHECKING, Any

from minibroker.errors import InvalidArgument
from minibroker.mqtt.limits import Limits
from minibroker.mqtt.packets import MQTT_3_1_1, MQTT_5, NO_PROPERTIES, Connack, Connect, Will
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.session import Session
from minibroker.topic_filter import checked_subject

if TYPE_CHECKING:
    from minibroker.mqtt.server import Server

NEVER = 0xFFFF_FFFF  # of a session's expiry [3.1.2.11.2]


class Refused(Exception):
    """This CONNECT leads nowhere: `reason_code` is what to answer."""

    def __init__(self, reason_code: ReasonCode, message: str) -> None:
        super().__init__(message)
        self.reason_code = reason_code


def welcome(server: "Server", packet: Connect) -> tuple[Session, Connack]:
    """The session of the client that sent `packet`, and the answer; or Refused, and nothing has changed."""
    asked, told = packet.properties, dict[str, Any]()
    if "authentication_method" in asked:
        raise Refused(
            ReasonCode.BAD_AUTHENTICATION_METHOD, "no authentication method is known here [MQTT-4.12.0-1]"
        )
    client_id = packet.client_id or _assigned(server, packet)
    if not server.authenticate(client_id, packet.username, packet.password):
        if packet.username is None:
            raise Refused(ReasonCode.NOT_AUTHORIZED, "who are you? Send a user name and a password")
        raise Refused(ReasonCode.BAD_USER_NAME_OR_PASSWORD, "wrong user name or password")
    if packet.will is not None:
        _check_will(server, client_id, packet.will)
    session = server.sessions.get(client_id)
    if (session is None or packet.clean_start) and len(server.sessions) >= server.limits.max_sessions:
        raise Refused(ReasonCode.QUOTA_EXCEEDED, f"{server.limits.max_sessions} sessions are kept; no more")

    if not packet.client_id:
        told["assigned_client_identifier"] = client_id  # [MQTT-3.2.2-16]
    expiry = _expiry(server.limits, packet)
    if packet.version == MQTT_5:
        told |= _announcement(server.limits, packet, expiry)
    session, present = server.session_for(client_id, clean_start=packet.clean_start, expiry=expiry)
    session.will = packet.will
    properties = told if packet.version == MQTT_5 else NO_PROPERTIES
    return session, Connack(present, ReasonCode.SUCCESS, properties)


def session_expiry(limits: Limits, asked: int) -> float:
    """How long a session is kept whose client asked for `asked` seconds."""
    return min(math.inf if asked == NEVER else float(asked), limits.max_session_expiry)


def _expiry(limits: Limits, packet: Connect) -> float:
    if packet.version == MQTT_3_1_1:
        return session_expiry(limits, 0 if packet.clean_start else NEVER)
    return session_expiry(limits, packet.properties.get("session_expiry_interval", 0))


def _announcement(limits: Limits, packet: Connect, expiry: float) -> dict[str, Any]:
    """What the client must know of our limits, as far as it is not what it takes for granted."""
    told: dict[str, Any] = {
        "receive_maximum": limits.receive_maximum,
        "maximum_packet_size": limits.max_packet_size,
        "topic_alias_maximum": limits.topic_aliases,
    }
    if expiry != packet.properties.get("session_expiry_interval", 0):
        told["session_expiry_interval"] = int(expiry)  # (3.2.2.3.2)
    if packet.keep_alive > limits.max_keep_alive:
        told["server_keep_alive"] = limits.max_keep_alive  # [MQTT-3.2.2-21]
    return told


def _assigned(server: "Server", packet: Connect) -> str:
    """A client id for one that sent none."""
    if packet.version == MQTT_3_1_1 and not packet.clean_start:
        raise Refused(
            ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
            "a session needs a client id to be found again [3.1.1: MQTT-3.1.3-8]",
        )
    return server.new_client_id()


def _check_will(server: "Server", client_id: str, will: Will) -> None:
    try:
        checked_subject(will.topic)
    except InvalidArgument as error:
        raise Refused(ReasonCode.TOPIC_NAME_INVALID, f"the will: {error}") from None
    if not server.authorize(client_id, "publish", will.topic):
        raise Refused(ReasonCode.NOT_AUTHORIZED, f"the will may not be published to {will.topic[:80]!r}")
