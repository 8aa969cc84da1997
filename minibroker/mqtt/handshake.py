"""CONNECT and its answer, CONNACK: on what all that follows depends.

Idea      The version stands in the CONNECT itself, so it is read first and alone. What follows are
          flags that say which fields come, and those fields.
Not here  Who may connect, and what becomes of a session (session.py).
Source    OASIS, MQTT Version 5.0 and Version 3.1.1, sections 3.1 and 3.2.
"""

from minibroker.mqtt.errors import UnsupportedVersion, malformed, violation
from minibroker.mqtt.packets import MQTT_3_1_1, MQTT_5, Connack, Connect, Will
from minibroker.mqtt.properties import read_properties, write_properties
from minibroker.mqtt.reason_codes import RETURN_CODES, ReasonCode
from minibroker.mqtt.wire import Reader, write_binary, write_number, write_reason, write_text, write_topic

BY_RETURN_CODE = {number: code for code, number in RETURN_CODES.items()}


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
    properties = read_properties(reader, kind, version)
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
        will_properties = read_properties(reader, Will, version)
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
        payload += write_properties(will.properties, Will, version)
        payload += write_topic(will.topic) + write_binary(will.payload)
    if packet.username is not None:
        flags |= 0x80
        payload += write_text(packet.username)
    if packet.password is not None:
        flags |= 0x40
        payload += write_binary(packet.password)
    head = b"\x00\x04MQTT" + bytes((version, flags)) + write_number(packet.keep_alive, 2)
    return head + write_properties(packet.properties, Connect, version) + payload


def read_connack(kind: type, reader: Reader, version: int) -> Connack:
    flags = reader.byte()
    if flags > 1:
        raise malformed("bits 7 to 1 of the acknowledge flags are reserved [MQTT-3.2.2-1]")
    reason_code = reader.reason(kind) if version == MQTT_5 else read_return_code(reader.byte())
    if flags and reason_code:
        raise violation("a session cannot be present when refused [MQTT-3.2.2-6, 3.1.1: MQTT-3.2.2-4]")
    return Connack(bool(flags), reason_code, read_properties(reader, kind, version))


def read_return_code(number: int) -> ReasonCode:
    """What MQTT 5 calls this return code of 3.1.1."""
    if number not in BY_RETURN_CODE:
        raise violation(f"return code {number} is reserved (3.1.1, table 3.1)")
    return BY_RETURN_CODE[number]


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
    return write_number(session_present, 1) + code + write_properties(properties, Connack, version)
