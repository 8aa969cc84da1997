"""The data types of MQTT, as bytes: numbers, texts, blobs.

Idea      Six types make up all packets (section 1.5): numbers of one, two and four bytes, a number
          that takes as many as it needs, and text and bytes behind a length of two bytes. A Reader
          takes them off, and never past the end that it was given; for each there is a function
          that writes it. Topics are few and come again and again, so what a short one looks like on
          either side is remembered.
Not here  Properties (properties.py), packets (bodies.py).
Source    OASIS, MQTT Version 5.0, section 1.5 (3.1.1: sections 1.5 and 2.2.3), and 4.7.3.
"""

from functools import lru_cache

from minibroker.mqtt.errors import malformed, violation
from minibroker.mqtt.reason_codes import ALLOWED, ReasonCode

VARIABLE_MAX = 268_435_455  # the largest number in four bytes of seven bits
_SHORT = 128  # bytes of a topic that is worth remembering: 1,024 of them are small


class Reader:
    """Takes values off `data` from `position` on, up to `end`."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self.data, self.position, self.end = data, position, end

    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.position

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.position
        self.position = stop = start + count
        if stop > self.end:
            raise malformed(f"{count} bytes are announced here and {self.end - start} are left in the packet")
        return self.data[start:stop]

    def byte(self) -> int:
        return self.take(1)[0]

    def two_bytes(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def four_bytes(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def variable(self) -> int:
        """A variable byte integer: seven bits a byte, the lowest first."""
        value = 0
        for shift in (0, 7, 14, 21):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if shift and not byte:
                    raise malformed(f"{value} is written in more bytes than it needs [MQTT-1.5.5-1]")
                return value
        raise malformed("a variable byte integer has at most 4 bytes (section 1.5.5)")

    def binary(self) -> bytes:
        return self.take(self.two_bytes())

    def text(self) -> str:
        return read_text(self.binary())

    def pair(self) -> tuple[str, str]:
        return self.text(), self.text()  # both are text [MQTT-1.5.7-1]

    def topic(self) -> str:
        """A topic name, which is not empty."""
        topic = read_topic(self.binary())
        if not topic:
            raise violation("a topic name must not be empty [MQTT-4.7.3-1]", ReasonCode.TOPIC_NAME_INVALID)
        return topic

    def filter(self) -> str:
        filter = self.text()
        if not filter:
            raise violation("a topic filter is empty [MQTT-4.7.3-1]", ReasonCode.TOPIC_FILTER_INVALID)
        return filter

    def packet_id(self) -> int:
        packet_id = self.two_bytes()
        if not packet_id:
            raise violation("a packet id must not be 0 [MQTT-2.2.1-3, 3.1.1: MQTT-2.3.1-1]")
        return packet_id

    def reason(self, kind: type) -> ReasonCode:
        """[MQTT-3.2.2-8, 3.4.2-1, 3.5.2-1, 3.6.2-1, 3.7.2-1, 3.9.3-2, 3.11.3-2, 3.14.2-1, 3.15.2-1]"""
        number = self.byte()
        code = ALLOWED[kind.__name__].get(number)
        if code is None:
            raise violation(f"0x{number:02X} is no reason code of {kind.__name__} (tables 3-1 to 3-11)")
        return code


def read_text(raw: bytes) -> str:
    """Well-formed UTF-8 without U+0000. Python's own decoder refuses surrogates and over-long forms."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise malformed(f"not UTF-8: {error} [MQTT-1.5.4-1, 3.1.1: MQTT-1.5.3-1]") from None
    if "\0" in text:
        raise malformed("a text must not hold U+0000 [MQTT-1.5.4-2, 3.1.1: MQTT-1.5.3-2]")
    return text


def read_topic(raw: bytes) -> str:
    """A topic name, or the empty one that stands for a topic alias."""
    return _read_short_topic(raw) if len(raw) <= _SHORT else _read_topic(raw)


def _read_topic(raw: bytes) -> str:
    topic = read_text(raw)
    if "#" in topic or "+" in topic:
        raise violation(
            f"topic name {topic!r} has a wildcard [MQTT-3.3.2-2, MQTT-4.7.0-1, 3.1.1: MQTT-4.7.1-1]",
            ReasonCode.TOPIC_NAME_INVALID,
        )
    return topic


_read_short_topic = lru_cache(maxsize=1024)(_read_topic)


def write_number(value: int, size: int) -> bytes:
    """`value` in `size` bytes."""
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise ValueError(f"{value} does not fit into {size} bytes") from None


def write_packet_id(value: int | None) -> bytes:
    if not value:
        raise ValueError(f"a packet id is 1 to 65535 [MQTT-2.2.1-3, 3.1.1: MQTT-2.3.1-1]; got {value}")
    return write_number(value, 2)


def write_reason(code: int, kind: type) -> bytes:
    if code not in ALLOWED[kind.__name__]:
        raise ValueError(f"{code!r} is no reason code of {kind.__name__} (MQTT 5, tables 3-1 to 3-11)")
    return write_number(code, 1)


def write_variable(value: int) -> bytes:
    """A variable byte integer, in as few bytes as it needs."""
    if not 0 <= value <= VARIABLE_MAX:
        raise ValueError(f"a variable byte integer is 0 to {VARIABLE_MAX}; got {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_binary(value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise ValueError(f"a text or a blob has at most 65535 bytes; this one has {len(value)}")
    return len(value).to_bytes(2, "big") + value


def write_text(value: str) -> bytes:
    if "\0" in value:
        raise ValueError(f"a text must not hold U+0000 [MQTT-1.5.4-2]; got {value!r}")
    return write_binary(value.encode())


def write_pair(value: tuple[str, str]) -> bytes:
    name, content = value
    return write_text(name) + write_text(content)


def write_topic(value: str) -> bytes:
    """A topic name; the empty one, too."""
    return _write_short_topic(value) if len(value) <= _SHORT else _write_topic(value)


def _write_topic(value: str) -> bytes:
    if "#" in value or "+" in value:
        raise ValueError(f"topic name {value!r} has a wildcard [MQTT-3.3.2-2]")
    return write_text(value)


_write_short_topic = lru_cache(maxsize=1024)(_write_topic)
