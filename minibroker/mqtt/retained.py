"""Retained messages: of each topic the last one, for those who come later.

Idea      A log compacted by key (retention.py) keeps the last record of each topic. That is what a
          retained message is: the key is the topic, an empty payload is the tombstone. Beside the
          log a table, made by reading it, says where each topic's last record is.
Expiry    A retained message may expire; it is then forgotten when somebody asks for it, or when
          the log is compacted.
Source    MQTT 5.0, 3.3.1.3 "RETAIN" [MQTT-3.3.1-5] to [MQTT-3.3.1-11]; 3.3.2.3.3 for expiry.
"""

from collections.abc import Callable, Iterator

from minibroker.mqtt.copy import Copy
from minibroker.topic import TopicLog
from minibroker.topic_filter import matches

SLACK = 1_024  # records that are out of date before the log is worth compacting


class Retained:
    """The last message of each topic, of `most` topics at most, in `log`. `clock`: the broker's seconds."""

    def __init__(self, log: TopicLog, clock: Callable[[], float], *, most: int) -> None:
        self._log = log
        self._clock = clock
        self._most = most
        self._last: dict[str, Copy] = {}
        for record in log.partition(0).records():
            self._last.pop(str(record.key), None)
            if record.value is not None:
                self._last[str(record.key)] = Copy.from_json(record.value)

    def __len__(self) -> int:
        """Of how many topics it keeps a message."""
        return len(self._last)

    @property
    def records(self) -> int:
        """How many records its log holds, those included that are out of date."""
        return len(self._log.partition(0))

    def keep(self, copy: Copy) -> bool:
        """`copy` is its topic's last message now; an empty one deletes. False if there is no room."""
        topic = copy.publish.topic
        known = topic in self._last
        if not copy.publish.payload:
            if known:
                self._forget(topic)
            return True
        if not known and len(self._last) >= self._most:
            return False
        self._last[topic] = copy
        self._append(topic, copy.as_json())
        return True

    def matching(self, filter: str, *, now: float) -> Iterator[Copy]:
        """The retained messages of the topics that fit `filter`, in order of their topics' first message."""
        if "+" not in filter and "#" not in filter:
            found = [filter] if filter in self._last else []
        else:
            found = [topic for topic in self._last if matches(filter, topic)]
        for topic in found:
            copy = self._last[topic]
            if copy.expired(now):
                self._forget(topic)
            else:
                yield copy

    def _forget(self, topic: str) -> None:
        del self._last[topic]
        self._append(topic, None)

    def _append(self, topic: str, value: Copy | None) -> None:
        self._log.append(topic, value, now=self._clock())
        if self.records > 2 * len(self._last) + SLACK:
            self._log.clean(self._clock())
