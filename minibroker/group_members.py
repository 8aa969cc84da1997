"""Who is in a group: sessions, and the barrier between two generations.

Idea      Nobody can tell a dead member from a slow one; so each has a session, and who gives no
          sign of life for so long is given up. At the barrier it is another clock: those who
          have joined again wait for the others, and cannot be late themselves; the others
          have until their session ends or the barrier does, whichever is first.
Not here  What happens when somebody is given up (consumer_group.py).
Source    KIP-62: session.timeout.ms for the process, and for a member that must rejoin
          max.poll.interval.ms, which is the rebalance timeout.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from minibroker.assignment import TopicPartition


@dataclass(frozen=True, slots=True)
class Membership:
    """What a member owns in one generation."""

    member: str
    generation: int
    partitions: tuple[TopicPartition, ...]


@dataclass(slots=True, eq=False)
class Member:
    """What the group knows of one member. Times are seconds on the broker's clock."""

    topics: frozenset[str]
    session_ends: float = math.inf
    joined: bool = False  # for the generation that is being prepared, or is
    owns: tuple[TopicPartition, ...] = field(default=())


class Members(dict[str, Member]):
    """The members by name."""

    def __init__(self) -> None:
        super().__init__()
        self._barrier_ends: float | None = None  # None: there is no barrier

    def raise_barrier(self, until: float) -> None:
        """From now on everybody must join again, at the latest `until`."""
        self._barrier_ends = until
        for member in self.values():
            member.joined = False

    def lower_barrier(self) -> None:
        """All are back, or nobody is left."""
        self._barrier_ends = None

    def all_are_back(self) -> bool:
        """Has everybody joined?"""
        return all(member.joined for member in self.values())

    def topics(self) -> list[str]:
        """What at least one of them reads."""
        return sorted({topic for member in self.values() for topic in member.topics})

    def owned(self) -> dict[str, tuple[TopicPartition, ...]]:
        """What each of them owns."""
        return {name: member.owns for name, member in sorted(self.items())}

    def next_deadline(self) -> float | None:
        """When the first of them is given up if nothing is heard; None if none is."""
        first = min(map(self._ends, self.values()), default=math.inf)
        return None if first == math.inf else first

    def late(self, now: float) -> Mapping[str, str]:
        """Whose time is up, and which: "session_timeout" or "rebalance_timeout"."""
        return {
            name: "session_timeout" if member.session_ends <= self._ends(member) else "rebalance_timeout"
            for name, member in self.items()
            if self._ends(member) <= now
        }

    def _ends(self, member: Member) -> float:
        """When this one is given up. One that waits at the barrier waits for others: never."""
        if self._barrier_ends is None:
            return member.session_ends
        return math.inf if member.joined else min(member.session_ends, self._barrier_ends)
