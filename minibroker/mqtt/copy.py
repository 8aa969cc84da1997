"""A copy: one message as those receivers get it that want it alike.

Idea      A message has as many receivers as there are, but only a few ways to be said: by QoS, retain
          flag and subscription identifiers. Each way is one Copy, made when first asked for
          and shared by its receivers, and so are its bytes; a receiver adds its packet id.
Queues    A queue keeps JSON values, so a Copy is a JSON object, empty until a queue wants it (most
          messages meet none). Its bytes as text: a character a byte (ISO 8859-1).
Source    MQTT 5.0, 3.3.1.3 for the retain flag, 3.3.2.3.3 for what is left of an expiry interval.
"""

from collections.abc import Mapping
from typing import Any

from minibroker.mqtt.codec import encode_around_id
from minibroker.mqtt.packets import MQTT_5, NO_PROPERTIES, Publish

Identifiers = tuple[int, ...]
_BYTES = "latin-1"
FEW = 64  # ways to say one message that are remembered (a retained one may be asked for in any number)


class Copy(dict[str, Any]):
    """`publish`, received at `at` (seconds on the broker's clock), without a packet id of its own."""

    __slots__ = ("_fitted", "_wire_3", "_wire_5", "at", "expiry", "publish")

    def __init__(self, publish: Publish, at: float) -> None:
        self.publish = publish
        self.at = at
        self.expiry: int | None = (
            publish.properties.get("message_expiry_interval") if publish.properties else None
        )
        self._wire_3: tuple[bytes, bytes] | None = None  # its bytes in MQTT 3.1.1, once asked for
        self._wire_5: tuple[bytes, bytes] | None = None
        self._fitted: dict[tuple[int, bool, Identifiers], Copy] | None = None

    def fitted(self, qos: int, retain: bool, identifiers: Identifiers) -> "Copy":
        """The same message, at this QoS, with this retain flag and these subscription identifiers."""
        mine = self.publish
        if qos == mine.qos and retain == mine.retain and not identifiers:
            return self
        if self._fitted is None or len(self._fitted) >= FEW:
            self._fitted = {}
        key = (qos, retain, identifiers)
        copy = self._fitted.get(key)
        if copy is None:
            properties = mine.properties
            if identifiers:
                properties = {**properties, "subscription_identifier": list(identifiers)}
            copy = self._fitted[key] = Copy(
                mine._replace(qos=qos, retain=retain, properties=properties), self.at
            )
        return copy

    # -- on the wire -----------------------------------------------------------------------------------

    def expired(self, now: float) -> bool:
        """Has it waited for longer than its sender allows?"""
        return self.expiry is not None and now - self.at >= self.expiry

    def wire(self, version: int, now: float) -> tuple[bytes, bytes]:
        """What stands before and after the packet id (codec.encode_around_id); at QoS 0 all and nothing."""
        if self.expiry is not None and now - self.at >= 1.0:
            return whole_or_around_id(self.told(now), version)
        if version == MQTT_5:
            if self._wire_5 is None:
                self._wire_5 = whole_or_around_id(self.publish, version)
            return self._wire_5
        if self._wire_3 is None:
            self._wire_3 = whole_or_around_id(self.publish, version)
        return self._wire_3

    def told(self, now: float) -> Publish:
        """The PUBLISH to send now: of its expiry interval, what is left [MQTT-3.3.2-6]."""
        if self.expiry is None:
            return self.publish
        left = max(0, self.expiry - int(now - self.at))
        return self.publish._replace(properties={**self.publish.properties, "message_expiry_interval": left})

    # -- in a queue or a log -----------------------------------------------------------------------------

    def as_json(self) -> "Copy":
        """Itself, as the JSON object that `from_json` understands."""
        if not self:
            topic, payload, qos, retain, _, _, properties = self.publish
            self["topic"], self["payload"], self["qos"] = topic, payload.decode(_BYTES), qos
            self["retain"], self["at"] = retain, self.at
            if properties:
                self["properties"] = _to_text(properties)
        return self

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Copy":
        """The copy that `as_json` gave to a queue, even if only its values came back (from a disk)."""
        if isinstance(body, Copy):
            return body
        properties = _from_text(body["properties"]) if "properties" in body else NO_PROPERTIES
        payload = body["payload"].encode(_BYTES)
        publish = Publish(body["topic"], payload, body["qos"], body["retain"], False, None, properties)
        return cls(publish, body["at"])


def whole_or_around_id(publish: Publish, version: int) -> tuple[bytes, bytes]:
    """The bytes before and after the packet id; at QoS 0, which has none, all of them and nothing."""
    before, after = encode_around_id(publish, version)
    return (before, after) if publish.qos else (before + after, b"")


def _to_text(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {n: v.decode(_BYTES) if isinstance(v, bytes) else v for n, v in properties.items()}


def _from_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a PUBLISH's properties, only the correlation data are bytes."""
    return {n: v.encode(_BYTES) if n == "correlation_data" else v for n, v in values.items()}
