"""The coordinator of sagas: it reads the log, makes the next move, and writes it down before it does so.

Idea      For each saga one task repeats: what comes next by the log? write that; send the command; write the
          answer. All that it knows stands in the log, so that a crash anywhere costs it nothing:
          resume() goes on where the log ends, and sends again what was in doubt, under the same key.
Forward   A compensatable step without an answer is asked for `attempts` times, and then given up, in
          doubt. The pivot and what follows it is asked for without end.
Back      Newest step first, what is in doubt too; each compensation without end: there is no other way out.
Cancel    is one record in the log, before the pivot's command or not at all. So customer and coordinator
          cannot both have their way: the log says who was first.
Isolation There is none: others see a step's effect before the saga has ended. The services say so
          themselves (a hold that is pending: services/shop/holds.py), which is called a semantic lock.
Not here  Two coordinators of one log: each saga is driven by the process whose database it is in.
Source    H. Garcia-Molina and K. Salem, "Sagas", 1987; C. Richardson, "Microservices Patterns", chapter 4.
"""

from __future__ import annotations

import asyncio
from typing import Any

from services.node import Node
from services.resilience.backoff import Backoff, full_jitter
from services.saga.commands import Refused, Send, Unknown, over_http
from services.saga.progress import Move, Progress
from services.saga.saga_log import Overtaken, SagaLog
from services.saga.states import Event, SagaState
from services.saga.steps import Kind, Saga, Step, key

GOING_BACK = (SagaState.COMPENSATING, SagaState.COMPENSATED)


class TooLate(Exception):
    """The saga cannot be cancelled: its pivot is done, or may be."""


class OtherSteps(Exception):
    """The log holds a saga whose steps are not those that this coordinator was started with."""


