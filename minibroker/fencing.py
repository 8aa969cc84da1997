"""Fencing: who may speak in this generation.

Idea      A member that slept through a rebalance (a zombie) does not know it. So it is not asked
          whether it is still in: it says its generation, and the group looks.
The fence protects the *commit*. What a zombie writes elsewhere is not fenced: hand the
          generation on to the sink, and let it refuse an older one.
Not here  Giving a member up (group_members.py, consumer_group.py).
Source    M. Kleppmann, "How to do distributed locking", 2016, on fencing tokens.
"""

from collections.abc import Collection

from minibroker.errors import FencedMember, StaleGeneration


def out_of_the_group(
    operation: str, member: str, group: str, members: Collection[str], *, session_timeout: float, now: float
) -> FencedMember:
    """The refusal of somebody who is no member (any more)."""
    there_are = ", ".join(sorted(members)) or "nobody"
    return FencedMember(
        f"cannot {operation}: {member!r} is not in group {group!r} at t={now:g}s (there are: "
        f"{there_are}). It left, or was silent for session_timeout={session_timeout:g}s; join "
        f"again, and begin at what is committed"
    )


def of_another_generation(
    operation: str, member: str, group: str, *, said: int, generation: int
) -> StaleGeneration:
    """The refusal of a member that speaks of a generation that is over."""
    return StaleGeneration(
        f"cannot {operation}: group {group!r} is in generation {generation}, {member!r} says "
        f"{said}; others may own its partitions now. Join again, and begin at what is committed"
    )


def not_back_yet(member: str, group: str) -> StaleGeneration:
    """The refusal of a member that asks what it owns, and has not joined again."""
    return StaleGeneration(f"group {group!r} began another rebalance: {member!r} must join again")
