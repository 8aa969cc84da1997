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
Not here  Two coordinators of one log: each saga is driven by the process whose database it is in. How many
          commands go out at once: `send` may go through a bulkhead (services/resilience/bulkhead.py).
Source    H. Garcia-Molina and K. Salem, "Sagas", 1987; C. Richardson, "Microservices Patterns", chapter 4.
"""

from __future__ import annotations

import asyncio
from typing import Any

from services.node import Node
from services.resilience.backoff import Backoff, full_jitter
from services.saga.asking import Answer, Asker, Waiting
from services.saga.commands import Send, over_http
from services.saga.progress import Move, Progress
from services.saga.saga_log import Overtaken, SagaLog
from services.saga.states import Event, SagaState
from services.saga.steps import Kind, Saga, Step

GOING_BACK = (SagaState.COMPENSATING, SagaState.COMPENSATED)


class TooLate(Exception):
    """The saga cannot be cancelled: its pivot is done, or may be."""


class OtherSteps(Exception):
    """The log holds a saga whose steps are not those that this coordinator was started with."""


class Coordinator:
    """Drives the sagas of one making. Let it resume() when the service starts, before all else.

        coordinator = Coordinator(node, ORDER)
        await coordinator.resume()
        await coordinator.begin("order-7", {"order": 7, "item": "lamp", ...})

    What the services must promise stands in services/saga/participant.py.

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
        send = send or over_http(node.client(timeout=timeout))
        self._asker = Asker(node, send, backoff=backoff, base=base, cap=cap)
        self._attempts = attempts
        self._rest = cap
        self._tasks: dict[str, asyncio.Task[None]] = {}

    # -- what others may ask --------------------------------------------------------------------------------

    async def resume(self) -> list[str]:
        """Go on with every saga of this making that has begun and not ended; returns their ids.

        Those of other makings are for other coordinators, which may share the log.
        """
        await self.log.create()
        mine = await self.log.unfinished(self._saga.name)
        for saga in mine:
            self._node.record("saga_resumed", saga=saga)
            self._drive(saga)
        others = set(await self.log.unfinished()) - set(mine)
        if others:
            self._node.record("sagas_left_to_others", sagas=sorted(others))
        return mine

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

        Raises TooLate once the pivot's command may be out, NoSuchSaga, OtherSteps.
        """
        while True:
            progress = await self.log.progress(saga)
            self._fits(progress)
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
        """Go on with a saga, and wait until it has ended, however long that takes.

        Raises NoSuchSaga, OtherSteps.
        """
        progress = await self.log.progress(saga)
        self._fits(progress)
        while not progress.ended:
            await asyncio.wait({self._drive(saga)})
            progress = await self.log.progress(saga)
        return progress

    async def progress(self, saga: str) -> Progress:
        """How far a saga has come. Raises NoSuchSaga."""
        return await self.log.progress(saga)

    def snapshot(self) -> tuple[Waiting, ...]:
        """The sagas whose last try failed, oldest trouble first. What waits for long needs a person."""
        return self._asker.waiting()

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
                told = f"{type(error).__name__}: {error}"
                self._node.record("saga_halted", saga=saga, error=told)
                await asyncio.sleep(self._rest)

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
        else:
            event, detail = await self._do(progress, step, move)
        return await self._write(progress, event, step.name, detail=detail)

    async def _do(self, progress: Progress, step: Step, move: Move) -> tuple[Event, str | None]:
        """Ask for a step; the pivot without end: while it is in doubt there is no way on, and none back."""
        compensatable, pivot = step.kind is Kind.COMPENSATABLE, step.kind is Kind.PIVOT

        async def still_wanted() -> None:
            if (await self.log.progress(progress.saga)).position != progress.position:
                raise Overtaken(f"saga {progress.saga} was cancelled: another try would be more to undo")

        asked = await self._asker.ask(
            progress.saga,
            step.name,
            step.do,
            progress.data,
            attempts=self._attempts if compensatable else None,
            may_refuse=compensatable or pivot,
            before_retry=still_wanted,
        )
        if asked.answer is Answer.DONE:
            return (Event.COMMIT if pivot else Event.DONE), None
        # A refusal says nothing of an earlier try, unless the service remembers its keys. So what can be
        # undone is in doubt all the same. Of the pivot's service we must believe it.
        sure = asked.answer is Answer.REFUSED and (pivot or (asked.tries == 1 and not move.again))
        return (Event.REFUSE if sure else Event.GIVE_UP), asked.why

    async def _undo(self, progress: Progress, step: Step) -> tuple[Event, None]:
        """Ask for a compensation until it is done: there is no other way out."""
        assert step.undo is not None, f"{step.name} is {step.kind}"
        await self._asker.ask(progress.saga, step.name, step.undo, progress.data)
        return Event.UNDONE, None

    async def _write(
        self, progress: Progress, event: Event, step: str | None = None, *, detail: Any = None
    ) -> Progress:
        progress = await self.log.append(progress, event, step, detail=detail)
        self._node.record(
            "saga", saga=progress.saga, event=event, step=step, state=progress.state, detail=detail
        )
        return progress
