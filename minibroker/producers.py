"""The idempotent producer: a retry that the log recognises.

Idea      An append without an answer may be in the log or not, so its producer sends it
          again, under the same number. Each producer counts its records to a
          partition 0, 1, 2...; the log takes exactly the next one, answers a number that
          it has with the record that it has, and refuses a gap, which says that
          something before it was lost.
Limits    It recognises the retries of one producer, not two calls of your program: whoever
          starts anew gets a new id, and nothing it sends is a duplicate of before.
Not here  Sending again (log_client.py).
Source    KIP-98, "Idempotent Producer Guarantees". Kafka numbers batches and remembers the
          last 5 (as many as may be in flight), and forgets a producer that was silent
          for a day; here it is records, and nobody is forgotten. A first number
          above 0 is refused here; Kafka takes it, since it may have forgotten.
"""

from collections import deque

from minibroker.arguments import text, whole_number
from minibroker.errors import InvalidArgument, OutOfOrderSequence
from minibroker.record import Record

REMEMBERED = 5  # records a producer and partition, that a retry is answered with


class Producers:
    """What one partition knows of those who write to it with numbers."""

    def __init__(self) -> None:
        self._last: dict[str, deque[tuple[int, Record]]] = {}  # by producer id: the last few, oldest first

    def duplicate_of(self, producer: str, sequence: int | None) -> Record | None:
        """The record that this number already is; None if it is the next. Else OutOfOrderSequence."""
        text("producer", producer)
        if sequence is None:
            raise InvalidArgument(f"producer {producer!r} needs a sequence: 0 for its first record here")
        whole_number("sequence", sequence, at_least=0)
        known = self._last.get(producer, ())
        expected = known[-1][0] + 1 if known else 0
        if sequence == expected:
            return None
        for number, record in known:
            if number == sequence:
                return record
        if sequence > expected:
            what = f"{sequence - expected} record(s) before it never came: send those first, in order"
        else:
            what = f"it was written, but only the last {REMEMBERED} are remembered: do not retry that late"
        raise OutOfOrderSequence(
            f"producer {producer!r} sent sequence {sequence}, the next is {expected}; {what}"
        )

    def remember(self, producer: str, sequence: int, record: Record) -> None:
        """This number is written: a retry of it gets this record."""
        self._last.setdefault(producer, deque(maxlen=REMEMBERED)).append((sequence, record))
