"""Properties: what MQTT 5 can say beside the packet itself. One table.

Idea      A property is a number, a name, a data type, the packets in which it may stand and the
          numbers that it may be. Reading and writing are loops over that table.
Values    A flag is 0 or 1, a user_property a list of (name, value) and a subscription_identifier a
          list of ints, since these two may come more than once (the latter only in a PUBLISH, which
          can match several subscriptions).
Not here  What they mean (session.py), and who of the two sides may send them.
Source    OASIS, MQTT Version 5.0, section 2.2.2 and table 2-4; the ranges from chapter 3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from minibroker.mqtt.errors import malformed, violation
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    NO_PROPERTIES,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Properties,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Will,
)
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.wire import (
    VARIABLE_MAX,
    Reader,
    write_binary,
    write_number,
    write_pair,
    write_text,
    write_topic,
    write_variable,
)


class DataType(NamedTuple):
    """A data type: how it is read and written, and (for a number) the range that it can hold."""

    read: Callable[[Reader], Any]
    write: Callable[[Any], bytes]
    most: int | None = None


BYTE = DataType(Reader.byte, lambda value: write_number(value, 1), 0xFF)
TWO_BYTES = DataType(Reader.two_bytes, lambda value: write_number(value, 2), 0xFFFF)
FOUR_BYTES = DataType(Reader.four_bytes, lambda value: write_number(value, 4), 0xFFFF_FFFF)
VARIABLE = DataType(Reader.variable, write_variable, VARIABLE_MAX)
TEXT = DataType(Reader.text, write_text)
TOPIC = DataType(Reader.topic, write_topic)
BINARY = DataType(Reader.binary, write_binary)
PAIR = DataType(Reader.pair, write_pair)


class Property(NamedTuple):
    """One line of the table. A number out of `least` to `most` is answered by `error`."""

    number: int
    name: str
    data_type: DataType
    allowed_in: tuple[type, ...]
    least: int = 0
    most: int | None = None  # None: whatever the type can hold
    error: ReasonCode = ReasonCode.PROTOCOL_ERROR
    repeats_in: tuple[type, ...] = ()


ACKS = (Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback)
ALL: tuple[type, ...] = (*ACKS, Connect, Connack, Publish, Will, Subscribe, Unsubscribe, Disconnect, Auth)

TABLE = (
    Property(0x01, "payload_format_indicator", BYTE, (Publish, Will), most=1),
    Property(0x02, "message_expiry_interval", FOUR_BYTES, (Publish, Will)),
    Property(0x03, "content_type", TEXT, (Publish, Will)),
    Property(0x08, "response_topic", TOPIC, (Publish, Will)),  # no wildcards [MQTT-3.3.2-14]
    Property(0x09, "correlation_data", BINARY, (Publish, Will)),
    Property(0x0B, "subscription_identifier", VARIABLE, (Publish, Subscribe), 1, repeats_in=(Publish,)),
    Property(0x11, "session_expiry_interval", FOUR_BYTES, (Connect, Connack, Disconnect)),
    Property(0x12, "assigned_client_identifier", TEXT, (Connack,)),
    Property(0x13, "server_keep_alive", TWO_BYTES, (Connack,)),
    Property(0x15, "authentication_method", TEXT, (Connect, Connack, Auth)),
    Property(0x16, "authentication_data", BINARY, (Connect, Connack, Auth)),
    Property(0x17, "request_problem_information", BYTE, (Connect,), most=1),
    Property(0x18, "will_delay_interval", FOUR_BYTES, (Will,)),
    Property(0x19, "request_response_information", BYTE, (Connect,), most=1),
    Property(0x1A, "response_information", TEXT, (Connack,)),
    Property(0x1C, "server_reference", TEXT, (Connack, Disconnect)),
    Property(0x1F, "reason_string", TEXT, (*ACKS, Connack, Disconnect, Auth)),
    Property(0x21, "receive_maximum", TWO_BYTES, (Connect, Connack), least=1),
    Property(0x22, "topic_alias_maximum", TWO_BYTES, (Connect, Connack)),
    Property(
        0x23, "topic_alias", TWO_BYTES, (Publish,), 1, error=ReasonCode.TOPIC_ALIAS_INVALID
    ),  # [MQTT-3.3.2-8]
    Property(0x24, "maximum_qos", BYTE, (Connack,), most=1),
    Property(0x25, "retain_available", BYTE, (Connack,), most=1),
    Property(0x26, "user_property", PAIR, ALL, repeats_in=ALL),
    Property(0x27, "maximum_packet_size", FOUR_BYTES, (Connect, Connack), least=1),
    Property(0x28, "wildcard_subscription_available", BYTE, (Connack,), most=1),
    Property(0x29, "subscription_identifier_available", BYTE, (Connack,), most=1),
    Property(0x2A, "shared_subscription_available", BYTE, (Connack,), most=1),
)

BY_NUMBER = {kind: {each.number: each for each in TABLE if kind in each.allowed_in} for kind in ALL}
BY_NAME = {kind: {each.name: each for each in TABLE if kind in each.allowed_in} for kind in ALL}


def read_properties(reader: Reader, kind: type, version: int) -> Properties:
    """The properties of a packet of this `kind` (or of a Will), with their length before them.

    3.1.1 has none, not even the length.
    """
    if version == MQTT_3_1_1:
        return NO_PROPERTIES
    length = reader.variable()
    if not length:
        return NO_PROPERTIES
    end_of_packet = reader.end
    if length > reader.left():
        raise malformed(f"{length} bytes of properties are announced and {reader.left()} are left")
    reader.end = reader.position + length
    found: dict[str, Any] = {}
    while reader.left():
        number = reader.byte()
        property = BY_NUMBER[kind].get(number)
        if property is None:
            raise malformed(f"{kind.__name__} has no property 0x{number:02X} (section 2.2.2.2)")
        value = property.data_type.read(reader)
        if why := _out_of_range(property, value):
            raise violation(why, property.error)
        if property.name in found and kind not in property.repeats_in:
            raise violation(f"{property.name} must not come twice in {kind.__name__} (section 2.2.2.2)")
        if property.repeats_in:
            found.setdefault(property.name, []).append(value)
        else:
            found[property.name] = value
    reader.end = end_of_packet
    return found


def write_properties(properties: Properties, kind: type, version: int) -> bytes:
    """`properties` with their length before them. ValueError for one that may not stand there.

    In 3.1.1 they are left out.
    """
    if version == MQTT_3_1_1:
        return b""
    if not properties:
        return b"\0"
    out = bytearray()
    for name, value in properties.items():
        property = BY_NAME[kind].get(name)
        if property is None:
            raise ValueError(f"{kind.__name__} has no property {name!r}; it has {', '.join(BY_NAME[kind])}")
        values = value if property.repeats_in else (value,)
        if len(values) > 1 and kind not in property.repeats_in:
            raise ValueError(f"{name} must not come twice in {kind.__name__}; got {value!r}")
        for each in values:
            if why := _out_of_range(property, each):
                raise ValueError(why)
            out.append(property.number)
            out += property.data_type.write(each)
    return write_variable(len(out)) + out


def _out_of_range(property: Property, value: Any) -> str | None:
    """Why this number must not be; None if it may, or is no number."""
    if property.data_type.most is None:
        return None
    most = property.data_type.most if property.most is None else property.most
    if property.least <= value <= most:
        return None
    clause = " [MQTT-3.3.2-8]" if property.name == "topic_alias" else ""
    return f"{property.name} is {property.least} to {most}; got {value}{clause}"
