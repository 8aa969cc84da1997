"""What stands in each packet after its fixed header: how it is read, and how it is written.

Idea      For each kind of packet a function that reads and one that writes, next to each other. Both
          are told the version: 4 is 3.1.1, and has no properties and hardly any reason codes.
Writing   In 3.1.1, properties and reason codes that it cannot say are left out, so that a message
          passes from MQTT 5 to 3.1.1 as it is; what would mean something else without them is a
          ValueError.
Not here  The fixed header, and PUBLISH, which has to be fast (codec.py). CONNECT and CONNACK
          (handshake.py). What depends on who speaks and on what went before (session.py): a SUBACK
          from a client, a subscription identifier in its PUBLISH [MQTT-3.3.4-6], an AUTH out of
          turn. Where wildcards may stand in a filter (topic_filter.py): a SUBSCRIBE is answered
          filter by filter, with TOPIC_FILTER_INVALID in its SUBACK.
Source    OASIS, MQTT Version 5.0 and Version 3.1.1, chapter 3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from minibroker.mqtt.errors import malformed, violation
from minibroker.mqtt.handshake import read_connack, read_connect, write_connack, write_connect
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    NO_PROPERTIES,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Pubcomp,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from minibroker.mqtt.properties import read_properties, write_properties
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.wire import (
    Reader,
    write_number,
    write_packet_id,
    write_reason,
    write_text,
)

# -- PUBACK, PUBREC, PUBREL, PUBCOMP ----------------------------------------------------------------------


def read_ack(kind: type, reader: Reader, version: int) -> Any:
    packet_id = reader.packet_id()
    if version == MQTT_3_1_1 or not reader.left():
        return kind(packet_id)
    reason_code = reader.reason(kind)
    properties = read_properties(reader, kind, version) if reader.left() else NO_PROPERTIES
    return kind(packet_id, reason_code, properties)


def write_ack(packet: Any, version: int) -> bytes:
    packet_id, code, properties = packet
    return write_packet_id(packet_id) + write_reason_and_properties(type(packet), code, properties, version)


def write_reason_and_properties(kind: type, code: int, properties: Properties, version: int) -> bytes:
    """Nothing, if all went well and there is nothing to add."""
    if version == MQTT_3_1_1 or (code == ReasonCode.SUCCESS and not properties):
        return b""
    return write_reason(code, kind) + write_properties(properties, kind, version)


# -- SUBSCRIBE and SUBACK, UNSUBSCRIBE and UNSUBACK -------------------------------------------------------


def read_subscribe(kind: type, reader: Reader, version: int) -> Subscribe:
    packet_id, properties = reader.packet_id(), read_properties(reader, kind, version)
    subscriptions = []
    while reader.left():
        subscriptions.append(read_subscription(reader.filter(), reader.byte(), version))
    if not subscriptions:
        raise violation("a SUBSCRIBE without a filter [MQTT-3.8.3-2, 3.1.1: MQTT-3.8.3-3]")
    return Subscribe(packet_id, tuple(subscriptions), properties)


def read_subscription(filter: str, options: int, version: int) -> Subscription:
    qos, no_local, retain_handling = options & 3, bool(options & 0x04), options >> 4 & 3
    if options & (0xC0 if version == MQTT_5 else 0xFC):
        raise malformed(f"reserved bits in options 0x{options:02X} [MQTT-3.8.3-5, 3.1.1: MQTT-3-8.3-4]")
    if qos == 3:
        raise violation("a filter's QoS is 0, 1 or 2 (section 3.8.3.1) [3.1.1: MQTT-3-8.3-4]")
    if retain_handling == 3:
        raise violation("retain handling is 0, 1 or 2 (section 3.8.3.1)")
    if no_local and filter.startswith("$share/"):
        raise violation(f"no local on the shared subscription {filter!r} [MQTT-3.8.3-4]")
    return Subscription(filter, qos, no_local, bool(options & 0x08), retain_handling)


def write_subscribe(packet: Subscribe, version: int) -> bytes:
    if not packet.subscriptions:
        raise ValueError("a SUBSCRIBE without a filter [MQTT-3.8.3-2]")
    out = write_packet_id(packet.packet_id) + write_properties(packet.properties, Subscribe, version)
    for filter, qos, no_local, retain_as_published, retain_handling in packet.subscriptions:
        if not filter or qos not in (0, 1, 2) or retain_handling not in (0, 1, 2):
            raise ValueError(f"needed: a filter, qos and retain_handling 0 to 2; got {packet.subscriptions}")
        options = qos
        if version == MQTT_5:
            options |= no_local << 2 | retain_as_published << 3 | retain_handling << 4
        out += write_text(filter) + write_number(options, 1)
    return out


def read_suback(kind: type, reader: Reader, version: int) -> Suback:
    packet_id, properties = reader.packet_id(), read_properties(reader, kind, version)
    return Suback(packet_id, read_codes(kind, reader, version), properties)


def write_suback(packet: Suback, version: int) -> bytes:
    out = write_packet_id(packet.packet_id) + write_properties(packet.properties, Suback, version)
    for code in packet.reason_codes:
        # 3.1.1 has one word for all that can go wrong [3.1.1: MQTT-3.9.3-2].
        out += write_reason(code if version == MQTT_5 else min(code, 0x80), Suback)
    return out


def read_codes(kind: type, reader: Reader, version: int) -> tuple[ReasonCode, ...]:
    """At least one: a code for each filter, of which there was at least one [MQTT-3.8.4-6]."""
    codes = tuple(reader.reason(kind) for _ in range(reader.left()))
    if not codes:
        raise violation(f"{kind.__name__} without a reason code [MQTT-3.8.4-6, 3.1.1: MQTT-3.8.4-5]")
    if version == MQTT_3_1_1 and max(codes) > 0x80:
        raise violation(f"{max(codes):#x} is reserved (3.1.1, section 3.9.3) [3.1.1: MQTT-3.9.3-2]")
    return codes


def read_unsubscribe(kind: type, reader: Reader, version: int) -> Unsubscribe:
    packet_id, properties = reader.packet_id(), read_properties(reader, kind, version)
    filters = []
    while reader.left():
        filters.append(reader.filter())
    if not filters:
        raise violation("an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]")
    return Unsubscribe(packet_id, tuple(filters), properties)


def write_unsubscribe(packet: Unsubscribe, version: int) -> bytes:
    if not packet.filters or not all(packet.filters):
        raise ValueError(f"an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]; got {packet.filters}")
    out = write_packet_id(packet.packet_id) + write_properties(packet.properties, Unsubscribe, version)
    return out + b"".join(map(write_text, packet.filters))


def read_unsuback(kind: type, reader: Reader, version: int) -> Unsuback:
    packet_id = reader.packet_id()
    if version == MQTT_3_1_1:
        return Unsuback(packet_id)
    properties = read_properties(reader, kind, version)
    return Unsuback(packet_id, read_codes(kind, reader, version), properties)


def write_unsuback(packet: Unsuback, version: int) -> bytes:
    out = write_packet_id(packet.packet_id)
    if version == MQTT_3_1_1:
        return out
    out += write_properties(packet.properties, Unsuback, version)
    return out + b"".join(write_reason(code, Unsuback) for code in packet.reason_codes)


# -- DISCONNECT and AUTH, PINGREQ and PINGRESP ------------------------------------------------------------


def read_reason_only(kind: type, reader: Reader, version: int) -> Any:
    if version == MQTT_3_1_1 or not reader.left():
        return kind()
    reason_code = reader.reason(kind)
    properties = read_properties(reader, kind, version) if reader.left() else NO_PROPERTIES
    if kind is Auth and "authentication_method" not in properties:
        raise violation("an AUTH without authentication method (section 3.15.2.2.2)")
    return kind(reason_code, properties)


def write_reason_only(packet: Any, version: int) -> bytes:
    code, properties = packet
    return write_reason_and_properties(type(packet), code, properties, version)


def read_nothing(kind: type, reader: Reader, version: int) -> Any:
    return kind()


def write_nothing(packet: Any, version: int) -> bytes:
    return b""


# -- the table --------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of packet: its number and its flags make the first byte (tables 2-1 and 2-2)."""

    number: int
    packet: type
    flags: int
    read: Callable[[type, Reader, int], Any]
    write: Callable[[Any, int], bytes]


KINDS = (
    Kind(1, Connect, 0b0000, read_connect, write_connect),
    Kind(2, Connack, 0b0000, read_connack, write_connack),
    # 3 is PUBLISH, whose flags say something
    Kind(4, Puback, 0b0000, read_ack, write_ack),
    Kind(5, Pubrec, 0b0000, read_ack, write_ack),
    Kind(6, Pubrel, 0b0010, read_ack, write_ack),
    Kind(7, Pubcomp, 0b0000, read_ack, write_ack),
    Kind(8, Subscribe, 0b0010, read_subscribe, write_subscribe),
    Kind(9, Suback, 0b0000, read_suback, write_suback),
    Kind(10, Unsubscribe, 0b0010, read_unsubscribe, write_unsubscribe),
    Kind(11, Unsuback, 0b0000, read_unsuback, write_unsuback),
    Kind(12, Pingreq, 0b0000, read_nothing, write_nothing),
    Kind(13, Pingresp, 0b0000, read_nothing, write_nothing),
    Kind(14, Disconnect, 0b0000, read_reason_only, write_reason_only),
    Kind(15, Auth, 0b0000, read_reason_only, write_reason_only),  # MQTT 5
)
