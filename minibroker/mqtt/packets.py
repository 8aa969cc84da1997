"""What the two sides say to each other: fifteen kinds of packet, as values.

Idea      A packet says the same in both versions, if it can be said in both: 3.1.1 has no properties
          and hardly any reason codes, so there they are empty and SUCCESS. Hence nobody but the
          codec has to know which version a connection speaks, as long as it asks for nothing that
          3.1.1 lacks. They are tuples, the cheapest values that Python has, since a PUBLISH a
          microsecond is the aim; so ask for their types, too: Puback(1) == Pubrec(1), and a
          Pingreq() counts as false.
Not here  Their bytes (codec.py); which properties may stand in which packet (properties.py).
Source    OASIS, MQTT Version 5.0 and Version 3.1.1, chapter 3. Where they have two names for one
          thing, MQTT 5's is used (clean_start was clean session).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from minibroker.mqtt.reason_codes import ReasonCode

MQTT_3_1_1 = 4  # the protocol levels, as CONNECT gives them
MQTT_5 = 5

# Names of MQTT 5 in snake_case -> values: int (0 or 1 for a flag), str, bytes. A user_property is a list of
# (name, value) in order, a subscription_identifier a list of ints. In 3.1.1 there are none.
Properties = Mapping[str, Any]
NO_PROPERTIES: Properties = MappingProxyType({})


class Will(NamedTuple):
    """What the server publishes for a client that goes without a word."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    properties: Properties = NO_PROPERTIES


class Connect(NamedTuple):
    """The first packet of a client, and the only one of its kind. `keep_alive` in seconds; 0 is none."""

    client_id: str
    clean_start: bool = True
    keep_alive: int = 0
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None
    version: int = MQTT_5
    properties: Properties = NO_PROPERTIES


class Connack(NamedTuple):
    """The answer to CONNECT. In 3.1.1 only the six codes of reason_codes.RETURN_CODES can be said."""

    session_present: bool = False
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES


class Publish(NamedTuple):
    """A message, in either direction. `packet_id` is None at QoS 0, and only there.

    An empty topic stands for the topic alias among its properties (MQTT 5).
    """

    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int | None = None
    properties: Properties = NO_PROPERTIES


class Puback(NamedTuple):
    """QoS 1: the message is taken over."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES


class Pubrec(NamedTuple):
    """QoS 2, first answer: received."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES


class Pubrel(NamedTuple):
    """QoS 2, second step: released, it will not be sent again."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES


class Pubcomp(NamedTuple):
    """QoS 2, last answer: complete, the packet id is free."""

    packet_id: int
    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES


class Subscription(NamedTuple):
    """One filter of a SUBSCRIBE, and how it wants its messages. All but `qos` is MQTT 5's."""

    filter: str
    qos: int = 0  # at most
    no_local: bool = False  # not what I published myself
    retain_as_published: bool = False  # keep the retain flag of what is passed on
    retain_handling: int = 0  # retained messages: 0 send, 1 send if the subscription is new, 2 do not


class Subscribe(NamedTuple):
    """Please send me what matches any of these."""

    packet_id: int
    subscriptions: tuple[Subscription, ...]
    properties: Properties = NO_PROPERTIES


class Suback(NamedTuple):
    """One code a filter, in order: the QoS that was granted, or why not (in 3.1.1 only 0x80)."""

    packet_id: int
    reason_codes: tuple[ReasonCode, ...]
    properties: Properties = NO_PROPERTIES


class Unsubscribe(NamedTuple):
    """Please stop sending for these filters."""

    packet_id: int
    filters: tuple[str, ...]
    properties: Properties = NO_PROPERTIES


class Unsuback(NamedTuple):
    """One code a filter, in order; in 3.1.1 none, and always a success."""

    packet_id: int
    reason_codes: tuple[ReasonCode, ...] = ()
    properties: Properties = NO_PROPERTIES


class Pingreq(NamedTuple):
    """I am still here. Are you?"""


class Pingresp(NamedTuple):
    """I am."""


class Disconnect(NamedTuple):
    """The last packet of a connection. In 3.1.1 only a client sends it, and without a reason."""

    reason_code: ReasonCode = ReasonCode.NORMAL_DISCONNECTION
    properties: Properties = NO_PROPERTIES


class Auth(NamedTuple):
    """One step of an extended authentication (MQTT 5)."""

    reason_code: ReasonCode = ReasonCode.SUCCESS
    properties: Properties = NO_PROPERTIES


Packet = (
    Connect
    | Connack
    | Publish
    | Puback
    | Pubrec
    | Pubrel
    | Pubcomp
    | Subscribe
    | Suback
    | Unsubscribe
    | Unsuback
    | Pingreq
    | Pingresp
    | Disconnect
    | Auth
)
