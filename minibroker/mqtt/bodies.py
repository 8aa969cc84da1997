"""What stands in each packet after its fixed header: how it is read, and how it is written.

Idea      For each kind of packet a function that reads and one that writes, next to each other. Both
          are told the version: 4 is 3.1.1, and has no properties and hardly any reason codes.
Writing   In 3.1.1, properties and reason codes that it cannot say are left out, so that a message
          passes from MQTT 5 to 3.1.1 as it is; what would mean something else without them is a
          ValueError.
Not here  The fixed header, and PUBLISH, which has to be fast (codec.py). What depends on who speaks
          and on what went before (session.py): a SUBACK from a client, a subscription identifier
          in its PUBLISH [MQTT-3.3.4-6], an AUTH out of turn. Where wildcards may stand in a filter:
          such a SUBSCRIBE is answered filter by filter, with TOPIC_FILTER_INVALID in its SUBACK.
Source    OASIS, MQTT Version 5.0 and Version 3.1.1, chapter 3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from minibroker.mqtt.errors import UnsupportedVersion, malformed, violation
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
    Will,
)
from minibroker.mqtt.properties import read_properties, write_properties
from minibroker.mqtt.reason_codes import ALLOWED, RETURN_CODES, ReasonCode
from minibroker.mqtt.wire import (
    Reader,
    write_binary,
    write_number,
    write_packet_id,
    write_text,
    write_topic,
)

SUCCESS = ReasonCode.SUCCESS
BY_RETURN_CODE = {number: code for code, number in RETURN_CODES.items()}


# -- what several packets have ----------------------------------------------------------------------------


def properties_of(reader: Reader, kind: type, version: int) -> Properties:
    return read_properties(reader, kind) if version == MQTT_5 else NO_PROPERTIES


def with_properties(properties: Properties, kind: type, version: int) -> bytes:
    return write_properties(properties, kind) if version == MQTT_5 else b""


def read_reason(number: int, kind: type) -> ReasonCode:
    """[MQTT-3.2.2-8, 3.4.2-1, 3.5.2-1, 3.6.2-1, 3.7.2-1, 3.9.3-2, 3.11.3-2, 3.14.2-1, 3.15.2-1]"""
    code = ALLOWED[kind.__name__].get(number)
    if code is None:
        raise violation(f"0x{number:02X} is no reason code of {kind.__name__} (tables 3-1 to 3-11)")
    return code


def write_reason(code: int, kind: type) -> bytes:
    if code not in ALLOWED[kind.__name__]:
        raise ValueError(f"{code!r} is no reason code of {kind.__name__} (MQTT 5, tables 3-1 to 3-11)")
    return write_number(code, 1)


# -- CONNECT and CONNACK ----------------------------------------------------------------------------------


def read_version(reader: Reader) -> int:
    """The start of a CONNECT: the protocol's name and level. All that follows depends on it."""
    name, level = reader.text(), reader.byte()
    if name != "MQTT" or level not in (MQTT_3_1_1, MQTT_5):
        raise UnsupportedVersion(
            level,
            f"the client speaks {name!r}, level {level}; we speak 'MQTT', levels 4 (3.1.1) and 5 "
            f"[MQTT-3.1.2-1, MQTT-3.1.2-2]",
        )
    return level


def read_connect(kind: type, reader: Reader, version: int) -> Connect:
    read_version(reader)
    flags = reader.byte()
    clean_start, has_will, will_retain = flags & 0x02, flags & 0x04, flags & 0x20
    will_qos, has_password, has_username = flags >> 3 & 3, flags & 0x40, flags & 0x80
    if flags & 0x01:
        raise malformed("the reserved flag of CONNECT is set [MQTT-3.1.2-3]")
    if will_qos and not has_will:
        raise malformed(f"will QoS {will_qos} without a will [MQTT-3.1.2-11, 3.1.1: MQTT-3.1.2-13]")
    if will_retain and not has_will:
        raise malformed("will retain without a will [MQTT-3.1.2-13, 3.1.1: MQTT-3.1.2-15]")
    if will_qos == 3:
        raise malformed("a will's QoS is 0, 1 or 2 [MQTT-3.1.2-12, 3.1.1: MQTT-3.1.2-14]")
    if version == MQTT_3_1_1 and has_password and not has_username:
        raise malformed("a password without a user name [3.1.1: MQTT-3.1.2-22]")
    keep_alive = reader.two_bytes()
    properties = properties_of(reader, kind, version)
    if "authentication_data" in properties and "authentication_method" not in properties:
        raise violation("authentication data without a method (section 3.1.2.11.10)")
    client_id = reader.text()
    if version == MQTT_3_1_1 and not client_id and not clean_start:
        raise violation(
            "an empty client id needs a clean session [3.1.1: MQTT-3.1.3-7, MQTT-3.1.3-8]",
            ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
        )
    will = None
    if has_will:
        will_properties = properties_of(reader, Will, version)
        will = Will(reader.topic(), reader.binary(), will_qos, bool(will_retain), will_properties)
    return Connect(
        client_id,
        bool(clean_start),
        keep_alive,
        reader.text() if has_username else None,
        reader.binary() if has_password else None,
        will,
        version,
        properties,
    )


