"""Packets to bytes and back, for one end of a connection, without a socket.

Idea      The first byte of a packet says what it is, the next one to four how long. So bytes can be
          cut into packets before any of them is understood, and whatever is not whole waits. The
          first byte alone is checked at once, against a table: half of what strikes a port by
          mistake (a browser, TLS) is refused by it.
Fast      PUBLISH is read and written here, by hand, since it is nearly all of the traffic: its topic
          is looked up instead of decoded, and of its properties nearly always there are none. What
          goes to many receivers is written once (encode_around_id), and each adds its packet id.
Not here  All other packets (bodies.py). A socket (listener.py).
Source    OASIS, MQTT Version 5.0 and Version 3.1.1, sections 2.1 and 3.3. The shape, bytes in and
          events out, is known as sans-I/O.
"""

from collections.abc import Callable

from minibroker.mqtt.bodies import KINDS
from minibroker.mqtt.errors import MalformedPacket, malformed, violation
from minibroker.mqtt.handshake import read_version
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    NO_PROPERTIES,
    Packet,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from minibroker.mqtt.properties import read_properties, write_properties
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.wire import (
    VARIABLE_MAX,
    Reader,
    read_topic,
    write_packet_id,
    write_topic,
    write_variable,
)

LARGEST_PACKET = 1 + 4 + VARIABLE_MAX  # bytes

CONNECT, AUTH = 0x10, 0xF0  # as first bytes
_BY_FIRST_BYTE = {kind.number << 4 | kind.flags: kind for kind in KINDS}
_BY_PACKET = {kind.packet: kind for kind in KINDS}

# PUBLISH: 0011, DUP, two bits of QoS, RETAIN. No QoS 3 [MQTT-3.3.1-4], no DUP at QoS 0 [MQTT-3.3.1-2].
_PUBLISH = {
    0x30 | dup << 3 | qos << 1 | retain: (qos, retain, dup)
    for qos in (0, 1, 2)
    for retain in (False, True)
    for dup in (False, True)
    if qos or not dup
}


def encode(packet: Packet, version: int) -> bytes:
    """The bytes of `packet` in MQTT 3.1.1 (version 4) or 5.

    ValueError for what the protocol does not allow, or what 3.1.1 cannot do without; what it can do
    without (properties, most reason codes) is left out there.
    """
    if type(packet) is Publish:
        before, after = encode_around_id(packet, version)
        return before + write_packet_id(packet.packet_id) + after if packet.qos else before + after
    kind = _BY_PACKET[type(packet)]
    if kind.number == 15 and version == MQTT_3_1_1:
        raise ValueError("3.1.1 has no AUTH")
    body = kind.write(packet, version)
    return bytes((kind.number << 4 | kind.flags,)) + write_variable(len(body)) + body


def encode_around_id(packet: Publish, version: int) -> tuple[bytes, bytes]:
    """What stands before and after the packet id of a PUBLISH: all that does not depend on its receiver.

    At QoS 0 the packet is before + after. Above, it is before + packet_id.to_bytes(2, "big") + after for
    each of its receivers, whatever packet_id `packet` itself has.
    """
    topic, after, qos, retain, dup, _, properties = packet
    head = write_topic(topic)
    if version == MQTT_5:
        after = (write_properties(properties, Publish, version) if properties else b"\0") + after
    if not topic and (version == MQTT_3_1_1 or "topic_alias" not in properties):
        raise ValueError("a PUBLISH needs a topic, or in MQTT 5 a topic alias [MQTT-4.7.3-1]")
    first = 0x30 | dup << 3 | qos << 1 | retain
    if first not in _PUBLISH or qos > 2:
        raise ValueError(f"QoS is 0, 1 or 2, and 0 has no DUP [MQTT-3.3.1-2, MQTT-3.3.1-4]; got {qos}, {dup}")
    length = len(head) + len(after) + (2 if qos else 0)
    if length < 0x80:
        return bytes((first, length)) + head, after
    return bytes((first,)) + write_variable(length) + head, after


