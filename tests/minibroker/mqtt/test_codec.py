"""Packets to bytes and back: round trips, pieces, truncation, damage, limits.

Equality is asked with the types: as tuples a PUBACK and a PUBREC are equal.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minibroker.mqtt.codec import Decoder, encode, encode_around_id
from minibroker.mqtt.errors import MalformedPacket, ProtocolViolation
from minibroker.mqtt.packets import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from minibroker.mqtt.reason_codes import ReasonCode
from tests.minibroker.mqtt.strategies import BOTH, SAMPLES, any_of_either

versions = st.sampled_from([4, 5])


def with_types(found: list[Packet]) -> list[Any]:
    return [(type(packet), packet) for packet in found]


def decoder_for(packet: Packet, version: int, **limits: int) -> Decoder:
    """A decoder at the point where this packet may come: nothing was said before a CONNECT."""
    return Decoder(version=None if isinstance(packet, Connect) else version, **limits)


def decode(data: bytes, packet: Packet, version: int) -> list[Any]:
    return with_types(decoder_for(packet, version).feed(data))


# -- round trips ------------------------------------------------------------------------------------------


@settings(max_examples=500)  # there are 28 kinds of packet in the two versions
@given(any_of_either)
def test_a_packet_comes_back_as_it_was(case):
    version, packet = case
    assert decode(encode(packet, version), packet, version) == with_types([packet])


@pytest.mark.parametrize(("version", "packet"), BOTH)
def test_each_sample_comes_back_as_it_was(version, packet):
    assert decode(encode(packet, version), packet, version) == with_types([packet])


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
@pytest.mark.parametrize("version", [4, 5])
def test_a_length_of_one_to_four_bytes_comes_back(version, size):
    packet = Publish("t", bytes(size))
    assert decode(encode(packet, version), packet, version) == with_types([packet])


def test_a_byte_order_mark_is_not_stripped():
    """[MQTT-1.5.4-3]"""
    packet = Publish("\ufeffa", b"")
    assert decode(encode(packet, 5), packet, 5) == with_types([packet])


def test_what_3_1_1_can_do_without_is_left_out():
    """A message of MQTT 5 reaches a subscriber of 3.1.1, and an answer of MQTT 5 its client."""
    refused = ReasonCode.NOT_AUTHORIZED
    found = [
        Decoder(version=4).feed(encode(packet, 4))[0]
        for packet in (
            Publish("a", b"x", properties={"content_type": "text", "user_property": [("a", "b")]}),
            Puback(1, refused, {"reason_string": "no"}),
            Suback(1, (ReasonCode.GRANTED_QOS_1, refused)),
            Unsuback(1, (refused,)),
            Disconnect(refused),
            Subscribe(1, (Subscription("a", 1, True, True, 2),)),
        )
    ]
    unspecified = ReasonCode.UNSPECIFIED_ERROR
    assert with_types(found) == with_types(
        [
            Publish("a", b"x"),
            Puback(1),
            Suback(1, (ReasonCode.GRANTED_QOS_1, unspecified)),
            Unsuback(1),
            Disconnect(),
            Subscribe(1, (Subscription("a", 1),)),
        ]
    )


# -- once for many receivers ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("size", [3, 300])
def test_a_publish_written_once_takes_any_packet_id(version, size):
    packet = Publish("a/b", bytes(size), 1, True, properties={"content_type": "c"} if version == 5 else {})

    before, after = encode_around_id(packet, version)

    for packet_id in (1, 0x1234, 0xFFFF):
        mine = packet._replace(packet_id=packet_id)
        assert before + packet_id.to_bytes(2, "big") + after == encode(mine, version)


@pytest.mark.parametrize("version", [4, 5])
def test_a_publish_of_qos_0_written_once_is_whole(version):
    packet = Publish("a/b", b"hello", retain=True)
    assert b"".join(encode_around_id(packet, version)) == encode(packet, version)


# -- in pieces --------------------------------------------------------------------------------------------


def stream(version: int) -> bytes:
    """All samples of a version as one connection would carry them: one CONNECT, and first."""
    connect, *others = [packet for packet in SAMPLES[version] if packet != SAMPLES[version][1]]
    return b"".join(encode(packet, version) for packet in (connect, *others))


@pytest.mark.parametrize("version", [4, 5])
def test_byte_by_byte_gives_the_same_as_all_at_once(version):
    data, decoder = stream(version), Decoder()

    found = [packet for byte in data for packet in decoder.feed(bytes([byte]))]

    assert with_types(found) == with_types(Decoder().feed(data))
    assert len(found) == len(SAMPLES[version]) - 1


@given(versions, st.lists(st.integers(0, 400), max_size=6))
def test_any_portions_give_the_same_as_all_at_once(version, cuts):
    data, decoder = stream(version), Decoder()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]

    found = [packet for a, b in pairwise(edges) for packet in decoder.feed(data[a:b])]

    assert with_types(found) == with_types(Decoder().feed(data))


@pytest.mark.parametrize(("version", "packet"), BOTH)
def test_a_truncated_packet_waits_for_its_rest(version, packet):
    data = encode(packet, version)
    for cut in range(len(data)):
        decoder = decoder_for(packet, version)
        assert decoder.feed(data[:cut]) == []
        assert with_types(decoder.feed(data[cut:])) == with_types([packet])


def test_the_start_of_the_next_packet_waits_too():
    first, second = Publish("a", b"1"), Publish("b", b"2" * 200)
    data = encode(first, 5) + encode(second, 5)
    decoder = Decoder(version=5)

    assert decoder.feed(data[:-1]) == [first]
    assert decoder.feed(data[-1:]) == [second]


# -- the version ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
def test_the_version_is_learnt_from_connect(version):
    decoder = Decoder()
    packet = Publish("a", b"\0\0\0")

    decoder.feed(encode(Connect("ada", version=version), version) + encode(packet, version))

    assert decoder.version == version
    assert decoder.feed(encode(packet, version)) == [packet]


def test_the_version_is_learnt_from_a_faulty_connect_too():
    """Or nobody could answer it."""
    decoder = Decoder()
    with pytest.raises(MalformedPacket):
        decoder.feed(b"\x10\x0d\x00\x04MQTT\x05\x01\x00\x00\x00\x00\x00")
    assert decoder.version == 5


# -- damage -----------------------------------------------------------------------------------------------


def survives(data: bytes, packet: Packet, version: int) -> list[Packet]:
    """Feed it; what was let through can be written again and read again, and is the same."""
    decoder = decoder_for(packet, version)
    try:
        found = decoder.feed(data)
    except MalformedPacket as error:
        assert error.reason_code >= 0x80
        found = error.packets
    for each in found:
        assert decoder.version is not None
        assert decode(encode(each, decoder.version), each, decoder.version) == with_types([each])
    return found


@pytest.mark.parametrize(("version", "packet"), BOTH)
def test_a_flipped_bit_gives_packets_or_malformed_packet_and_nothing_else(version, packet):
    data = encode(packet, version)
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        survives(bytes(damaged), packet, version)


@pytest.mark.parametrize(("version", "packet"), BOTH)
def test_a_body_cut_short_or_too_long_is_malformed_if_it_had_an_end(version, packet):
    """The length says another end than the fields do."""
    body = encode(packet, version)[2:]
    first = encode(packet, version)[:1]
    for wrong in [body[:cut] for cut in range(len(body))] + [body + b"\0"]:
        survives(first + bytes([len(wrong)]) + wrong, packet, version)


@given(versions, st.binary(max_size=60))
def test_random_bytes_give_packets_or_malformed_packet_and_nothing_else(version, data):
    survives(data, Pingreq(), version)
    survives(data, Connect(""), version)


@given(
    versions,
    st.sampled_from([0x10, 0x20, 0x30, 0x32, 0x40, 0x62, 0x82, 0x90, 0xA2, 0xB0, 0xE0, 0xF0]),
    st.binary(max_size=60),
)
def test_a_random_body_gives_packets_or_malformed_packet_and_nothing_else(version, first, body):
    packet = Connect("") if first == 0x10 else Pingreq()
    survives(bytes([first, len(body)]) + body, packet, version)


def test_the_packets_before_a_malformed_one_are_not_lost():
    sound = [Publish("a", b"1"), Puback(7)]
    data = b"".join(encode(packet, 5) for packet in sound)

    with pytest.raises(MalformedPacket) as caught:
        Decoder(version=5).feed(data + b"\x36\x00")

    assert with_types(caught.value.packets) == with_types(sound)


# -- limits -----------------------------------------------------------------------------------------------


def test_a_packet_of_exactly_max_packet_size_is_taken():
    packet = Publish("a", bytes(200))
    data = encode(packet, 5)
    assert Decoder(version=5, max_packet_size=len(data)).feed(data) == [packet]


@pytest.mark.parametrize("limit", [2, 10, 127, 128, 205])
def test_a_larger_packet_is_refused_by_its_header_alone(limit):
    header = encode(Publish("a", bytes(200)), 5)[:3]  # 3 bytes of header announce 204 more

    with pytest.raises(ProtocolViolation, match=r"MQTT-3\.2\.2-15") as caught:
        Decoder(version=5, max_packet_size=limit).feed(header)

    assert caught.value.reason_code is ReasonCode.PACKET_TOO_LARGE


def test_a_large_packet_is_taken_in_many_pieces():
    packet = Publish("a", bytes(range(256)) * 4_000)
    data, decoder = encode(packet, 5), Decoder(version=5)

    found = [each for at in range(0, len(data), 1_000) for each in decoder.feed(data[at : at + 1_000])]

    assert found == [packet]


# -- what cannot be written -------------------------------------------------------------------------------

REFUSED = [
    (Publish("a/#"), 5, "MQTT-3.3.2-2"),
    (Publish("a/+" * 100), 5, "MQTT-3.3.2-2"),
    (Publish("a\0"), 5, "MQTT-1.5.4-2"),
    (Publish("\ud800"), 5, "surrogates"),
    (Publish("a" * 65_536), 5, "65535"),
    (Publish(""), 5, "alias"),
    (Publish("", properties={"topic_alias": 1}), 4, "topic"),
    (Publish("a", qos=3, packet_id=1), 5, "MQTT-3.3.1-4"),
    (Publish("a", qos=5, packet_id=1), 5, "MQTT-3.3.1-4"),
    (Publish("a", dup=True), 5, "MQTT-3.3.1-2"),
    (Publish("a", qos=1), 5, "MQTT-2.2.1-3"),
    (Publish("a", qos=1, packet_id=0), 4, "MQTT-2.2.1-3"),
    (Publish("a", properties={"topic_alias": 0}), 5, "MQTT-3.3.2-8"),
    (Publish("a", properties={"receive_maximum": 1}), 5, "no property 'receive_maximum'"),
    (Subscribe(1, (Subscription("a"),), {"subscription_identifier": [1, 2]}), 5, "twice"),
    (Puback(70_000), 5, "2 bytes"),
    (Puback(1, ReasonCode.SERVER_BUSY), 5, "no reason code of Puback"),
    (Pubrel(0), 4, "MQTT-2.2.1-3"),
    (Subscribe(1, ()), 5, "MQTT-3.8.3-2"),
    (Subscribe(1, (Subscription(""),)), 5, "filter"),
    (Unsubscribe(1, ()), 5, "MQTT-3.10.3-2"),
    (Unsubscribe(1, ("a", "")), 5, "MQTT-3.10.3-2"),
    (Connect("", False, version=4), 4, "MQTT-3.1.3-7"),
    (Connect("a", password=b"p", version=4), 4, "MQTT-3.1.2-22"),
    (Connect("a", version=4), 5, "version 4"),
    (Connect("a", will=Will("a", b"", 3)), 5, "MQTT-3.1.2-12"),
    (Connect("a", will=Will("", b"")), 5, "topic"),
    (Connack(True, ReasonCode.BANNED), 5, "MQTT-3.2.2-6"),
    (Connack(False, ReasonCode.BANNED), 4, "MQTT-3.2.2-6"),
    (Auth(), 4, "no AUTH"),
]


@pytest.mark.parametrize(("packet", "version", "why"), REFUSED)
def test_what_the_protocol_forbids_is_not_written(packet, version, why):
    with pytest.raises(ValueError, match=why.replace(".", r"\.")):
        encode(packet, version)
