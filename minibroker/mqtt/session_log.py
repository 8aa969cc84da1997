"""The session log: what must be known of sessions after a restart, as a log compacted by key.

Idea      A session that outlives its connection shall outlive the broker, too. Its messages are in a
          queue, which the broker keeps; all else is a record here, under the client id: how long
          it is kept, since when its client is away, its subscriptions and its will. The last
          record of a key is what is true, so the log is a table, and compaction keeps it small.

          | key                           | value                                                  |
          |-------------------------------|--------------------------------------------------------|
          | client id                     | expiry, left_at, filters, will                         |
          | client id, NUL, "in", number  | true: a message of QoS 2 came under this packet id     |
          | client id, NUL, "out", number | [message id, released]: one went out under this one    |

Not here  Packet ids of QoS 1: after a restart its messages are sent again under new ones, with DUP.
Source    MQTT 5.0, 4.1 "Session State".
"""

from collections.abc import Callable
from typing import Any

from minibroker.mqtt.copy import Copy
from minibroker.mqtt.outbox import Sent
from minibroker.mqtt.packets import Publish, Subscription, Will
from minibroker.mqtt.session import Session
from minibroker.topic import TopicLog

SLACK = 1_024  # records that are out of date before the log is worth compacting


class SessionLog:
    """The records of all sessions that are kept, in `log`. Times are seconds on the broker's clock."""

    def __init__(self, log: TopicLog, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self.table: dict[str, Any] = {}
        for record in log.partition(0).records():
            if record.value is None:
                self.table.pop(str(record.key), None)
            else:
                self.table[str(record.key)] = record.value

    def keep(self, session: Session, *, left_at: float | None) -> None:
        """Write down what is true of `session` now."""
        will = session.will
        told = None
        if will is not None:
            publish = Publish(will.topic, will.payload, will.qos, will.retain, properties=will.properties)
            told = dict(Copy(publish, 0.0).as_json())
        filters = {
            filter: [*entry.wish[1:], entry.identifier] for filter, (entry, _) in session.entries.items()
        }
        value = {"expiry": session.expiry, "left_at": left_at, "filters": filters, "will": told}
        self._put(session.client_id, value)

    def will_sent(self, session: Session) -> None:
        """Its will is not due any more."""
        record = self.table.get(session.client_id)
        if record is not None and record["will"] is not None:
            self._put(session.client_id, {**record, "will": None})

    def forget(self, session: Session) -> None:
        """It has ended."""
        for packet_id in list(session.received):
            self._put(_key(session.client_id, "in", packet_id), None)
        for packet_id in session.outbox.in_flight:
            self._put(_key(session.client_id, "out", packet_id), None)
        self._put(session.client_id, None)

    def came_in(self, client_id: str, packet_id: int, known: bool) -> None:
        """A message of QoS 2 is `known` under this packet id, or (it was released) is not any more."""
        self._put(_key(client_id, "in", packet_id), True if known else None)

    def went_out(self, client_id: str, packet_id: int, sent: Sent, there: bool) -> None:
        """A message of QoS 2 is in flight under this packet id, or not any more."""
        self._put(_key(client_id, "out", packet_id), [sent.message_id, sent.released] if there else None)

    # -- reading ------------------------------------------------------------------------------------------

    def sessions(self) -> dict[str, dict[str, Any]]:
        """client id -> its record."""
        return {key: value for key, value in self.table.items() if "\0" not in key}

    def packet_ids(self, direction: str) -> dict[str, dict[int, Any]]:
        """client id -> packet id -> value, of the messages of QoS 2 of one direction: "in" or "out"."""
        found: dict[str, dict[int, Any]] = {}
        for key, value in self.table.items():
            client_id, _, rest = key.partition("\0")
            kind, _, packet_id = rest.partition("\0")
            if kind == direction:
                found.setdefault(client_id, {})[int(packet_id)] = value
        return found

    def _put(self, key: str, value: Any) -> None:
        if value is None and key not in self.table:
            return
        self._log.append(key, value, now=self._clock())
        if value is None:
            del self.table[key]
        else:
            self.table[key] = value
        if len(self._log.partition(0)) > 2 * len(self.table) + SLACK:
            self._log.clean(self._clock())


def wishes(record: dict[str, Any]) -> list[tuple[Subscription, int | None]]:
    """The subscriptions of a session's record, each with its identifier."""
    return [
        (Subscription(filter, *options), identifier)
        for filter, (*options, identifier) in record["filters"].items()
    ]


def will_of(record: dict[str, Any]) -> Will | None:
    """The will in a session's record."""
    if record["will"] is None:
        return None
    publish = Copy.from_json(record["will"]).publish
    return Will(publish.topic, publish.payload, publish.qos, publish.retain, publish.properties)


def _key(client_id: str, direction: str, packet_id: int) -> str:
    return f"{client_id}\0{direction}\0{packet_id}"