class Coordinator:
    """Drives the sagas of one making. Let it resume() when the service starts, before all else.

    send:      how a command is sent; by default as HTTP POST, with `timeout` seconds for an answer.
    attempts:  how often a compensatable step is asked for before it is given up. All else: without end.
    backoff, base, cap: how long to wait in between, in seconds; see services/resilience/backoff.py.
    """

    def __init__(
        self,
        node: Node,
        saga: Saga,
        *,
        log: SagaLog | None = None,
        send: Send | None = None,
        timeout: float = 1.0,
        attempts: int = 3,
        backoff: Backoff = full_jitter,
        base: float = 0.1,
        cap: float = 5.0,
    ) -> None:
        if attempts < 1:
            raise ValueError(f"attempts counts the first try, so it is 1 or more; got {attempts}")
        self.log = log or SagaLog(node.database(), clock=node.now)
        self._node = node
        self._saga = saga
        self._send = send or over_http(node.client(timeout=timeout))
        self._attempts = attempts
        self._backoff = backoff
        self._base, self._cap = base, cap
        self._rng = node.rng("saga")
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # -- what others may ask --------------------------------------------------------------------------------

    async def resume(self) -> list[str]:
        """Go on with every saga that has begun and not ended; returns their ids."""
        await self.log.create()
        there = await self.log.unfinished()
        for saga in there:
            self._node.record("saga_resumed", saga=saga)
            self._drive(saga)
        return there

    async def begin(self, saga: str, data: Any) -> Progress:
        """Begin the saga of this id, and go on with it in the background. Returns when that is in the log.

        The same again is no harm: it returns how far it has come. Raises SagaExists for other data.
        """
        progress = await self.log.begin(saga, self._saga, data)
        if not progress.ended:
            self._drive(saga)
        return progress

    async def cancel(self, saga: str, reason: str = "") -> Progress:
        """Call it off: what was done is undone. Returns when that is in the log; twice is no harm.

        Raises TooLate once the pivot's command may be out, NoSuchSaga.
        """
        while True:
            progress = await self.log.progress(saga)
            if progress.state in GOING_BACK:
                return progress
            if progress.state is not SagaState.RUNNING:
                raise TooLate(f"saga {saga} is {progress.state}: there is no way back")
            try:
                progress = await self._write(progress, Event.CANCEL, detail=reason or None)
            except Overtaken:
                continue
            self._drive(saga)
            return progress

    async def finish(self, saga: str) -> Progress:
        """Go on with a saga, and wait until it has ended, however long that takes. Raises NoSuchSaga."""
        progress = await self.log.progress(saga)
        while not progress.ended:
            await asyncio.wait({self._drive(saga)})
            progress = await self.log.progress(saga)
        return progress

    async def progress(self, saga: str) -> Progress:
        """How far a saga has come. Raises NoSuchSaga."""
        return await self.log.progress(saga)

    async def stop(self) -> None:
        """Leave every saga where it is, until resume(). (A crash does the same.)"""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- one saga --------------------------------------------------------------------------------------------

    def _drive(self, saga: str) -> asyncio.Task[None]:
        """Let one task, and one only, go on with it."""
        if saga not in self._tasks:
            self._tasks[saga] = asyncio.create_task(self._to_the_end(saga))
            self._tasks[saga].add_done_callback(lambda _: self._tasks.pop(saga, None))
        return self._tasks[saga]

    async def _to_the_end(self, saga: str) -> None:
        while True:
            try:
                progress = await self.log.progress(saga)
                self._fits(progress)
                while not progress.ended:
                    progress = await self.advance(progress)
                return
            except Overtaken:
                continue  # a customer cancelled while an answer was awaited: the log says what to do now
            except Exception as error:  # a full disk, steps that were renamed: the other sagas go on
                self._node.record("saga_halted", saga=saga, error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(self._cap)

    def _fits(self, progress: Progress) -> None:
        mine = {step.name: step.kind for step in self._saga.steps}
        if (progress.making, list(progress.kinds.items())) != (self._saga.name, list(mine.items())):
            raise OtherSteps(
                f"saga {progress.saga} was begun as {progress.making!r} with the steps "
                f"{', '.join(progress.kinds)}; this coordinator has {self._saga.name!r} with "
                f"{', '.join(mine)}. Let it end under its own steps first"
            )

    async def advance(self, progress: Progress) -> Progress:
        """Make one move: write it, send it, write the answer. Returns the progress then.

        Raises Overtaken if somebody else wrote to this saga meanwhile.
        """
        move = progress.next()
        if move is None:
            return progress
        if not move.again:
            progress = await self._write(progress, move.event, move.step)
        if move.step is None:
            return progress
        step = self._saga.step(move.step)
        if move.event is Event.UNDO:
            event, detail = await self._undo(progress, step)
        elif step.kind is Kind.RETRIABLE:
            event, detail = await self._insist(progress, step)
        else:
            event, detail = await self._try(progress, step, move)
        return await self._write(progress, event, step.name, detail=detail)

    async def _try(self, progress: Progress, step: Step, move: Move) -> tuple[Event, str | None]:
        """Ask for a step that may be refused; the pivot without end: in doubt there is no way on or back."""
        pivot = step.kind is Kind.PIVOT
        attempt, wait = 1, None
        while True:
            try:
                await self._send(step.do, key(progress.saga, step.name), progress.data)
                return (Event.COMMIT if pivot else Event.DONE), None
            except Refused as error:
                # It says nothing of an earlier try, unless the service remembers its keys; so what can be
                # undone is in doubt all the same. (Of a pivot's service we must believe it.)
                sure = pivot or (attempt == 1 and not move.again)
                return (Event.REFUSE if sure else Event.GIVE_UP), str(error)
            except Unknown as error:
                if attempt == self._attempts and not pivot:
                    return Event.GIVE_UP, str(error)
                wait = await self._rest(progress, step.name, step.do, attempt, wait, error)
            if (await self.log.progress(progress.saga)).position != progress.position:
                raise Overtaken(f"saga {progress.saga} was cancelled: another try would be more to undo")
            attempt += 1

    async def _insist(self, progress: Progress, step: Step) -> tuple[Event, None]:
        """Ask for a retriable step until it is done."""
        await self._until_done(progress, step, step.do)
        return Event.DONE, None

    async def _undo(self, progress: Progress, step: Step) -> tuple[Event, None]:
        """Ask for a compensation until it is done."""
        assert step.undo is not None, f"{step.name} is {step.kind}"
        await self._until_done(progress, step, step.undo)
        return Event.UNDONE, None

    async def _until_done(self, progress: Progress, step: Step, to: str) -> None:
        """There is no other way out, so not even a refusal ends it: somebody must mend the service."""
        attempt, wait = 1, None
        while True:
            try:
                return await self._send(to, key(progress.saga, step.name), progress.data)
            except (Refused, Unknown) as error:
                wait = await self._rest(progress, step.name, to, attempt, wait, error)
            attempt += 1

    async def _rest(
        self, progress: Progress, step: str, to: str, attempt: int, previous: float | None, error: Exception
    ) -> float:
        """Wait before the next try. Returns how long that was, in seconds."""
        wait = self._backoff(attempt, base=self._base, cap=self._cap, rng=self._rng, previous=previous)
        told = f"{type(error).__name__}: {error}"
        self._node.record(
            "saga_retry", saga=progress.saga, step=step, to=to, attempt=attempt, wait=wait, error=told
        )
        await asyncio.sleep(wait)
        return wait

    async def _write(
        self, progress: Progress, event: Event, step: str | None = None, *, detail: Any = None
    ) -> Progress:
        progress = await self.log.append(progress, event, step, detail=detail)
        self._node.record(
            "saga", saga=progress.saga, event=event, step=step, state=progress.state, detail=detail
        )
        return progress
