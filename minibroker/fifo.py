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
    """For each group its entries, in order of place. Empty groups are forgotten."""

    def __init__(self) -> None:
        self._members: dict[str, deque[Entry]] = {}

    def join(self, entry: Entry) -> None:
        """`entry` is the last of its group now. One without a group is on its own."""
        if entry.message.group is not None:
            self._members.setdefault(entry.message.group, deque()).append(entry)

    def lets_go(self, entry: Entry) -> bool:
        """Is nobody of its group ahead of `entry`?"""
        group = entry.message.group
        return group is None or self._members[group][0] is entry

    def leave(self, entry: Entry) -> Entry | None:
        """`entry` has left the queue. Returns who is the first of its group *now* and was not before."""
        group = entry.message.group
        if group is None:
            return None
        members = self._members[group]
        if members[0] is not entry:
            members.remove(entry)
            return None
        members.popleft()
        if not members:
            del self._members[group]
            return None
        return members[0]
