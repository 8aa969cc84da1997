"""What a log and its groups write down, and what it means when it is read again.

Idea      A fact is a list of JSON values that says what happened to one partition or group. Read in
          the order of writing they make all of it anew: a log is written down by being written.

        | fact                                                      | it says                               |
        |-----------------------------------------------------------|---------------------------------------|
        | ["topic", topic, settings]                                | it exists, with so many partitions    |
        | ["holds", topic, partition, start, end, holes, producers] | there was more, before the batches    |
        |                                                           | that follow                           |
        | ["met", topic, partition, [[offset, time], ...]]          | tombstones, and when a cleaning       |
        |                                                           | first met them                        |
        | ["batch", topic, partition, offset, time, numbers, rows]  | written, the first under this offset; |
        |                                                           | numbers: null, or producer, sequence  |
        | ["cleaned", topic, partition, time, removed, met, start]  | what a cleaning did                   |
        | ["producers", number]                                     | so many ids were given                |
        | ["generation", topic, group, number]                      | the group began it                    |
        | ["committed", topic, group, partition, offset]            | the next offset to read               |

Members   are not written down: after a restart each must join again. So a generation is: one that was
          given must never be given again.
Not here  The file (journal.py). A queue's facts (queue_facts.py).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minibroker.record import Row

Fact = list[Any]
Journal = Callable[[Fact], None]


def batch(
    topic: str,
    partition: int,
    offset: int,
    time: float,
    rows: Sequence[Row],
    producer: str | None = None,
    sequence: int | None = None,
) -> Fact:
    """These rows were written at once, with a producer's numbers or without."""
    numbers = None if producer is None else [producer, sequence]
    return ["batch", topic, partition, offset, time, numbers, rows]


def holds(
    topic: str, partition: int, start: int, end: int, holes: bool, producers: Mapping[str, Any]
) -> Fact:
    """A partition that begins and ends there, before the batches that are still in it."""
    return ["holds", topic, partition, start, end, holes, producers]