def write_connect(packet: Connect, version: int) -> bytes:
    if packet.version != version:
        raise ValueError(f"a Connect of version {packet.version} cannot be written in version {version}")
    if version == MQTT_3_1_1 and packet.password is not None and packet.username is None:
        raise ValueError("3.1.1 has no password without a user name [3.1.1: MQTT-3.1.2-22]")
    if version == MQTT_3_1_1 and not packet.client_id and not packet.clean_start:
        raise ValueError("in 3.1.1 an empty client id needs a clean session [3.1.1: MQTT-3.1.3-7]")
    flags = packet.clean_start << 1
    payload = write_text(packet.client_id)
    if packet.will is not None:
        will = packet.will
        if will.qos not in (0, 1, 2) or not will.topic:
            raise ValueError(f"a will has a topic, and QoS 0, 1 or 2 [MQTT-3.1.2-12]; got {will}")
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        payload += with_properties(will.properties, Will, version)
        payload += write_topic(will.topic) + write_binary(will.payload)
    if packet.username is not None:
        flags |= 0x80
        payload += write_text(packet.username)
    if packet.password is not None:
        flags |= 0x40
        payload += write_binary(packet.password)
    head = b"\x00\x04MQTT" + bytes((version, flags)) + write_number(packet.keep_alive, 2)
    return head + with_properties(packet.properties, Connect, version) + payload


def read_connack(kind: type, reader: Reader, version: int) -> Connack:
    flags, number = reader.byte(), reader.byte()
    if flags > 1:
        raise malformed("bits 7 to 1 of the acknowledge flags are reserved [MQTT-3.2.2-1]")
    if version == MQTT_5:
        reason_code = read_reason(number, kind)
    elif number in BY_RETURN_CODE:
        reason_code = BY_RETURN_CODE[number]
    else:
        raise violation(f"return code {number} is reserved (3.1.1, table 3.1)")
    if flags and number:
        raise violation("a session cannot be present when refused [MQTT-3.2.2-6, 3.1.1: MQTT-3.2.2-4]")
    return Connack(bool(flags), reason_code, properties_of(reader, kind, version))


def write_connack(packet: Connack, version: int) -> bytes:
    session_present, reason_code, properties = packet
    if session_present and reason_code:
        raise ValueError("a session cannot be present when refused [MQTT-3.2.2-6]")
    if version == MQTT_5:
        code = write_reason(reason_code, Connack)
    elif reason_code in RETURN_CODES:
        code = write_number(RETURN_CODES[reason_code], 1)
    else:
        raise ValueError(f"3.1.1 cannot say {reason_code!r}: close without a CONNACK [3.1.1: MQTT-3.2.2-6]")
    return write_number(session_present, 1) + code + with_properties(properties, Connack, version)


# -- PUBACK, PUBREC, PUBREL, PUBCOMP ----------------------------------------------------------------------


def read_ack(kind: type, reader: Reader, version: int) -> Any:
    packet_id = reader.packet_id()
    if version == MQTT_3_1_1 or not reader.left():
        return kind(packet_id)
    reason_code = read_reason(reader.byte(), kind)
    return kind(packet_id, reason_code, read_properties(reader, kind) if reader.left() else NO_PROPERTIES)


def write_ack(packet: Any, version: int) -> bytes:
    packet_id, reason_code, properties = packet
    body = write_packet_id(packet_id)
    if version == MQTT_3_1_1 or (reason_code == SUCCESS and not properties):
        return body
    return body + write_reason(reason_code, type(packet)) + write_properties(properties, type(packet))


