"""Groups: order where it is needed, and only there.

Idea      Messages with the same `group` are delivered in the order in which they came, one
          at a time: until the first is out of the queue (acked, dead or redriven) the next
          cannot be received. Other groups, and messages without one, go on meanwhile.
Why       With several workers "first in line" is not "first done": the second message may
          overtake the first, or come while the first is given back.
Order     It holds through nack, delay and expiry of a lease: a message that comes back is
          still the first of its group, and a first one that is delayed delays its group.
          A *dead* first one does not block: its group goes on without it. If it is redriven
          it comes last in its group. Where a gap is worse than a standstill, use no
          dead-letter queue and no ttl: then poison stops its group until somebody acts.
Source    Amazon SQS Developer Guide, "FIFO delivery logic" and "Dead-letter queues" ("Don't use a
          dead-letter queue with a FIFO queue if you don't want to break the exact order").
          SQS may hand out several of one group in one batch; here it is always one.
"""

from collections import deque

from minibroker.entry import Entry


class Groups:
    """For each group who is first, and who stands behind, in order of place. Empty groups are forgotten."""

    def __init__(self) -> None:
        self._first: dict[str, Entry] = {}
        self._behind: dict[str, deque[Entry]] = {}  # only of groups of two and more

    def join(self, group: str, entry: Entry) -> bool:
        """`entry` is the last of its group now. Is it the first of it, too?"""
        if self._first.setdefault(group, entry) is entry:
            return True
        if group in self._behind:
            self._behind[group].append(entry)
        else:
            self._behind[group] = deque((entry,))
        return False

    def lets_go(self, group: str, entry: Entry) -> bool:
        """Is nobody of its group ahead of `entry`?"""
        return self._first[group] is entry

    def leave(self, group: str, entry: Entry) -> Entry | None:
        """`entry` has left the queue. Returns who is the first of its group *now* and was not before."""
        was_first, behind, heir = self._first[group] is entry, self._behind.get(group), None
        if behind is None:
            del self._first[group]
            return None
        if was_first:
            heir = self._first[group] = behind.popleft()
        else:
            behind.remove(entry)
        if not behind:
            del self._behind[group]
        return heir
