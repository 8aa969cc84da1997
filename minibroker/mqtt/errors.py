"""A packet that breaks the protocol: how, which clause says so, and what to answer.

Idea      MQTT 5 tells two faults apart. A malformed packet cannot be parsed; a protocol error can,
          but says what must not be said. Either ends the connection [MQTT-4.13.1-1], after a
          CONNACK or DISCONNECT with `reason_code` where the version has one. Where the document
          leaves the code open, the most telling one is taken: TOPIC_NAME_INVALID for a wildcard.
Clauses   A message ends in the clauses that it goes by: [MQTT-...] is MQTT 5's, a second one after
          "3.1.1:" is the older document's, if it has one under another number.
Source    OASIS, MQTT Version 5.0, section 1.2 (the two terms) and 4.13, "Handling errors".
"""

from minibroker.mqtt.packets import Packet
from minibroker.mqtt.reason_codes import ReasonCode


class MalformedPacket(Exception):
    """These bytes are no packet. `reason_code` is what to answer.

    `packets` are those that the same bytes held before it, in order: they were sound, so handle them
    first.
    """

    def __init__(self, reason_code: ReasonCode, message: str) -> None:
        super().__init__(message)
        self.reason_code = reason_code
        self.packets: list[Packet] = []


class ProtocolViolation(MalformedPacket):
    """The packet can be parsed, and says what the protocol forbids."""


class UnsupportedVersion(ProtocolViolation):
    """A CONNECT in a version of MQTT that we do not speak.

    `level` is what it asked for: 3 was MQTT 3.1. Answer it in 3.1.1 (CONNACK with return code 1) if it is
    below 5, and in MQTT 5 otherwise; then close.
    """

    def __init__(self, level: int, message: str) -> None:
        super().__init__(ReasonCode.UNSUPPORTED_PROTOCOL_VERSION, message)
        self.level = level


def malformed(message: str) -> MalformedPacket:
    """The usual MalformedPacket, for `raise malformed(...)`."""
    return MalformedPacket(ReasonCode.MALFORMED_PACKET, message)


def violation(message: str, reason_code: ReasonCode = ReasonCode.PROTOCOL_ERROR) -> ProtocolViolation:
    """The usual ProtocolViolation, for `raise violation(...)`."""
    return ProtocolViolation(reason_code, message)