# -- SUBSCRIBE and SUBACK, UNSUBSCRIBE and UNSUBACK -------------------------------------------------------


def read_subscribe(kind: type, reader: Reader, version: int) -> Subscribe:
    packet_id, properties = reader.packet_id(), properties_of(reader, kind, version)
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
    out = write_packet_id(packet.packet_id) + with_properties(packet.properties, Subscribe, version)
    for filter, qos, no_local, retain_as_published, retain_handling in packet.subscriptions:
        if not filter or qos not in (0, 1, 2) or retain_handling not in (0, 1, 2):
            raise ValueError(f"needed: a filter, qos and retain_handling 0 to 2; got {packet.subscriptions}")
        options = qos
        if version == MQTT_5:
            options |= no_local << 2 | retain_as_published << 3 | retain_handling << 4
        out += write_text(filter) + write_number(options, 1)
    return out


def read_suback(kind: type, reader: Reader, version: int) -> Suback:
    packet_id, properties = reader.packet_id(), properties_of(reader, kind, version)
    return Suback(packet_id, read_codes(kind, reader, version), properties)


def write_suback(packet: Suback, version: int) -> bytes:
    out = write_packet_id(packet.packet_id) + with_properties(packet.properties, Suback, version)
    for code in packet.reason_codes:
        # 3.1.1 has one word for all that can go wrong [3.1.1: MQTT-3.9.3-2].
        out += write_reason(code if version == MQTT_5 else min(code, 0x80), Suback)
    return out


def read_codes(kind: type, reader: Reader, version: int) -> tuple[ReasonCode, ...]:
    """At least one: a code for each filter, of which there was at least one [MQTT-3.8.4-6]."""
    codes = tuple(read_reason(number, kind) for number in reader.take(reader.left()))
    if not codes:
        raise violation(f"{kind.__name__} without a reason code [MQTT-3.8.4-6, 3.1.1: MQTT-3.8.4-5]")
    if version == MQTT_3_1_1 and max(codes) > 0x80:
        raise violation(f"{max(codes):#x} is reserved (3.1.1, section 3.9.3) [3.1.1: MQTT-3.9.3-2]")
    return codes


def read_unsubscribe(kind: type, reader: Reader, version: int) -> Unsubscribe:
    packet_id, properties = reader.packet_id(), properties_of(reader, kind, version)
    filters = []
    while reader.left():
        filters.append(reader.filter())
    if not filters:
        raise violation("an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]")
    return Unsubscribe(packet_id, tuple(filters), properties)


def write_unsubscribe(packet: Unsubscribe, version: int) -> bytes:
    if not packet.filters or not all(packet.filters):
        raise ValueError(f"an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]; got {packet.filters}")
    out = write_packet_id(packet.packet_id) + with_properties(packet.properties, Unsubscribe, version)
    return out + b"".join(map(write_text, packet.filters))


def read_unsuback(kind: type, reader: Reader, version: int) -> Unsuback:
    packet_id = reader.packet_id()
    if version == MQTT_3_1_1:
        return Unsuback(packet_id)
    properties = read_properties(reader, kind)
    return Unsuback(packet_id, read_codes(kind, reader, version), properties)


def write_unsuback(packet: Unsuback, version: int) -> bytes:
    out = write_packet_id(packet.packet_id)
    if version == MQTT_3_1_1:
        return out
    out += write_properties(packet.properties, Unsuback)
    return out + b"".join(write_reason(code, Unsuback) for code in packet.reason_codes)


# -- DISCONNECT and AUTH, PINGREQ and PINGRESP ------------------------------------------------------------


def read_reason_only(kind: type, reader: Reader, version: int) -> Any:
    if version == MQTT_3_1_1 or not reader.left():
        return kind()
    reason_code = read_reason(reader.byte(), kind)
    properties = read_properties(reader, kind) if reader.left() else NO_PROPERTIES
    if kind is Auth and "authentication_method" not in properties:
        raise violation("an AUTH without authentication method (section 3.15.2.2.2)")
    return kind(reason_code, properties)


def write_reason_only(packet: Any, version: int) -> bytes:
    reason_code, properties = packet
    if version == MQTT_3_1_1 or (reason_code == SUCCESS and not properties):
        return b""
    return write_reason(reason_code, type(packet)) + write_properties(properties, type(packet))


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
