"""A record: one line of the log, and never changed after it was written.

Idea      A message is for one consumer and is then gone. A record stays: its offset is
          its name for ever, and any number of readers pass by it. It is a tuple, as
          cheap as Python has them, since a log is made of nothing else.
Not here  Who has read it: that is a group's knowledge (consumer_group.py).
Source    Kafka's ConsumerRecord. Its timestamp is by default the producer's
          (CreateTime); here it is the broker's (LogAppendTime), so that in a
          partition time never goes back and a search by time is exact.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Record(NamedTuple):
    """What was appended, where and when (seconds on the broker's clock)."""

    partition: int
    offset: int  # its place in the partition; never another's, whatever is deleted around it
    key: str | None  # records of one key are in one partition, in order
    value: Any  # a JSON value; None is a tombstone: "this key is gone"
    headers: Mapping[str, str]
    timestamp: float

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values; `from_json` turns them back."""
        return {**self._asdict(), "headers": dict(self.headers)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Record":
        """The record that `to_json` wrote."""
        return cls(**values)
