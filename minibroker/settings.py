"""What a queue promises: its settings, checked when it is made.

Idea      The settings are one frozen value: two queues can be compared, a snapshot can show
          them, and a wrong one is refused before there is a queue.
Not here  What they do: work_queue.py, expiry.py, overflow.py, dedup.py.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from minibroker.arguments import seconds, whole_number
from minibroker.errors import InvalidArgument


class Overflow(StrEnum):
    """What a full queue does when one more message is sent to it."""

    REJECT = "reject"  # the sender gets QueueFull, and nothing is stored
    DROP_OLDEST = "drop-oldest"  # the oldest that is ready goes, for good; if none is, as reject
    DEAD_LETTER = "dead-letter"  # the same, but to the dead-letter queue


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Times in seconds, counts in messages.

    visibility_timeout   how long a lease lasts (default 30 s, as SQS)
    max_receive_count    deliveries before a message is dead-lettered; None for no end. It needs a
                         dead-letter queue: without one, reaching the limit would be a silent loss
    ttl                  how long a message may wait, from when it came into this queue; None for ever
    max_length           how many messages it may hold, hidden ones included; None for any number
    overflow             what happens to one more: "reject", "drop-oldest" or "dead-letter"
    dedup_window         how long a dedup_id is remembered (default 300 s, as SQS)
    dedup_by_body        without a dedup_id, take the SHA-256 of the body for one (SQS: content-based
                         deduplication). Off, since two equal orders may be two orders
    """

    visibility_timeout: float = 30.0
    max_receive_count: int | None = None
    ttl: float | None = None
    max_length: int | None = None
    overflow: str = Overflow.REJECT
    dedup_window: float = 300.0
    dedup_by_body: bool = False

    def checked(self, name: str, *, has_dead_letter_queue: bool) -> "QueueSettings":
        """These settings, if they can hold for queue `name`. InvalidArgument otherwise."""
        visibility_timeout = seconds("visibility_timeout", self.visibility_timeout, above_zero=True)
        dedup_window = seconds("dedup_window", self.dedup_window, above_zero=True)
        ttl = None if self.ttl is None else seconds("ttl", self.ttl, above_zero=True)
        if self.max_receive_count is not None:
            whole_number("max_receive_count", self.max_receive_count, at_least=1)
            if not has_dead_letter_queue:
                raise InvalidArgument(
                    f"queue {name!r}: max_receive_count={self.max_receive_count} needs a dead_letter_queue, "
                    f"or a message would be lost after delivery {self.max_receive_count}. Name one, or set "
                    f"no limit."
                )
        if self.max_length is not None:
            whole_number("max_length", self.max_length, at_least=1)
        if self.overflow not in tuple(Overflow):
            raise InvalidArgument(
                f"overflow is one of {', '.join(Overflow)}; got {str(self.overflow)[:40]!r}"
            )
        if self.overflow == Overflow.DEAD_LETTER and not has_dead_letter_queue:
            raise InvalidArgument(
                f"queue {name!r}: overflow='dead-letter' needs a dead_letter_queue; or take 'drop-oldest'"
            )
        if not isinstance(self.dedup_by_body, bool):
            raise InvalidArgument(f"dedup_by_body is True or False; got {str(self.dedup_by_body)[:40]!r}")
        return QueueSettings(
            visibility_timeout,
            self.max_receive_count,
            ttl,
            self.max_length,
            Overflow(self.overflow),
            dedup_window,
            self.dedup_by_body,
        )

    def to_json(self) -> dict[str, Any]:
        """The two that each queue has, and of the others those that are not the default."""
        always = ("visibility_timeout", "max_receive_count")
        default = asdict(QueueSettings())
        return {n: v for n, v in asdict(self).items() if n in always or v != default[n]}


def full(name: str, settings: QueueSettings) -> str:
    """What a sender is told that finds no room."""
    why = "its overflow is 'reject'" if settings.overflow == Overflow.REJECT else "none of them is ready"
    return (
        f"queue {name!r} holds max_length={settings.max_length} messages and {why}: nothing was stored. Send "
        f"more slowly, add consumers, or raise max_length"
    )
