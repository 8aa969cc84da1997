"""The life of a saga, of each of its steps, and of a command at the service that got it: three tables.

Idea      (state, event) -> state, and nothing else is legal. The log asks these tables before it writes a
          record, the coordinator reads from the states what comes next, a lesson draws its diagrams from
          them, and tests walk along them: four readers, one truth.
Doubt     Between the record that a command goes out and the record of its answer nobody here knows whether it
          was done: it is in doubt. No answer in time changes nothing of that; it is not "no".
Pivot     The step after which there is no way back. From the moment its command may be out there is none
          either: who does not know whether a parcel is gone cannot give the money back.
Not here  Which steps there are (steps.py), which record is written when (saga_log.py, coordinator.py).
Source    H. Garcia-Molina and K. Salem, "Sagas", 1987; C. Richardson, microservices.io, "Saga", for
          compensatable, pivot and retriable.
"""

from enum import StrEnum
from typing import TypeVar


class IllegalMove(Exception):
    """The tables have no such move: a mistake in the caller, or a log that somebody else wrote to."""


class Event(StrEnum):
    """What a saga log says. Each but BEGIN, CANCEL and END is about one step."""

    BEGIN = "begin"  # what shall be done, and for whom
    START = "start"  # a step's command goes out
    DONE = "done"  # ... and its service says that it has done it
    REFUSE = "refuse"  # ... or that it has not, and will not
    GIVE_UP = "give_up"  # ... or nothing at all, often enough: it stays in doubt
    PIVOT = "pivot"  # the pivot's command goes out: too late to cancel
    COMMIT = "commit"  # ... and its service has done it: only forward from here
    CANCEL = "cancel"  # somebody wants it undone
    UNDO = "undo"  # a step's compensation goes out
    UNDONE = "undone"  # ... and its service has undone the step, or made sure that it never happens
    END = "end"


class SagaState(StrEnum):
    """How far a saga has come."""

    NEW = "new"  # not in the log
    RUNNING = "running"  # forward, and back if it must be
    AT_PIVOT = "at_pivot"  # the pivot is in doubt: no way back, and no way on before it is known
    COMMITTED = "committed"  # the pivot is done: forward, however long that takes
    COMPENSATING = "compensating"  # back, newest step first, however long that takes
    COMPLETED = "completed"  # every step is done
    COMPENSATED = "compensated"  # every step is undone, or was never done and never will be


class StepState(StrEnum):
    """What the log knows of one step."""

    WAITING = "waiting"  # no command went out
    IN_DOUBT = "in_doubt"  # one went out, and no answer is in the log
    DONE = "done"
    REFUSED = "refused"  # its service did nothing, and will not
    UNDOING = "undoing"  # its compensation went out, and no answer is in the log
    UNDONE = "undone"


class CommandState(StrEnum):
    """What a service remembers of one key."""

    UNKNOWN = "unknown"  # the key was never seen
    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone"  # undone, or a tombstone: the compensation came before the command, which is refused


class CommandEvent(StrEnum):
    """What a service is asked under one key, and REFUSE, its own no."""

    DO = "do"
    REFUSE = "refuse"
    UNDO = "undo"


S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class Moves(dict[tuple[S, E], S]):
    """What is not in the table is illegal: `table[state, event]` raises IllegalMove for it."""

    def __missing__(self, move: tuple[S, E]) -> S:
        state, event = move
        legal = ", ".join(self.allowed(state)) or "nothing more"
        raise IllegalMove(f"after {state} there can be no {event}; allowed: {legal}")

    def allowed(self, state: S) -> tuple[E, ...]:
        """The events that are legal in `state`, in the table's order; () if it is a last one."""
        return tuple(event for (source, event) in self if source is state)


# Every move that a saga can make. COMPENSATING and COMMITTED have one way out each, and none to the other:
# nothing goes back past the pivot.
SAGA_TRANSITIONS: Moves[SagaState, Event] = Moves(
    {
        (SagaState.NEW, Event.BEGIN): SagaState.RUNNING,
        (SagaState.RUNNING, Event.START): SagaState.RUNNING,
        (SagaState.RUNNING, Event.DONE): SagaState.RUNNING,
        (SagaState.RUNNING, Event.REFUSE): SagaState.COMPENSATING,
        (SagaState.RUNNING, Event.GIVE_UP): SagaState.COMPENSATING,
        (SagaState.RUNNING, Event.CANCEL): SagaState.COMPENSATING,
        (SagaState.RUNNING, Event.PIVOT): SagaState.AT_PIVOT,
        (SagaState.RUNNING, Event.END): SagaState.COMPLETED,  # a saga without a pivot
        (SagaState.AT_PIVOT, Event.COMMIT): SagaState.COMMITTED,
        (SagaState.AT_PIVOT, Event.REFUSE): SagaState.COMPENSATING,
        (SagaState.COMMITTED, Event.START): SagaState.COMMITTED,
        (SagaState.COMMITTED, Event.DONE): SagaState.COMMITTED,
        (SagaState.COMMITTED, Event.END): SagaState.COMPLETED,
        (SagaState.COMPENSATING, Event.UNDO): SagaState.COMPENSATING,
        (SagaState.COMPENSATING, Event.UNDONE): SagaState.COMPENSATING,
        (SagaState.COMPENSATING, Event.END): SagaState.COMPENSATED,
    }
)

# Every move of one step. What is in doubt is undone like what is done: the service can tell the two apart.
STEP_TRANSITIONS: Moves[StepState, Event] = Moves(
    {
        (StepState.WAITING, Event.START): StepState.IN_DOUBT,
        (StepState.WAITING, Event.PIVOT): StepState.IN_DOUBT,
        (StepState.IN_DOUBT, Event.DONE): StepState.DONE,
        (StepState.IN_DOUBT, Event.COMMIT): StepState.DONE,
        (StepState.IN_DOUBT, Event.REFUSE): StepState.REFUSED,
        (StepState.IN_DOUBT, Event.GIVE_UP): StepState.IN_DOUBT,
        (StepState.IN_DOUBT, Event.UNDO): StepState.UNDOING,
        (StepState.DONE, Event.UNDO): StepState.UNDOING,
        (StepState.UNDOING, Event.UNDONE): StepState.UNDONE,
    }
)

# Every move of one key at a service. It is complete: whatever is asked, however often and in whichever order,
# there is an answer, and what is undone or refused stays so. A DO that leads there is refused.
COMMAND_TRANSITIONS: Moves[CommandState, CommandEvent] = Moves(
    {
        (CommandState.UNKNOWN, CommandEvent.DO): CommandState.DONE,
        (CommandState.UNKNOWN, CommandEvent.REFUSE): CommandState.REFUSED,
        (CommandState.UNKNOWN, CommandEvent.UNDO): CommandState.UNDONE,  # the tombstone
        (CommandState.DONE, CommandEvent.DO): CommandState.DONE,
        (CommandState.DONE, CommandEvent.UNDO): CommandState.UNDONE,
        (CommandState.REFUSED, CommandEvent.DO): CommandState.REFUSED,
        (CommandState.REFUSED, CommandEvent.UNDO): CommandState.REFUSED,
        (CommandState.UNDONE, CommandEvent.DO): CommandState.UNDONE,
        (CommandState.UNDONE, CommandEvent.UNDO): CommandState.UNDONE,
    }
)

ENDED = (SagaState.COMPLETED, SagaState.COMPENSATED)
