"""Topic aliases: a number instead of a topic that was said before.

Idea      Each direction of a connection has a table of its own, that dies with the connection. The
          receiver says how many numbers it can remember; the sender chooses. We give a number to
          each topic that comes first, as long as there are any.
Source    MQTT 5.0, 3.3.2.3.4 "Topic Alias" [MQTT-3.3.2-7] to [MQTT-3.3.2-12].
"""

from minibroker.mqtt.copy import Copy, whole_or_around_id
from minibroker.mqtt.errors import ProtocolViolation
from minibroker.mqtt.packets import MQTT_5, Publish
from minibroker.mqtt.reason_codes import ReasonCode


class AliasesIn:
    """What the client's numbers stand for, 1 to `most`."""

    __slots__ = ("_most", "_topics")

    def __init__(self, most: int) -> None:
        self._most = most
        self._topics: dict[int, str] = {}

    def resolve(self, packet: Publish) -> Publish:
        """`packet` with its topic and without its alias. ProtocolViolation for a number without a topic."""
        alias = packet.properties["topic_alias"]
        if not 1 <= alias <= self._most:
            raise ProtocolViolation(
                ReasonCode.TOPIC_ALIAS_INVALID,
                f"topic alias {alias}; there are 1 to {self._most} [MQTT-3.3.2-9]",
            )
        if packet.topic:
            self._topics[alias] = packet.topic
        elif alias not in self._topics:
            raise ProtocolViolation(
                ReasonCode.PROTOCOL_ERROR, f"topic alias {alias} stands for no topic yet (3.3.2.3.4)"
            )
        properties = {name: value for name, value in packet.properties.items() if name != "topic_alias"}
        return packet._replace(topic=self._topics[alias], properties=properties)


class AliasesOut:
    """The numbers that we use for a client that remembers `most` of them."""

    __slots__ = ("_most", "_new", "_numbers")

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers: dict[str, int] = {}
        self._new: str | None = None  # the topic that got its number last, if that was just now

    def wire(self, copy: Copy, now: float) -> tuple[bytes, bytes]:
        """As Copy.wire, for this connection alone."""
        topic, self._new = copy.publish.topic, None
        number, known = self._numbers.get(topic), True
        if number is None:
            if len(self._numbers) >= self._most:
                return copy.wire(MQTT_5, now)
            number, known = len(self._numbers) + 1, False
            self._numbers[topic] = number
            self._new = topic
        publish = copy.told(now)
        properties = {**publish.properties, "topic_alias": number}
        return whole_or_around_id(
            publish._replace(topic="" if known else topic, properties=properties), MQTT_5
        )

    def take_back(self) -> None:
        """The packet was not sent after all, so the client does not know its number."""
        if self._new is not None:
            del self._numbers[self._new]
            self._new = None
