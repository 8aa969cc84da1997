"""MQTT 3.1.1 and 5 on the wire. In this order:

packets       what the two sides say to each other, as values
reason_codes  why: all that MQTT 5 can answer, and what 3.1.1 makes of it
errors        a packet that breaks the protocol, and which clause
wire          the data types of MQTT, as bytes
properties    what MQTT 5 can say beside the packet: one table
handshake     CONNECT and CONNACK, as bytes
bodies        all other packets, as bytes, and the table of all
codec         bytes to packets and back, whole or in pieces; PUBLISH, fast
"""

from minibroker.mqtt.codec import Decoder, encode, encode_around_id
from minibroker.mqtt.errors import MalformedPacket, ProtocolViolation, UnsupportedVersion
from minibroker.mqtt.reason_codes import ReasonCode

__all__ = [
    "Decoder",
    "MalformedPacket",
    "ProtocolViolation",
    "ReasonCode",
    "UnsupportedVersion",
    "encode",
    "encode_around_id",
]
