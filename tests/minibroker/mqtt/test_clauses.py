"""What the OASIS documents forbid on the wire: bytes, the answer, the clause that the message names.

Each line breaks one rule, and a line without the breach stands beside it where that is not plain.
"""

from __future__ import annotations

import pytest

from minibroker.mqtt.codec import Decoder
from minibroker.mqtt.errors import MalformedPacket, ProtocolViolation, UnsupportedVersion
from minibroker.mqtt.packets import Connect, Disconnect, Puback, Publish
from minibroker.mqtt.reason_codes import ReasonCode

MALFORMED = ReasonCode.MALFORMED_PACKET
ERROR = ReasonCode.PROTOCOL_ERROR
NAME = ReasonCode.TOPIC_NAME_INVALID
FILTER = ReasonCode.TOPIC_FILTER_INVALID
ALIAS = ReasonCode.TOPIC_ALIAS_INVALID
CLIENT_ID = ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
VERSION = ReasonCode.UNSUPPORTED_PROTOCOL_VERSION


def packet(first: int, *parts: bytes) -> bytes:
    """A packet with its length, below 128."""
    body = b"".join(parts)
    return bytes((first, len(body))) + body


def text(value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def connect(level: int, flags: int, *payload: bytes, name: str = "MQTT", properties: bytes = b"") -> bytes:
    own = bytes([len(properties)]) + properties if level == 5 else b""
    return packet(0x10, text(name), bytes((level, flags)), b"\x00\x3c", own, *payload)


def publish(first: int, topic: bytes | str, *parts: bytes) -> bytes:
    return packet(first, text(topic), *parts)


def with_properties(*properties: bytes) -> bytes:
    """A PUBLISH of QoS 0 with these."""
    own = b"".join(properties)
    return publish(0x30, "a", bytes([len(own)]), own)


ID, NONE = b"\x00\x07", b"\x00"  # a packet id; no properties

CONNECTS = [
    # the first packet, and its beginning
    (b"\xc0\x00", ERROR, "MQTT-3.1.0-1"),
    (b"GET / HTTP/1.1\r\n\r\n", ERROR, "MQTT-3.1.0-1"),
    (b"\x16\x03\x01\x02\x00", ERROR, "MQTT-3.1.0-1"),  # TLS on a port without
    (connect(4, 0x02, text("a"), name="MQIsdp"), VERSION, "MQTT-3.1.2-1"),
    (connect(3, 0x02, text("a"), name="MQIsdp"), VERSION, "MQTT-3.1.2-1"),
    (connect(3, 0x02, text("a")), VERSION, "MQTT-3.1.2-2"),
    (connect(6, 0x02, text("a")), VERSION, "MQTT-3.1.2-2"),
    (packet(0x10, text("MQTT")), MALFORMED, "left in the packet"),
    # flags
    (connect(4, 0x03, text("a")), MALFORMED, "MQTT-3.1.2-3"),
    (connect(5, 0x03, text("a")), MALFORMED, "MQTT-3.1.2-3"),
    (connect(4, 0x0A, text("a")), MALFORMED, "MQTT-3.1.2-13"),
    (connect(5, 0x0A, text("a")), MALFORMED, "MQTT-3.1.2-11"),
    (connect(4, 0x22, text("a")), MALFORMED, "MQTT-3.1.2-15"),
    (connect(5, 0x22, text("a")), MALFORMED, "MQTT-3.1.2-13"),
    (connect(4, 0x1E, text("a"), text("t"), text("m")), MALFORMED, "MQTT-3.1.2-14"),
    (connect(5, 0x1E, text("a"), NONE, text("t"), text("m")), MALFORMED, "MQTT-3.1.2-12"),
    (connect(4, 0x42, text("a"), text("p")), MALFORMED, "MQTT-3.1.2-22"),
    # fields that the flags announce, and others
    (connect(4, 0x06, text("a"), text("t")), MALFORMED, "left in the packet"),
    (connect(4, 0x82, text("a")), MALFORMED, "left in the packet"),
    (connect(4, 0xC2, text("a"), text("u")), MALFORMED, "left in the packet"),
    (connect(4, 0x02, text("a"), text("u")), MALFORMED, "3 bytes too many"),
    (connect(5, 0x02, text("a"), text("u")), MALFORMED, "3 bytes too many"),
    # values
    (connect(4, 0x00, text("")), CLIENT_ID, "MQTT-3.1.3-8"),
    (connect(4, 0x02, text(b"\xff")), MALFORMED, "MQTT-1.5.3-1"),
    (connect(5, 0x02, text(b"\xff")), MALFORMED, "MQTT-1.5.4-1"),
    (connect(4, 0x02, text("a\0")), MALFORMED, "MQTT-1.5.3-2"),
    (connect(4, 0x82, text("a"), text(b"\xed\xa0\x80")), MALFORMED, "MQTT-1.5.3-1"),
    (connect(4, 0x06, text("a"), text("t/#"), text("m")), NAME, "MQTT-4.7.0-1"),
    (connect(4, 0x06, text("a"), text(""), text("m")), NAME, "MQTT-4.7.3-1"),
    # properties
    (connect(5, 0x02, text("a"), properties=b"\x21\x00\x00"), ERROR, "receive_maximum is 1 to 65535"),
    (connect(5, 0x02, text("a"), properties=b"\x27\0\0\0\0"), ERROR, "maximum_packet_size is 1"),
    (connect(5, 0x02, text("a"), properties=b"\x17\x02"), ERROR, "request_problem_information is 0 to 1"),
    (connect(5, 0x02, text("a"), properties=b"\x19\x02"), ERROR, "request_response_information is 0 to 1"),
    (connect(5, 0x02, text("a"), properties=b"\x16" + text("d")), ERROR, "3.1.2.11.10"),
    (
        connect(5, 0x02, text("a"), properties=b"\x22\0\1\x22\0\1"),
        ERROR,
        "topic_alias_maximum must not come twice",
    ),
    (connect(5, 0x02, text("a"), properties=b"\x23\0\1"), MALFORMED, "no property 0x23"),
]

# With their version.
OTHERS = [
    # the first byte
    (4, b"\x00\x00", MALFORMED, "packet type 0"),
    (4, b"\xf0\x00", MALFORMED, "packet type 15"),
    (4, connect(4, 2, text("a")), ERROR, "MQTT-3.1.0-2"),
    (5, connect(5, 2, text("a")), ERROR, "MQTT-3.1.0-2"),
    *(
        (4, bytes((first, 0)), MALFORMED, "MQTT-2.2.2-2")
        for first in (0x21, 0x48, 0x60, 0x80, 0x90 | 2, 0xA0)
    ),
    *((5, bytes((first, 0)), MALFORMED, "MQTT-2.1.3-1") for first in (0x64, 0x8A, 0xB1, 0xC1, 0xE1, 0xF8)),
    (4, b"\x36\x00", MALFORMED, "MQTT-3.3.1-4"),
    (5, b"\x36\x00", MALFORMED, "MQTT-3.3.1-4"),
    (4, b"\x38\x00", MALFORMED, "MQTT-3.3.1-2"),
    (5, b"\x39\x00", MALFORMED, "MQTT-3.3.1-2"),
    # the remaining length
    (4, b"\x30\xff\xff\xff\xff\x01", MALFORMED, "at most 4 bytes"),
    (5, b"\x30\x80\x80\x80\x80", MALFORMED, "at most 4 bytes"),
    (5, b"\x30\x85\x00" + text("abc"), MALFORMED, "MQTT-1.5.5-1"),
    # PUBLISH
    (4, packet(0x30), MALFORMED, "MQTT-3.3.2-1"),
    (4, packet(0x30, b"\0"), MALFORMED, "MQTT-3.3.2-1"),
    (5, packet(0x30, b"\0\5abc"), MALFORMED, "MQTT-3.3.2-1"),
    (4, publish(0x30, "a/+"), NAME, "MQTT-3.3.2-2"),
    (5, publish(0x30, "#", NONE), NAME, "MQTT-3.3.2-2"),
    (4, publish(0x30, "#" * 120), NAME, "MQTT-3.3.2-2"),
    (4, publish(0x30, ""), ERROR, "MQTT-4.7.3-1"),
    (5, publish(0x30, "", NONE), ERROR, "3.3.2.1"),
    (5, publish(0x30, "a\0b", NONE), MALFORMED, "MQTT-1.5.4-2"),
    (5, publish(0x30, b"\xc0\xaf", NONE), MALFORMED, "MQTT-1.5.4-1"),  # over-long
    (5, publish(0x30, b"\xed\xa0\x80", NONE), MALFORMED, "MQTT-1.5.4-1"),  # U+D800
    (5, publish(0x30, b"\xf4\x90\x80\x80", NONE), MALFORMED, "MQTT-1.5.4-1"),  # above U+10FFFF
    (4, publish(0x32, "a", b"\0\0"), ERROR, "MQTT-2.3.1-1"),
    (5, publish(0x34, "a", b"\0\0", NONE), ERROR, "MQTT-2.2.1-3"),
    (4, publish(0x32, "a"), MALFORMED, "3.3.2.2"),
    (5, publish(0x32, "a", b"\0"), MALFORMED, "3.3.2.2"),
    (5, publish(0x30, "a"), MALFORMED, "left in the packet"),  # no property length [MQTT-2.2.2-1]
    # properties
    (5, with_properties(b"\x23\0\0"), ALIAS, "MQTT-3.3.2-8"),
    (5, with_properties(b"\x23\0\1\x23\0\1"), ERROR, "topic_alias must not come twice"),
    (5, with_properties(b"\x01\x02"), ERROR, "payload_format_indicator is 0 to 1"),
    (5, with_properties(b"\x0b\x00"), ERROR, "subscription_identifier is 1 to"),
    (5, with_properties(b"\x0b\x81\x00"), MALFORMED, "MQTT-1.5.5-1"),
    (5, with_properties(b"\x0b\x80\x80\x80\x80\x01"), MALFORMED, "at most 4 bytes"),
    (5, with_properties(b"\x08" + text("a/+")), NAME, "MQTT-3.3.2-2"),
    (5, with_properties(b"\x03" + text("a\0")), MALFORMED, "MQTT-1.5.4-2"),
    (5, with_properties(b"\x26" + text("a") + text(b"\xff")), MALFORMED, "MQTT-1.5.4-1"),
    (5, with_properties(b"\x11\0\0\0\1"), MALFORMED, "no property 0x11"),
    (5, with_properties(b"\x7f"), MALFORMED, "2.2.2.2"),
    (5, with_properties(b"\xff\x01"), MALFORMED, "2.2.2.2"),
    (5, with_properties(b"\x02\0\0"), MALFORMED, "4 bytes are announced here and 2 are left"),
    (5, publish(0x30, "a", b"\x05\x03"), MALFORMED, "5 bytes of properties"),
    # PUBACK, PUBREC, PUBREL, PUBCOMP
    *((4, packet(first, b"\0\0"), ERROR, "MQTT-2.3.1-1") for first in (0x40, 0x50, 0x62, 0x70)),
    *((5, packet(first, b"\0"), MALFORMED, "left in the packet") for first in (0x40, 0x50, 0x62, 0x70)),
    (4, packet(0x40, ID, b"\0"), MALFORMED, "1 bytes too many"),
    (5, packet(0x40, ID, b"\x92"), ERROR, "no reason code of Puback"),
    (5, packet(0x62, ID, b"\x10"), ERROR, "no reason code of Pubrel"),
    (5, packet(0x50, ID, b"\0", NONE, b"\0"), MALFORMED, "1 bytes too many"),
    # SUBSCRIBE
    (4, packet(0x82, ID), ERROR, "MQTT-3.8.3-3"),
    (5, packet(0x82, ID, NONE), ERROR, "MQTT-3.8.3-2"),
    (4, packet(0x82, b"\0\0", text("a"), b"\0"), ERROR, "MQTT-2.3.1-1"),
    (4, packet(0x82, ID, text("a")), MALFORMED, "left in the packet"),
    (4, packet(0x82, ID, text("a"), b"\x03"), ERROR, "MQTT-3-8.3-4"),
    (4, packet(0x82, ID, text("a"), b"\x04"), MALFORMED, "MQTT-3-8.3-4"),
    (5, packet(0x82, ID, NONE, text("a"), b"\x40"), MALFORMED, "MQTT-3.8.3-5"),
    (5, packet(0x82, ID, NONE, text("a"), b"\x03"), ERROR, "3.8.3.1"),
    (5, packet(0x82, ID, NONE, text("a"), b"\x30"), ERROR, "retain handling"),
    (5, packet(0x82, ID, NONE, text("$share/g/a"), b"\x04"), ERROR, "MQTT-3.8.3-4"),
    (5, packet(0x82, ID, NONE, text(""), b"\0"), FILTER, "MQTT-4.7.3-1"),
    (5, packet(0x82, ID, b"\x04\x0b\x01\x0b\x02", text("a"), b"\0"), ERROR, "must not come twice"),
    # UNSUBSCRIBE
    (4, packet(0xA2, ID), ERROR, "MQTT-3.10.3-2"),
    (5, packet(0xA2, ID, NONE), ERROR, "MQTT-3.10.3-2"),
    (4, packet(0xA2, ID, text("")), FILTER, "MQTT-4.7.3-1"),
    (4, packet(0xA2, b"\0\0", text("a")), ERROR, "MQTT-2.3.1-1"),
    # PINGREQ, DISCONNECT, AUTH
    (4, packet(0xC0, b"\0"), MALFORMED, "1 bytes too many"),
    (4, packet(0xE0, b"\0"), MALFORMED, "1 bytes too many"),
    (5, packet(0xE0, b"\x01"), ERROR, "no reason code of Disconnect"),
    (5, packet(0xE0, b"\0", b"\x03\x22\0\1"), MALFORMED, "no property 0x22"),
    (5, packet(0xF0, b"\x01", NONE), ERROR, "no reason code of Auth"),
    (5, packet(0xF0, b"\x18", NONE), ERROR, "3.15.2.2.2"),
    # what a server sends
    (4, packet(0x20, b"\x02\0"), MALFORMED, "MQTT-3.2.2-1"),
    (4, packet(0x20, b"\x01\x02"), ERROR, "MQTT-3.2.2-4"),
    (5, packet(0x20, b"\x01\x87", NONE), ERROR, "MQTT-3.2.2-6"),
    (4, packet(0x20, b"\0\x06"), ERROR, "table 3.1"),
    (5, packet(0x20, b"\0\x01", NONE), ERROR, "no reason code of Connack"),
    (5, packet(0x20, b"\0\0", b"\x02\x24\x02"), ERROR, "maximum_qos is 0 to 1"),
    (4, packet(0x90, ID, b"\x03"), ERROR, "no reason code of Suback"),
    (4, packet(0x90, ID, b"\x83"), ERROR, "MQTT-3.9.3-2"),
    (5, packet(0x90, ID, NONE), ERROR, "MQTT-3.8.4-6"),
    (5, packet(0xB0, ID, NONE, b"\x01"), ERROR, "no reason code of Unsuback"),
]


def refusal(decoder: Decoder, data: bytes) -> MalformedPacket:
    with pytest.raises(MalformedPacket) as caught:
        decoder.feed(data)
    assert caught.value.packets == []
    return caught.value


@pytest.mark.parametrize(("data", "reason_code", "clause"), CONNECTS)
def test_a_connect_that_breaks_a_clause_is_refused_by_it(data, reason_code, clause):
    error = refusal(Decoder(), data)
    assert error.reason_code is reason_code
    assert clause in str(error)


@pytest.mark.parametrize(("version", "data", "reason_code", "clause"), OTHERS)
def test_a_packet_that_breaks_a_clause_is_refused_by_it(version, data, reason_code, clause):
    error = refusal(Decoder(version=version), data)
    assert error.reason_code is reason_code
    assert clause in str(error)


@pytest.mark.parametrize(("version", "data", "reason_code", "clause"), OTHERS)
def test_what_cannot_be_parsed_is_told_apart_from_what_must_not_be_said(version, data, reason_code, clause):
    error = refusal(Decoder(version=version), data)
    assert isinstance(error, ProtocolViolation) == (reason_code is not MALFORMED)


@pytest.mark.parametrize("level", [0, 3, 6, 0x84])
def test_another_protocol_level_is_told_apart_and_known(level):
    error = refusal(Decoder(), connect(level, 0x02, text("a")))
    assert isinstance(error, UnsupportedVersion)
    assert error.level == level


def test_a_bad_first_byte_is_refused_before_its_body_comes():
    refusal(Decoder(), b"\x16")
    refusal(Decoder(version=5), b"\x36")


# -- and what looks odd but is allowed --------------------------------------------------------------------

ALLOWED = [
    (None, connect(4, 0x02, text("")), Connect("", True, 60, version=4)),
    (None, connect(5, 0x00, text("")), Connect("", False, 60)),
    (None, connect(5, 0x42, text("a"), text("p")), Connect("a", True, 60, None, b"p")),
    (None, connect(4, 0xC2, text(" "), text(""), text("")), Connect(" ", True, 60, "", b"", version=4)),
    (4, publish(0x30, "/"), Publish("/")),
    (4, publish(0x30, b"\xef\xbf\xbf"), Publish("\uffff")),  # a non-character [MQTT-1.5.4-1 allows it]
    (5, publish(0x30, "", b"\x03\x23\x00\x01"), Publish("", properties={"topic_alias": 1})),
    (5, packet(0x40, ID, b"\x10"), Puback(7, ReasonCode.NO_MATCHING_SUBSCRIBERS)),  # length 3: no properties
    (5, packet(0x40, ID, b"\0", NONE), Puback(7)),
    (5, packet(0xE0, b"\x04"), Disconnect(ReasonCode.DISCONNECT_WITH_WILL_MESSAGE)),
    (4, b"\x30\x83\x00" + text("a"), Publish("a")),  # only MQTT 5 wants the fewest bytes
]


@pytest.mark.parametrize(("version", "data", "wanted"), ALLOWED)
def test_what_is_odd_but_allowed_is_taken(version, data, wanted):
    [found] = Decoder(version=version).feed(data)
    assert (type(found), found) == (type(wanted), wanted)
