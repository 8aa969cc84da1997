"""A record: one line of the log, and never changed after it was written.

Idea      A message is for one consumer and is then gone. A record stays: its offset is
          its name for ever, and any number of readers pass by it. It is a tuple, as
          cheap as Python has them, since a log is made of nothing else.
Row       What a producer hands over, (key, value) or (key, value, headers), is kept as it
          came. Partition, offset and time follow from where it stands, and are put with it
          when it is read: so to append is to append, and nothing is made anew.
Not here  Who has read it: that is a group's knowledge (consumer_group.py).
Source    Kafka's ConsumerRecord and ProducerRecord. Its timestamp is by default the
          producer's (CreateTime); here it is the broker's (LogAppendTime), so that in a
          partition time never goes back and a search by time is exact.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from minibroker.arguments import headers_or_none, to_json
from minibroker.errors import InvalidArgument

Row = tuple[Any, ...]  # (key, value), or (key, value, headers) if there are any


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


def row_of(record: Any) -> Row:
    """What a producer handed over, checked: a pair, or three if there are headers (which are copied)."""
    if not isinstance(record, tuple | list) or len(record) not in (2, 3):
        raise InvalidArgument(f"a record is (key, value) or (key, value, headers); got {str(record)[:80]}")
    key, value, *rest = record
    headers = headers_or_none(rest[0]) if rest else {}
    return (checked_key(key), value, headers) if headers else (checked_key(key), value)


def checked_key(key: Any) -> str | None:
    """`key`, if it is a string or None."""
    if key is not None and not isinstance(key, str):
        raise InvalidArgument(f"a record's key is a string, or None; got a {type(key).__name__}")
    return key


def bytes_of(row: Row) -> int:
    """The size that retention_bytes counts: of [key, value], or [key, value, headers], as JSON.

    In bytes, without spaces and with all but ASCII escaped, as the log travels. InvalidArgument for a
    value that JSON cannot say.
    """
    return len(to_json(row))
