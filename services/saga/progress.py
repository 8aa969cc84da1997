"""How far a saga has come, and so what comes next: both are functions of its log, and of nothing else.

Idea      Progress is a fold: begin with nothing, and take one record after the other. So whoever reads the
          log after a crash knows as much as whoever wrote it. What comes next is read from the states:
          there is always one move, until the end.
Not here  Where records are kept (saga_log.py); who makes the move (coordinator.py). No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.saga.states import (
    ENDED,
    SAGA_TRANSITIONS,
    STEP_TRANSITIONS,
    Event,
    IllegalMove,
    SagaState,
    StepState,
)
from services.saga.steps import Kind


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a saga log.

    position: in the whole log, rising. at: seconds, on the clock of the node that wrote it.
    step: which one it is about, or None. detail: a JSON value: of BEGIN {"saga": the making's name,
    "steps": [[name, kind], ...], "data": what the commands carry}; of REFUSE, GIVE_UP and CANCEL the reason.
    """

    position: int
    saga: str
    at: float
    event: Event
    step: str | None = None
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Move:
    """What comes next: `event` is to be logged (START, PIVOT, UNDO or END) and then, but for END, `step`'s
    command or compensation is to be sent. again: the log has that record already, so the command may have
    been sent, and is sent once more under its key."""

    event: Event
    step: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What the log knows of one saga. position: of its last record; 0 while it has none."""

    saga: str
    state: SagaState = SagaState.NEW
    making: str = ""
    kinds: Mapping[str, Kind] = field(default_factory=dict)  # of each step, in their order
    steps: Mapping[str, StepState] = field(default_factory=dict)  # in their order
    data: Any = None
    reason: str | None = None  # why it is, or was, compensated
    position: int = 0

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def next(self) -> Move | None:
        """What comes next; None if the saga has ended, or is not in the log."""
        if self.ended or self.state is SagaState.NEW:
            return None
        return self._back() if self.state is SagaState.COMPENSATING else self._forward()

    def _forward(self) -> Move:
        for step, state in self.steps.items():
            if state is not StepState.DONE:
                pivot = self.kinds[step] is Kind.PIVOT
                return Move(Event.PIVOT if pivot else Event.START, step, again=state is StepState.IN_DOUBT)
        return Move(Event.END)

    def _back(self) -> Move:
        for step, state in reversed(list(self.steps.items())):  # newest first
            if state in (StepState.DONE, StepState.IN_DOUBT, StepState.UNDOING):
                return Move(Event.UNDO, step, again=state is StepState.UNDOING)
        return Move(Event.END)

    def after(self, record: Record) -> Progress:
        """The progress with one more record. Raises IllegalMove for what the tables do not allow, and for a
        step that is not the next one."""
        try:
            state = SAGA_TRANSITIONS[self.state, record.event]
            if record.event is Event.BEGIN:
                return self._begun(record, state)
            if record.event in (Event.CANCEL, Event.END):
                self._refuse_early_end(record)
                steps = self.steps
            else:
                steps = self._with_step(record)
        except IllegalMove as error:
            raise IllegalMove(f"saga {self.saga}, record {record.position}: {error}") from None
        reason = self.reason
        if state is SagaState.COMPENSATING and self.state is not state:
            reason = _reason(record)
        return replace(self, state=state, steps=steps, reason=reason, position=record.position)

    def _begun(self, record: Record, state: SagaState) -> Progress:
        kinds = {name: Kind(kind) for name, kind in record.detail["steps"]}
        return replace(
            self,
            state=state,
            making=record.detail["saga"],
            kinds=kinds,
            steps=dict.fromkeys(kinds, StepState.WAITING),
            data=record.detail["data"],
            position=record.position,
        )

    def _with_step(self, record: Record) -> dict[str, StepState]:
        step = record.step or ""
        if step not in self.steps:
            raise IllegalMove(f"no step {step!r}; there are: {', '.join(self.steps)}")
        state = STEP_TRANSITIONS[self.steps[step], record.event]
        following = self.next()
        assert following is not None
        if step != following.step:
            raise IllegalMove(f"{record.event} {step} is out of turn: {following.event} {following.step}")
        if (record.event in (Event.PIVOT, Event.COMMIT)) != (self.kinds[step] is Kind.PIVOT) and (
            record.event in (Event.PIVOT, Event.COMMIT, Event.START, Event.DONE)
        ):
            raise IllegalMove(f"{record.event} is not for a step that is {self.kinds[step]}")
        return {**self.steps, step: state}

    def _refuse_early_end(self, record: Record) -> None:
        following = self.next()
        if record.event is Event.END and following != Move(Event.END):
            assert following is not None
            raise IllegalMove(f"end is out of turn: {following.event} {following.step}")


def fold(saga: str, records: Iterable[Record]) -> Progress:
    """The progress of `saga` after these records, which are in the order of their positions."""
    progress = Progress(saga)
    for record in records:
        progress = progress.after(record)
    return progress


def _reason(record: Record) -> str:
    about = f"{record.step}: " if record.step else ""
    why = {Event.REFUSE: "refused", Event.GIVE_UP: "in doubt", Event.CANCEL: "cancelled"}[record.event]
    return f"{about}{why}" + (f", {record.detail}" if record.detail else "")
