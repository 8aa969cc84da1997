"""SUBSCRIBE and UNSUBSCRIBE: each filter gets its own answer, in order.

Idea      A filter that is refused takes no other with it: its place in the SUBACK says why. One that
          the session has already is replaced, not doubled [MQTT-3.8.4-3]. The SUBACK goes first,
          then the retained messages.
Source    MQTT 5.0, 3.8 to 3.11; 3.3.1.3 and 3.8.3.1 for which retained messages are sent.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from minibroker.errors import InvalidArgument
from minibroker.mqtt.errors import ProtocolViolation
from minibroker.mqtt.packets import Packet, Suback, Subscribe, Subscription, Unsuback, Unsubscribe
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.session import Session
from minibroker.mqtt.subscriptions import SHARE, Entry, split_share

if TYPE_CHECKING:
    from minibroker.mqtt.server import Server

SEND_IF_NEW, DO_NOT_SEND = 1, 2  # values of retain_handling


def subscribe(
    server: "Server", session: Session, packet: Subscribe, send: Callable[[Packet, Callable[[], None]], None]
) -> None:
    """Do what `packet` asks for; `send(answer, then)` sends the answer, and then does the rest."""
    for wish in packet.subscriptions:
        if wish.no_local and wish.filter.startswith(SHARE):
            raise ProtocolViolation(
                ReasonCode.PROTOCOL_ERROR, "a shared subscription cannot be no_local [MQTT-3.8.3-4]"
            )
    identifiers = packet.properties.get("subscription_identifier", [None])
    codes, fresh = [], []
    for wish in packet.subscriptions:
        entry, known = Entry(session, wish, identifiers[0]), wish.filter in session.entries
        code = _add(server, session, entry)
        codes.append(code)
        if code < 0x80 and not (known and wish.retain_handling == SEND_IF_NEW):
            fresh.append(entry)
    server.changed(session)

    def then() -> None:
        for entry in fresh:
            if entry.wish.retain_handling != DO_NOT_SEND and not entry.wish.filter.startswith(SHARE):
                _send_retained(server, entry)

    send(Suback(packet.packet_id, tuple(codes)), then)


def unsubscribe(server: "Server", session: Session, packet: Unsubscribe) -> Unsuback:
    """Do it; messages that wait for the client already are still sent [MQTT-3.10.4-3]."""
    codes = []
    for filter in packet.filters:
        there = filter in session.entries
        if there:
            server.unsubscribe(session, filter)
        codes.append(ReasonCode.SUCCESS if there else ReasonCode.NO_SUBSCRIPTION_EXISTED)
    server.changed(session)
    return Unsuback(packet.packet_id, tuple(codes))


def _add(server: "Server", session: Session, entry: Entry) -> ReasonCode:
    wish: Subscription = entry.wish
    try:
        share, filter = split_share(wish.filter)
    except InvalidArgument:
        return ReasonCode.TOPIC_FILTER_INVALID
    if not server.authorize(session.client_id, "subscribe", filter):
        return ReasonCode.UNSPECIFIED_ERROR  # the only failure that both versions know, and it tells no more
    if wish.filter not in session.entries and len(session.entries) >= server.limits.max_subscriptions:
        return ReasonCode.QUOTA_EXCEEDED
    server.subscribe(entry, share, filter)
    return ReasonCode(wish.qos)


def _send_retained(server: "Server", entry: Entry) -> None:
    now = server.now()
    for copy in list(server.retained.matching(entry.wish.filter, now=now)):
        qos = min(entry.wish.qos, copy.publish.qos)
        entry.session.deliver(copy.fitted(qos, True, entry.identifiers), now=now)
