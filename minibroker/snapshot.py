"""A queue at one moment, as numbers.

Idea      Inspection is public and frozen, so that nobody pokes at privates: what a
          dashboard shows is a snapshot, and two of them can be compared.
Source    trio's statistics(); SQS's ApproximateNumberOfMessages...; for an alarm prefer
          oldest_age to depth: a deep queue may be healthy, an old message is not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from minibroker.markup import table


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """Counts of messages, ages in seconds and settings, when the broker's clock shows `at` seconds."""

    name: str
    at: float
    ready: int
    delayed: int
    in_flight: int
    acked: int  # ever
    dead_lettered: int  # ever died here; redrive does not take it back
    oldest_age: float | None  # since its oldest message was first sent; None if it is empty
    visibility_timeout: float
    max_receive_count: int | None
    dead_letter_queue: str | None
    blocked: int = 0  # ready, but behind another message of their group: not yet to be received
    ttl: float | None = None
    max_length: int | None = None
    overflow: str = "reject"

    @property
    def depth(self) -> int:
        """All messages that the queue holds, visible or not."""
        return self.ready + self.blocked + self.delayed + self.in_flight

    def to_json(self) -> dict[str, Any]:
        """The snapshot as JSON values, without what is at its default; `from_json` turns them back."""
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    def _repr_html_(self) -> str:
        """What a notebook shows beside the text: the same, as a table."""
        rows = [(name.replace("_", " "), value) for name, value in self.to_json().items() if name != "name"]
        return table(f"Queue {self.name}", ("", ""), rows)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "QueueSnapshot":
        """The snapshot that `to_json` wrote."""
        return cls(**values)
