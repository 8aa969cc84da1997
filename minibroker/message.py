"""A message, and the record of its deaths.

Idea      A message is a value: id, body, headers. It does not change while it waits,
          is leased, or is given back; how often it was received is the queue's
          knowledge. Only death adds to it: one entry a (queue, reason), newest first,
          so that a dead letter says why, when, how often and from where.
Not here  Where the message stands now (delivery_states.py, work_queue.py).
Source    RabbitMQ documentation, "Dead Letter Exchanges", the x-death header.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

NO_HEADERS: Mapping[str, str] = MappingProxyType({})  # one for all messages that have none


class Reason(StrEnum):
    """Why a message was dead-lettered: RabbitMQ's words, but two of them under our settings' names:
    its `delivery_limit` is max_receive_count (SQS), its `maxlen` max_length.
    """

    MAX_RECEIVE_COUNT = "max_receive_count"  # delivered that often, never acked
    REJECTED = "rejected"  # a consumer said: never again
    EXPIRED = "expired"  # its time to live was over before anybody received it
    MAX_LENGTH = "max_length"  # pushed out of a full queue by a younger one


@dataclass(frozen=True, slots=True)
class Death:
    """How often, and when (seconds on the broker's clock), a message died in one queue for one reason."""

    queue: str
    reason: Reason
    count: int  # deaths in this queue for this reason; above 1 it was redriven without a cure
    first_at: float
    last_at: float
    receive_count: int  # deliveries before the last of these deaths
    error: str = ""  # what the consumer said last (nack's or reject's reason); "" if it never spoke


class Message(NamedTuple):
    """What was sent, under the id that the broker gave it.

    `body` is any JSON value. `headers` are strings, for what is not the body's business (a trace, a
    schema). `enqueued_at` is when it was first sent, in seconds on the broker's clock; dead-lettering and
    redrive keep it (as SQS standard queues do). `past_receives` counts deliveries before it came to this
    queue: receive_count starts anew there, receipts must not. `group`: see fifo.py.

    (A named tuple: as frozen as a frozen dataclass, and made in a third of the time; by new_message, which
    takes the fields as one tuple, in a fifth.)
    """

    id: int
    body: Any
    headers: Mapping[str, str] = NO_HEADERS
    enqueued_at: float = 0.0
    deaths: tuple[Death, ...] = ()  # the newest first
    past_receives: int = 0
    group: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The message as JSON values; `from_json` turns them back."""
        values = {
            "id": self.id,
            "body": self.body,
            "headers": dict(self.headers),
            "enqueued_at": self.enqueued_at,
            "deaths": [asdict(death) for death in self.deaths],
            "past_receives": self.past_receives,
        }
        return values if self.group is None else {**values, "group": self.group}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Message":
        """The message that `to_json` wrote."""
        deaths = tuple(Death(**{**death, "reason": Reason(death["reason"])}) for death in values["deaths"])
        return cls(**{**values, "deaths": deaths})

    @classmethod
    def from_list(cls, values: list[Any]) -> "Message":
        """The message of its fields in order: the shortest JSON that a message has (a journal's)."""
        message_id, body, headers, enqueued_at, deaths, past_receives, group = values
        died = tuple(Death(**{**death, "reason": Reason(death["reason"])}) for death in deaths)
        return cls(message_id, body, headers or NO_HEADERS, enqueued_at, died, past_receives, group)


new_message: Callable[[tuple[Any, ...]], Message] = partial(tuple.__new__, Message)  # for the hottest loop
