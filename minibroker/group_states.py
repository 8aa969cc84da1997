"""The life of a consumer group, as a table.

Idea      (state, event) -> state, and nothing else is legal: consumer_group.py asks this table
          before each move, and a lesson draws its diagram from it. Between two
          generations lies PREPARING_REBALANCE, a barrier: nobody gets a partition until
          everybody has come back or is given up, so that no two own the same one.
Source    Kafka's GroupState (classic protocol). There a member, the leader, computes the
          assignment, and a fifth state, CompletingRebalance, waits for it; here the
          broker computes it at once (as KIP-848 does). Kafka's Dead, a group that was
          deleted, is left out: here no group is deleted.
"""

from enum import StrEnum

from minibroker.errors import IllegalMove


class GroupState(StrEnum):
    """Where a group stands."""

    EMPTY = "empty"  # nobody is in it; its committed offsets stay
    PREPARING_REBALANCE = "preparing_rebalance"  # waiting until each member has joined again
    STABLE = "stable"  # each member knows its partitions


class GroupEvent(StrEnum):
    """What can happen to a group."""

    JOIN = "join"  # a member, new or back for the rebalance
    DEPART = "depart"  # a member left or was given up, and others remain
    EMPTIED = "emptied"  # so did the last one
    GROW = "grow"  # one of its topics has more partitions
    COMPLETE = "complete"  # all members are back: the next generation begins


# Every move that a group can make. A lesson draws its diagram from this table.
TRANSITIONS: dict[tuple[GroupState, GroupEvent], GroupState] = {
    (GroupState.EMPTY, GroupEvent.JOIN): GroupState.PREPARING_REBALANCE,
    (GroupState.PREPARING_REBALANCE, GroupEvent.JOIN): GroupState.PREPARING_REBALANCE,
    (GroupState.PREPARING_REBALANCE, GroupEvent.DEPART): GroupState.PREPARING_REBALANCE,
    (GroupState.PREPARING_REBALANCE, GroupEvent.EMPTIED): GroupState.EMPTY,
    (GroupState.PREPARING_REBALANCE, GroupEvent.COMPLETE): GroupState.STABLE,
    (GroupState.STABLE, GroupEvent.JOIN): GroupState.PREPARING_REBALANCE,
    (GroupState.STABLE, GroupEvent.DEPART): GroupState.PREPARING_REBALANCE,
    (GroupState.STABLE, GroupEvent.GROW): GroupState.PREPARING_REBALANCE,
    (GroupState.STABLE, GroupEvent.EMPTIED): GroupState.EMPTY,
}


def allowed(state: GroupState) -> tuple[GroupEvent, ...]:
    """The events that are legal in `state`, in the table's order."""
    return tuple(event for (source, event) in TRANSITIONS if source is state)


def next_state(state: GroupState, event: GroupEvent) -> GroupState:
    """Where `event` takes a group that is in `state`. IllegalMove if the table has no such move."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        legal = ", ".join(allowed(state))
        raise IllegalMove(f"a group that is {state} cannot {event}; allowed: {legal}") from None
