"""What the answer of exercise 13 is given: the log of one order, the services, and two outcomes.

Idea      The log is a list of lines that outlives the process. It takes whatever is said, and draws no
          conclusion: what has been done, and what comes next, is for the reader to work out.
          (services/saga/saga_log.py does draw it. That is what the exercise asks for.)
Not here  The services themselves (shop.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from sqlite3 import IntegrityError
from typing import TYPE_CHECKING

from classroom.exercises.sagas.shop import ORDER, SAGA
from services.node import Node
from services.saga.commands import Refused, Unknown, over_http
from services.saga.states import Event
from services.saga.steps import Step, key

if TYPE_CHECKING:
    from services.saga.commands import Send

TABLE = "CREATE TABLE IF NOT EXISTS saga_log (position INTEGER PRIMARY KEY, at REAL, event TEXT, step TEXT)"
ABOUT_A_STEP = (Event.START, Event.DONE, Event.REFUSE, Event.GIVE_UP, Event.UNDO, Event.UNDONE)
ABOUT_ALL = (Event.CANCEL, Event.END)
TIMEOUT = 1.0  # seconds that an answer is waited for


class Outcome(StrEnum):
    """How the saga of an order has ended."""

    COMPLETED = "completed"  # every step is done
    COMPENSATED = "compensated"  # every step is undone, or was never done and never will be


class Overtaken(Exception):
    """Somebody else has written to the log since you read it. Yours is not there: read, and decide anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log. event: "start", "done", ...; step: the name of a step, or None."""

    event: str
    step: str | None = None


class Log:
    """The saga log of one order. It outlives a crash of the process that writes it.

    written: is told the number of entries after each write.
    """

    def __init__(self, node: Node, *, written: Callable[[int], None] = lambda entries: None) -> None:
        self._db = node.database("coordinator")
        self._node = node
        self._written = written
        self._known: int | None = None  # how many entries it has, as far as this process has read
        self._turn = asyncio.Lock()

    async def read(self) -> list[Entry]:
        """All entries, the oldest first."""
        rows = await self._db.execute("SELECT * FROM saga_log ORDER BY position")
        self._known = len(rows)
        return [Entry(row["event"], row["step"]) for row in rows]

    async def write(self, event: str, step: str | None = None) -> None:
        """Add an entry. When this returns it is on the disk, and outlives a crash.

        event: "start", "done", "refuse", "give_up", "undo", "undone" with the name of a step; "end" alone.
        Raises Overtaken.
        """
        self._look_at(event, step)
        async with self._turn:
            if self._known is None:  # who has not read it has no opinion on what it says
                await self.read()
            position = (self._known or 0) + 1
            row = position, self._node.now(), event, step
            try:
                await self._db.execute("INSERT INTO saga_log VALUES (?, ?, ?, ?)", row)
            except IntegrityError:
                raise Overtaken(f"somebody else has written entry {position}: read the log again") from None
            self._known = position
        self._written(position)

    def _look_at(self, event: str, step: str | None) -> None:
        if event in ABOUT_A_STEP and step not in SAGA.names:
            raise ValueError(f"no step {step!r}; there are: {', '.join(SAGA.names)}")
        if event in ABOUT_ALL and step is not None:
            raise ValueError(f"{event!r} is about the whole order, and names no step")
        if event not in (*ABOUT_A_STEP, *ABOUT_ALL):
            words = ", ".join((*ABOUT_A_STEP, Event.END))
            raise ValueError(f"the log does not know the word {event!r}; it knows: {words}")


class Services:
    """The services of the shop. Each command carries a key made of order and step: twice is done once."""

    steps: tuple[Step, ...] = SAGA.steps

    def __init__(self, node: Node) -> None:
        self._node = node
        self._send: Send = over_http(node.client(timeout=TIMEOUT))

    async def do(self, step: str) -> None:
        """Send the step's command; returns when its service says that it is done.

        Raises Refused: not done, and it never will be. Raises Unknown: no answer, or "not now"; nobody here
        knows whether it was done, or will be yet. That takes a second.
        """
        await self._command("do", step, SAGA.step(step).do)

    async def undo(self, step: str) -> None:
        """Send the step's compensation; returns when its service says that the step is undone.

        Where the step has never come, its service makes a note, and will refuse it if it comes. Raises
        Unknown, as do() does; Refused for a step that cannot be undone.
        """
        to = SAGA.step(step).undo
        if to is None:
            raise Refused(f"{step} is {SAGA.step(step).kind}: nobody can undo it")
        await self._command("undo", step, to)

    async def _command(self, what: str, step: str, to: str) -> None:
        self._node.record("command", what=what, step=step)
        asked, came = self._node.now(), "done"
        try:
            await self._send(to, key(f"order-{ORDER['order']}", step), ORDER)
        except Refused:
            came = "refused"
            raise
        except Unknown:
            came = "unknown"
            await asyncio.sleep(max(0.0, asked + TIMEOUT - self._node.now()))
            raise
        finally:
            self._node.record("told", what=what, step=step, came=came)
