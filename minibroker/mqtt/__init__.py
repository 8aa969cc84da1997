"""MQTT 3.1.1 and 5 on the wire. In this order:

packets        what the two sides say to each other, as values
reason_codes   why: all that MQTT 5 can answer, and what 3.1.1 makes of it
errors         a packet that breaks the protocol, and which clause
wire           the data types of MQTT, as bytes
properties     what MQTT 5 can say beside the packet: one table
handshake      CONNECT and CONNACK, as bytes
bodies         all other packets, as bytes, and the table of all
codec          bytes to packets and back, whole or in pieces; PUBLISH, fast
limits         what the server gives to all of its clients, and to each
access         who may come in, and do what
copy           one message, as those get it that want it alike
outbox         a session's messages of QoS 1 and 2: a queue under MQTT's names
session        what is kept for a client, there or not
subscriptions  who gets what: filters, and plans made of them
shares         a shared subscription: competing consumers of one queue
session_log    what a restart must know of sessions: a compacted log
retained       the last message of each topic: a compacted log
timetable      keep alives, ends of sessions, delayed wills: one timer for all
server         sessions by client id, and messages from one to the others
connecting     CONNECT: who comes in, with which session
subscribing    SUBSCRIBE, and its answer for each filter
aliases        a number instead of a topic
conversation   what a client may say when, and what is answered
connection     bytes in and out, slow readers, and how to end
listener       a port
"""

from minibroker.mqtt.codec import Decoder, encode, encode_around_id
from minibroker.mqtt.errors import MalformedPacket, ProtocolViolation, UnsupportedVersion
from minibroker.mqtt.limits import Limits
from minibroker.mqtt.listener import Listener
from minibroker.mqtt.reason_codes import ReasonCode
from minibroker.mqtt.server import Server

__all__ = [
    "Decoder",
    "Limits",
    "Listener",
    "MalformedPacket",
    "ProtocolViolation",
    "ReasonCode",
    "Server",
    "UnsupportedVersion",
    "encode",
    "encode_around_id",
]
