"""The idempotent producer: a retry that the log recognises.

Idea      An append without an answer may be in the log or not, so its producer sends it
          again, under the same number. Each producer counts its records to a
          partition 0, 1, 2...; the log takes exactly the next one, answers a number that
          it has with what it has, and refuses a gap, which says that something before
          it was lost. A batch says the number of its first record, and is retried whole.
Limits    It recognises the retries of one producer, not two calls of your program: whoever
          starts anew gets a new id, and nothing it sends is a duplicate of before.
Not here  Sending again (log_client.py).
Source    KIP-98, "Idempotent Producer Guarantees". Kafka remembers a producer's last 5 batches
          (as many as may be in flight), and forgets one that was silent for a day; here
          nobody is forgotten. A first number above 0 is refused here; Kafka takes it, since
          it may have forgotten.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from minibroker.arguments import text, whole_number
from minibroker.errors import InvalidArgument, OutOfOrderSequence
from minibroker.record import Row, row_of

REMEMBERED = 5  # batches a producer and partition, that a retry is answered with


class Batch(NamedTuple):
    """What was written by one append: `rows`, the first under this `sequence` and `offset`."""

    sequence: int
    offset: int
    timestamp: float
    rows: Sequence[Row]


class Producers:
    """What one partition knows of those who write to it with numbers."""

    def __init__(self) -> None:
        self._last: dict[str, deque[Batch]] = {}  # by producer id: the last few, oldest first

    def duplicate_of(self, producer: str, sequence: int | None, records: int) -> Batch | None:
        """The batch that so many records from this number on already are; None if they are the next.

        Else OutOfOrderSequence.
        """
        text("producer", producer)
        if sequence is None:
            raise InvalidArgument(f"producer {producer!r} needs a sequence: 0 for its first record here")
        whole_number("sequence", sequence, at_least=0)
        known = self._last.get(producer, ())
        expected = known[-1].sequence + len(known[-1].rows) if known else 0
        if sequence == expected:
            return None
        for batch in known:
            if batch.sequence == sequence and len(batch.rows) == records:
                return batch
        if sequence > expected:
            what = f"{sequence - expected} record(s) before it never came: send those first, in order"
        else:
            what = (
                f"it was written, but only the last {REMEMBERED} batches are remembered, each as it came: "
                f"retry the same records, and not that late"
            )
        raise OutOfOrderSequence(
            f"producer {producer!r} sent sequence {sequence}, the next is {expected}; {what}"
        )

    def remember(self, producer: str, batch: Batch) -> None:
        """These numbers are written: a retry of them gets this batch."""
        self._last.setdefault(producer, deque(maxlen=REMEMBERED)).append(batch)

    def state(self) -> dict[str, Any]:
        """All that it knows, as JSON values."""
        return {producer: [list(batch) for batch in batches] for producer, batches in self._last.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Know what `state` says, and nothing else."""
        self._last = {}
        for producer, batches in state.items():
            for sequence, offset, timestamp, rows in batches:
                self.remember(producer, Batch(sequence, offset, timestamp, [row_of(row) for row in rows]))
