"""The life of a message, as a table.

Idea      (state, event) -> state, and nothing else is legal. The queue asks this table
          before each move, the lessons draw their diagram from it, and a test walks a
          run's history along it: three readers, one truth.
Not here  What *causes* an event: a worker's call or a deadline (work_queue.py).
Source    h11's state machine, for the form. The moves are Amazon SQS's: a message is
          stored, in flight, or deleted (Developer Guide, "Visibility timeout").
"""

from enum import StrEnum

from minibroker.errors import IllegalMove


class State(StrEnum):
    """Where a message stands, seen from the queue that it was sent to."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and the table is asked at every move

    NEW = "new"  # not yet in a queue
    DELAYED = "delayed"  # in the queue, hidden until its delay is over
    READY = "ready"  # the next receive may take it (if it is the first of its group)
    IN_FLIGHT = "in_flight"  # leased to a consumer, hidden until acked or until the lease ends
    DONE = "done"  # acked: gone for good
    DEAD = "dead"  # given up here: it waits in the dead-letter queue (where it is READY), if it went to one


class Event(StrEnum):
    """What can happen to a message."""

    __hash__ = str.__hash__

    SEND = "send"
    SEND_DELAYED = "send_delayed"
    BECOME_VISIBLE = "become_visible"  # its delay is over
    RECEIVE = "receive"
    EXTEND = "extend"
    ACK = "ack"
    NACK = "nack"
    NACK_DELAYED = "nack_delayed"
    EXPIRE = "expire"  # visibility_timeout passed, no ack
    EXHAUST = "exhaust"  # nacked or expired, and it was the last of max_receive_count deliveries
    REJECT = "reject"
    RELEASE = "release"  # given back unhandled: as if it had not been received
    LAPSE = "lapse"  # its time to live is over
    OVERFLOW = "overflow"  # pushed out of a full queue by a younger one
    REDRIVE = "redrive"


# By these names a hot loop reads them: in Python 3.11 `State.READY` costs as much as three calls.
NEW, DELAYED, READY, IN_FLIGHT, DONE, DEAD = State
SEND, RECEIVE, ACK = Event.SEND, Event.RECEIVE, Event.ACK


class Moves(dict[tuple[State, Event], State]):
    """What is not in the table is illegal: `table[state, event]` raises IllegalMove for it."""

    def __missing__(self, move: tuple[State, Event]) -> State:
        state, event = move
        legal = ", ".join(allowed(state)) or "nothing more"
        raise IllegalMove(f"a message that is {state} cannot {event}; allowed: {legal}")


# Every move that a message can make. A lesson draws its diagram from this table.
TRANSITIONS = Moves(
    {
        (State.NEW, Event.SEND): State.READY,
        (State.NEW, Event.SEND_DELAYED): State.DELAYED,
        (State.DELAYED, Event.BECOME_VISIBLE): State.READY,
        (State.READY, Event.RECEIVE): State.IN_FLIGHT,
        (State.IN_FLIGHT, Event.EXTEND): State.IN_FLIGHT,
        (State.IN_FLIGHT, Event.ACK): State.DONE,
        (State.IN_FLIGHT, Event.NACK): State.READY,
        (State.IN_FLIGHT, Event.NACK_DELAYED): State.DELAYED,
        (State.IN_FLIGHT, Event.EXPIRE): State.READY,
        (State.IN_FLIGHT, Event.EXHAUST): State.DEAD,
        (State.IN_FLIGHT, Event.REJECT): State.DEAD,
        (State.IN_FLIGHT, Event.RELEASE): State.READY,
        (State.READY, Event.LAPSE): State.DEAD,
        (State.READY, Event.OVERFLOW): State.DEAD,
        (State.DEAD, Event.REDRIVE): State.READY,
    }
)


class _Sources(dict[State, State]):
    """Where one event takes a message, by where it stands; IllegalMove for anywhere else."""

    def __init__(self, event: Event) -> None:
        super().__init__({source: to for (source, by), to in TRANSITIONS.items() if by is event})
        self._event = event

    def __missing__(self, state: State) -> State:
        return TRANSITIONS[state, self._event]


# The same table, cut by event: AFTER[event][state] makes no pair, and each message moves three times.
AFTER = {event: _Sources(event) for event in Event}


def allowed(state: State) -> tuple[Event, ...]:
    """The events that are legal in `state`, in the table's order; () if its life ends there."""
    return tuple(event for (source, event) in TRANSITIONS if source is state)


def next_state(state: State, event: Event) -> State:
    """Where `event` takes a message that is in `state`. IllegalMove if the table has no such move."""
    return TRANSITIONS[state, event]