class Decoder:
    """Bytes in any portions to packets, for one direction of one connection.

    `max_packet_size` is in bytes, the whole packet counted. `version` is learnt from CONNECT, even from a
    faulty one, so that it can be answered; hand it in where no CONNECT comes (on a client's side).
    """

    def __init__(self, *, max_packet_size: int | None = None, version: int | None = None) -> None:
        self.version = version
        self._largest = max_packet_size or LARGEST_PACKET
        self._rest = bytearray()  # the start of a packet that is not whole
        self._wanted = 0  # bytes that it needs, as far as is known

    def feed(self, data: bytes) -> list[Packet]:
        """All packets that are whole now, in order; what is left over waits for its rest.

        MalformedPacket (or ProtocolViolation, UnsupportedVersion) for bytes that break the protocol, with
        the packets before them in `error.packets`. Throw the decoder away then.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return []
            data = bytes(self._rest)
            self._rest.clear()
        packets: list[Packet] = []
        try:
            used = self._read_all(data, packets)
        except MalformedPacket as error:
            error.packets = packets
            raise
        if used < len(data):
            self._rest += data[used:]
        return packets

    def _read_all(self, data: bytes, packets: list[Packet]) -> int:
        """Append the packets in `data` to `packets`. Returns how many bytes they were."""
        version, largest = self.version, self._largest
        readers, available, position = _READERS[version], len(data), 0
        while position < available:
            first = data[position]
            try:
                read = readers[first]
            except KeyError:
                raise _illegal(first, version) from None
            start = position + 2
            length = data[position + 1] if start <= available else 0x80
            if length > 0x7F:
                start, length = _long_length(data, position + 1, version)
            end = start + length
            if end - position > largest:
                raise violation(
                    f"a packet of {end - position} bytes; at most {largest} are taken "
                    f"[MQTT-3.1.2-24, MQTT-3.2.2-15]",
                    ReasonCode.PACKET_TOO_LARGE,
                )
            if end > available:
                self._wanted = end - position
                break
            if version is None:
                version = self.version = read_version(Reader(data, start, end))
                readers = _READERS[version]
            packets.append(read(first, data, start, end, version))
            position = end
        return position


def _long_length(data: bytes, position: int, version: int | None) -> tuple[int, int]:
    """Where the body starts and its length, from a remaining length of more than one byte.

    If it is not whole, the body is said to be just so long that one more byte is wanted.
    """
    length = 0
    for count in range(4):
        if position + count >= len(data):
            return position + count, 1
        byte = data[position + count]
        length |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if not byte and count and version == MQTT_5:
                raise malformed(f"remaining length {length} takes {count + 1} bytes [MQTT-1.5.5-1]")
            return position + count + 1, length
    raise malformed("a remaining length has at most 4 bytes (section 2.1.4, 3.1.1: 2.2.3)")


def _illegal(first: int, version: int | None) -> MalformedPacket:
    """Why this first byte may not come."""
    number, flags = first >> 4, first & 0x0F
    if version is None:
        return violation(f"the first packet is a CONNECT [MQTT-3.1.0-1]; got 0x{first:02X}")
    if first == CONNECT:
        return violation("a second CONNECT [MQTT-3.1.0-2]")
    if number == 3:
        return malformed(f"PUBLISH with QoS 3, or DUP at QoS 0 [MQTT-3.3.1-4, MQTT-3.3.1-2]: {flags:04b}")
    if number == 0 or first == AUTH:
        return malformed(f"packet type {number} is reserved (section 2.1.2, 3.1.1: 2.2.1)")
    return malformed(f"flags {flags:04b} of packet type {number} [MQTT-2.1.3-1, 3.1.1: MQTT-2.2.2-2]")


# -- the packet of which data[start:end] is the body -----------------------------------------------------


def _read_any(first: int, data: bytes, start: int, end: int, version: int) -> Packet:
    kind = _BY_FIRST_BYTE[first]
    reader = Reader(data, start, end)
    packet: Packet = kind.read(kind.packet, reader, version)
    if reader.left():
        raise malformed(f"{reader.left()} bytes too many after {kind.packet.__name__} (chapter 3)")
    return packet


def _read_ack(first: int, data: bytes, start: int, end: int, version: int) -> Packet:
    """PUBACK, PUBREC, PUBREL or PUBCOMP: nearly always a packet id and nothing else."""
    if end - start == 2 and (packet_id := data[start] << 8 | data[start + 1]):
        return _ACKS[first](packet_id)
    return _read_any(first, data, start, end, version)


def _read_publish(first: int, data: bytes, start: int, end: int, version: int) -> Packet:
    position = start + 2
    stop = position + (data[start] << 8 | data[start + 1]) if position <= end else position
    if stop > end:
        raise malformed("the topic is longer than its PUBLISH [MQTT-3.3.2-1]")
    topic = read_topic(data[position:stop])
    position, packet_id, properties = stop, None, NO_PROPERTIES
    qos, retain, dup = _PUBLISH[first]
    if qos:
        packet_id = int.from_bytes(data[position : position + 2], "big")
        position += 2
        if position > end:
            raise malformed("a PUBLISH above QoS 0 has a packet id (section 3.3.2.2)")
        if not packet_id:
            raise violation("a packet id must not be 0 [MQTT-2.2.1-3, 3.1.1: MQTT-2.3.1-1]")
    if version == MQTT_5:
        if position < end and not data[position]:
            position += 1
        else:
            reader = Reader(data, position, end)
            properties = read_properties(reader, Publish, version)
            position = reader.position
    if not topic and "topic_alias" not in properties:
        raise violation("neither a topic nor an alias (section 3.3.2.1) [MQTT-4.7.3-1]")
    # As Publish(...), in half the time.
    return _new(Publish, (topic, data[position:end], qos, retain, dup, packet_id, properties))


_new = tuple.__new__
_ACKS: dict[int, Callable[[int], Packet]] = {0x40: Puback, 0x50: Pubrec, 0x62: Pubrel, 0x70: Pubcomp}

# The first bytes that may come, by version. A CONNECT comes first, and once [MQTT-3.1.0-1, MQTT-3.1.0-2].
_READERS = {
    None: {CONNECT: _read_any},
    MQTT_5: {
        **dict.fromkeys(_BY_FIRST_BYTE.keys() - {CONNECT}, _read_any),
        **dict.fromkeys(_ACKS, _read_ack),
        **dict.fromkeys(_PUBLISH, _read_publish),
    },
}
_READERS[MQTT_3_1_1] = {first: read for first, read in _READERS[MQTT_5].items() if first != AUTH}
