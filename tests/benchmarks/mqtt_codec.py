"""MQTT's codec against two others: a PUBLISH of 200 bytes, read from a full receive buffer and written.

Idea      All in one process and one run, turn by turn; the median of the ratios is what counts. zmqtt
          is Python as ours is; mqtt5 is Rust and says how far a compiler gets. What is read are 250
          packets in one piece, about as many as 64 KiB hold. What goes to 50 subscribers is written
          once and then gets 50 packet ids; beside it stands writing it 50 times.
Not here  A socket: most of a broker's time goes there, and not into the codec.
"""

from __future__ import annotations

from collections.abc import Callable

import mqtt5
from zmqtt._internal import packets as theirs
from zmqtt._internal.packets import codec as zmqtt
from zmqtt._internal.packets.reader import PacketBuffer
from zmqtt._internal.types.qos import QoS

from minibroker.mqtt import Decoder, encode, encode_around_id
from minibroker.mqtt.packets import Publish
from tests.benchmarks.measure import Measurement, median_ratio

PACKETS = 250  # in one piece
ROUNDS = 20  # a turn
TURNS = 15
RECEIVERS = 50
TOPIC, BODY = "shop/berlin/orders", b"x" * 200


def reading(packet: Publish) -> dict[str, Callable[[], object]]:
    """For each codec: read PACKETS of them from one piece, ROUNDS times."""
    data = encode(packet, 5) * PACKETS

    def ours() -> None:
        decoder = Decoder(version=5)
        for _ in range(ROUNDS):
            decoder.feed(data)

    def by_zmqtt() -> None:
        buffer = PacketBuffer(version="5.0")
        for _ in range(ROUNDS):
            buffer.feed(data)
            list(buffer)

    def by_mqtt5() -> None:
        view = memoryview(data)
        for _ in range(ROUNDS):
            packets, position = [], 0
            while position < len(data):
                found, size = mqtt5.read(view[position:])
                packets.append(found)
                position += size

    return {"ours": ours, "zmqtt": by_zmqtt, "mqtt5": by_mqtt5}


def writing(packet: Publish) -> dict[str, Callable[[], object]]:
    """For each codec: make and write PACKETS of them, ROUNDS times."""
    qos, packet_id = packet.qos, packet.packet_id
    zmqtt_qos, mqtt5_qos = QoS(qos), mqtt5.QoS(qos)

    def ours() -> None:
        for _ in range(ROUNDS * PACKETS):
            encode(Publish(TOPIC, BODY, qos, packet_id=packet_id), 5)

    def by_zmqtt() -> None:
        for _ in range(ROUNDS * PACKETS):
            same = theirs.Publish(
                topic=TOPIC, payload=BODY, qos=zmqtt_qos, retain=False, dup=False, packet_id=packet_id
            )
            zmqtt.encode(same, version="5.0")

    def by_mqtt5() -> None:
        for _ in range(ROUNDS * PACKETS):
            mqtt5.PublishPacket(TOPIC, BODY, qos=mqtt5_qos, packet_id=packet_id).write()

    return {"ours": ours, "zmqtt": by_zmqtt, "mqtt5": by_mqtt5}


def compared(what: str, codecs: dict[str, Callable[[], object]]) -> list[Measurement]:
    found = []
    for other in ("zmqtt", "mqtt5"):
        ratio, mine, their = median_ratio(codecs["ours"], codecs[other], times=TURNS)
        each = [seconds / (ROUNDS * PACKETS) * 1e6 for seconds in (mine, their)]
        note = f"{each[0]:.2f} against {each[1]:.2f} us"
        found.append(Measurement(f"mqtt codec, {what}: cost of {other}'s", ratio, "x", note=note))
    return found


def fan_out() -> Measurement:
    """Writing a QoS 1 PUBLISH for RECEIVERS, once against every time."""
    packet = Publish(TOPIC, BODY, 1)

    def once() -> None:
        for _ in range(ROUNDS):
            before, after = encode_around_id(packet, 5)
            for packet_id in range(1, RECEIVERS + 1):
                b"".join((before, packet_id.to_bytes(2, "big"), after))

    def each() -> None:
        for _ in range(ROUNDS):
            for packet_id in range(1, RECEIVERS + 1):
                encode(Publish(TOPIC, BODY, 1, packet_id=packet_id), 5)

    ratio, mine, their = median_ratio(once, each, times=TURNS)
    micro = [seconds / (ROUNDS * RECEIVERS) * 1e6 for seconds in (mine, their)]
    note = f"{micro[0]:.2f} against {micro[1]:.2f} us a receiver"
    return Measurement(f"mqtt codec, 1 to {RECEIVERS} at QoS 1, once: cost of each", ratio, "x", note=note)


def measure() -> list[Measurement]:
    found = []
    for packet in (Publish(TOPIC, BODY), Publish(TOPIC, BODY, 1, packet_id=7)):
        found += compared(f"read a PUBLISH of QoS {packet.qos}", reading(packet))
        found += compared(f"write a PUBLISH of QoS {packet.qos}", writing(packet))
    return [*found, fan_out()]
