"""What all members of a group must agree on: its settings, checked when the first one comes.

Idea      A member brings them along, since it makes the group by joining it. The first one's are
          taken; another that says otherwise would share out by another rule, and is refused.
Source    Kafka's ConsumerConfig: partition.assignment.strategy, session.timeout.ms, and
          max.poll.interval.ms, which is the rebalance timeout.
"""

from dataclasses import asdict, dataclass

from minibroker.arguments import seconds
from minibroker.assignment import assignor
from minibroker.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """InvalidArgument if they make no sense.

    assignor            "range", "round_robin" or "sticky"
    session_timeout     seconds without a sign of life until a member is given up
    rebalance_timeout   seconds that members have to join again
    """

    assignor: str = "range"
    session_timeout: float = 45.0
    rebalance_timeout: float = 300.0

    def __post_init__(self) -> None:
        assignor(self.assignor)
        seconds("session_timeout", self.session_timeout, above_zero=True)
        seconds("rebalance_timeout", self.rebalance_timeout, above_zero=True)

    def must_be(self, others: "GroupSettings", group: str) -> None:
        """InvalidArgument if a member comes with `others`."""
        if others != self:
            raise InvalidArgument(
                f"group {group!r} runs with {asdict(self)}, and a member came with {asdict(others)}: "
                f"all members must say the same"
            )
