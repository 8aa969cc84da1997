"""To ask for one thing until there is an answer: under its key, with backoff, a few times or without end.

Idea      A command may be sent as often as one likes, since its key makes it count once. How often, depends
          on what else could be done: a step that can be given up has `attempts`; where there is no other way
          out, not even a refusal ends it, and somebody must mend the service.
Seen      What waits is in waiting(), with its last error: what waits for long needs a person.
Not here  What is asked for next (coordinator.py), and what the answer of one try means (commands.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.node import Node
from services.resilience.backoff import Backoff
from services.saga.commands import Refused, Send, Unknown
from services.saga.steps import key


class Answer(StrEnum):
    """What came of asking."""

    DONE = "done"
    REFUSED = "refused"
    NONE = "none"  # as often as it was asked for


@dataclass(frozen=True, slots=True)
class Asked:
    """tries: how many it took, or took in vain. why: the last error; None if it is done."""

    answer: Answer
    tries: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """`tries` of this command of a saga have failed, the first one at `since`, in seconds."""

    saga: str
    step: str
    to: str
    tries: int
    since: float
    error: str  # of the last one


class Asker:
    """Asks for all sagas of a coordinator; which says what the arguments mean."""

    def __init__(self, node: Node, send: Send, *, backoff: Backoff, base: float, cap: float) -> None:
        backoff(1, base=base, cap=cap, rng=node.rng("check"))  # raises ValueError now, rather than in a night
        self._node = node
        self._send = send
        self._backoff, self._base, self._cap = backoff, base, cap
        self._rng = node.rng("saga")
        self._waiting: dict[str, Waiting] = {}

    async def ask(
        self,
        saga: str,
        step: str,
        to: str,
        data: Any,
        *,
        attempts: int | None = None,
        may_refuse: bool = False,
        before_retry: Callable[[], Awaitable[None]] | None = None,
    ) -> Asked:
        """Send it until there is an answer, at most `attempts` times; None: without end.

        may_refuse: a refusal is an answer; else it is asked for again. before_retry: is awaited before each
        further try; what it raises ends the asking.
        """
        tries, wait = 1, None
        try:
            while True:
                try:
                    await self._send(to, key(saga, step), data)
                    return Asked(Answer.DONE, tries)
                except Refused as error:
                    if may_refuse:
                        return Asked(Answer.REFUSED, tries, str(error))
                    told = f"{type(error).__name__}: {error}"
                except Unknown as error:
                    if tries == attempts:
                        return Asked(Answer.NONE, tries, str(error))
                    told = f"{type(error).__name__}: {error}"
                wait = self._backoff(tries, base=self._base, cap=self._cap, rng=self._rng, previous=wait)
                self._tell(saga, step, to, tries, wait, told)
                await asyncio.sleep(wait)
                if before_retry is not None:
                    await before_retry()
                tries += 1
        finally:
            self._waiting.pop(saga, None)

    def waiting(self) -> tuple[Waiting, ...]:
        """What has failed at least once and is to be tried again, oldest trouble first."""
        return tuple(sorted(self._waiting.values(), key=lambda waiting: waiting.since))

    def _tell(self, saga: str, step: str, to: str, tries: int, wait: float, error: str) -> None:
        known = self._waiting.get(saga)
        since = self._node.now() if known is None else known.since
        self._waiting[saga] = Waiting(saga, step, to, tries, since, error)
        self._node.record("saga_retry", saga=saga, step=step, to=to, tries=tries, wait=wait, error=error)
