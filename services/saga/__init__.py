"""Sagas: a business transaction over several services, without a lock that spans them. In this order:

states            the life of a saga, a step and a command, as tables
steps             what a saga consists of: compensatable steps, a pivot, retriable steps
progress          how far it has come, and what comes next: functions of the log
saga_log          each move is written here first
commands          what goes to a service, and what its answer means
asking            ... once more, and once more, until there is one
coordinator       makes the moves, and after a crash goes on from the log
__main__          `python -m services.saga LOG` tells what a log on disk says
participant       the service's side: keys, and tombstones for what is undone before it was done
endpoints         ... over HTTP

Beside it, to compare:

choreography           the same flow without a coordinator: each service hears events and does its part
two_phase_commit       all or nobody, with locks, and what they cost when the coordinator dies
two_phase_participant  ... who is locked meanwhile
"""

from services.saga.asking import Waiting
from services.saga.commands import KEY, Refused, Send, Tombstone, Unknown, over_http
from services.saga.coordinator import Coordinator, OtherSteps, TooLate
from services.saga.participant import Commands
from services.saga.progress import Move, Progress, Record, fold
from services.saga.saga_log import NoSuchSaga, Overtaken, SagaExists, SagaLog
from services.saga.states import (
    COMMAND_TRANSITIONS,
    SAGA_TRANSITIONS,
    STEP_TRANSITIONS,
    CommandEvent,
    CommandState,
    Event,
    IllegalMove,
    SagaState,
    StepState,
)
from services.saga.steps import BadSaga, Kind, Saga, Step, key

__all__ = [
    "COMMAND_TRANSITIONS",
    "KEY",
    "SAGA_TRANSITIONS",
    "STEP_TRANSITIONS",
    "BadSaga",
    "CommandEvent",
    "CommandState",
    "Commands",
    "Coordinator",
    "Event",
    "IllegalMove",
    "Kind",
    "Move",
    "NoSuchSaga",
    "OtherSteps",
    "Overtaken",
    "Progress",
    "Record",
    "Refused",
    "Saga",
    "SagaExists",
    "SagaLog",
    "SagaState",
    "Send",
    "Step",
    "StepState",
    "Tombstone",
    "TooLate",
    "Unknown",
    "Waiting",
    "fold",
    "key",
    "over_http",
]
