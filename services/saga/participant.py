"""A service's side of a saga: for each key, done once, undone once, and never done after it was undone.

Idea      The table `commands` remembers under each key what became of it, in the transaction that does it.
          A command that comes twice is answered twice and done once. A refusal is remembered, too: else a
          duplicate of it could be done later, when nobody expects it any more.
Tombstone A compensation may overtake its command: the request was lost for a while, and the caller, who
          could not know, undid what was in doubt. There is nothing to undo then, but the key is marked; the
          command, when it comes, is refused. Without that mark it would be done, and never undone.
Promise   A coordinator relies on this much of each service, however it is kept: a key that was done or
          refused stays so, for each copy of its command; a compensation may come twice, or first; after it
          the command is refused. The pivot's word, done or refused, is its last.
Not here  To forget keys: keep them for longer than a command may be under way.
Source    The table of moves: states.py. C. Richardson, "Microservices Patterns", chapter 4. Apache Seata's
          TCC mode calls the two cases "empty rollback" and "suspension".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from services.node import Database
from services.resilience.idempotency import KeyReused, fingerprint
from services.saga.commands import Refused, Tombstone
from services.saga.states import COMMAND_TRANSITIONS, CommandEvent, CommandState

SCHEMA = """CREATE TABLE IF NOT EXISTS commands (
    key TEXT PRIMARY KEY, state TEXT NOT NULL, request TEXT NOT NULL, reason TEXT)"""

Effect: TypeAlias = Callable[[], Awaitable[None]]


class Commands:
    """The table `commands` of a service's database. The service makes it (SCHEMA) before all else."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def do(self, key: str, request: object, effect: Effect) -> bool:
        """Run `effect` in one transaction with its key, unless it has been done. Returns whether it ran.

        request: a JSON value; a key that comes back with another one is KeyReused.
        effect:  writes to this database alone. It raises Refused for "no, and never under this key", which
                 is remembered; what else it raises is not. Either way nothing that it wrote stays.
        Raises Refused, too, where the key was refused before, Tombstone where it was undone, KeyReused.
        """
        try:
            async with self._db.transaction():
                new = await self._is_new(key, request)
                if new:
                    await effect()
                    await self._write(key, CommandEvent.DO, request)
            return new
        except Refused as error:
            refused = error
        async with self._db.transaction():  # what the effect wrote is gone; now write the refusal itself
            new = await self._is_new(key, request)
            if new:
                await self._write(key, CommandEvent.REFUSE, request, str(refused))
        if new:
            raise refused
        return False  # done by a duplicate in between

    async def undo(self, key: str, request: object, effect: Effect) -> CommandState:
        """Run `effect`, which undoes what was done under `key`, unless there is nothing to undo.

        Returns what the key was before. UNKNOWN: a tombstone stands there now. Raises KeyReused.
        """
        async with self._db.transaction():
            before, _ = await self._look(key, request)
            if before is CommandState.DONE:
                await effect()
            if COMMAND_TRANSITIONS[before, CommandEvent.UNDO] is not before:
                await self._write(key, CommandEvent.UNDO, request)
        return before

    async def state(self, key: str) -> CommandState:
        """What is remembered of a key."""
        rows = await self._db.execute("SELECT state FROM commands WHERE key = ?", (key,))
        return CommandState(rows[0]["state"]) if rows else CommandState.UNKNOWN

    async def _is_new(self, key: str, request: object) -> bool:
        """Was it never seen? False: it is done. Raises what do() raises for what never will be."""
        state, reason = await self._look(key, request)
        if state is CommandState.UNDONE:
            raise Tombstone(f"{key} has been undone: its command comes too late")
        if state is CommandState.REFUSED:
            raise Refused(reason)
        return state is CommandState.UNKNOWN

    async def _look(self, key: str, request: object) -> tuple[CommandState, str | None]:
        rows = await self._db.execute("SELECT * FROM commands WHERE key = ?", (key,))
        if not rows:
            return CommandState.UNKNOWN, None
        [row] = rows
        if row["request"] != fingerprint(request):
            raise KeyReused(f"key {key!r} belongs to another request: make a new key for a new thing")
        return CommandState(row["state"]), row["reason"]

    async def _write(self, key: str, event: CommandEvent, request: object, reason: str | None = None) -> None:
        state = COMMAND_TRANSITIONS[await self.state(key), event]
        row = key, state, fingerprint(request), reason
        await self._db.execute("INSERT OR REPLACE INTO commands VALUES (?, ?, ?, ?)", row)
