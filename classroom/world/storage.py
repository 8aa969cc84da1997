"""Storage: SQLite databases that outlive their services, and forget what was not committed.

Idea      Real SQL and real transactions, in memory, owned by the world. One statement outside of
          a transaction, or the commit of a transaction, is one effect. While a task is in a
          transaction every other one waits, so transactions are serializable. A crash rolls the
          open transaction of its process back and lets the next one in.
Not here  What SQL is refused (sql.py). Slow and full disks; a database server over the network
          (the database is the disk here).
Source    sqlite.org, "Transaction"; the "one writer" rule of SQLite is kept.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from classroom.world.effects import Effects, never
from classroom.world.process import Process
from classroom.world.sql import Guard, reads, refuse_control, short

WRITE_TAKES = 0.0005  # seconds until a commit is on the disk
Row = dict[str, Any]


class Stored:
    """One database: its connection, and whose turn it is."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.row_factory = sqlite3.Row
        self.guard = Guard(self.connection)
        self.owner: tuple[Process, asyncio.Task[Any] | None] | None = None
        self.waiting: deque[tuple[Process, asyncio.Task[Any] | None, asyncio.Future[None]]] = deque()
        self.statements: list[str] = []  # of the open transaction

    async def acquire(self, process: Process) -> None:
        """Wait for one's turn: first come, first served. The dead wait for ever."""
        if not process.alive:
            await never()
        task = asyncio.current_task()
        if self.owner is None:
            self.owner = process, task
            return
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append((process, task, turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it was our turn at the moment of the cancellation
                self.release()
            else:
                self.waiting = deque(entry for entry in self.waiting if entry[2] is not turn)
            raise

    def release(self) -> None:
        """Give the turn to the next one who is still alive."""
        self.owner = None
        while self.waiting:
            process, task, turn = self.waiting.popleft()
            if process.alive and not turn.done():
                self.owner = process, task
                turn.set_result(None)
                return

    def died(self, process: Process) -> None:
        if self.owner is not None and self.owner[0] is process:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            self.release()

    def freeze(self) -> dict[str, tuple[Row, ...]]:
        """All that is durable: table -> rows in order of insertion. The connection is closed."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        self.connection.text_factory = lambda raw: raw.decode("utf-8", "backslashreplace")
        names = self.connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
        tables = {
            name: tuple(dict(row) for row in self._all_rows(name))
            for (name,) in names.fetchall()
            if not name.startswith("sqlite_")
        }
        self.connection.close()
        return tables

    def _all_rows(self, table: str) -> sqlite3.Cursor:
        select = "SELECT * FROM " + '"' + table.replace('"', '""') + '"'
        try:  # left to itself, SQLite may go through an index, in the order of that
            return self.connection.execute(f"{select} ORDER BY rowid")
        except sqlite3.OperationalError:  # a table WITHOUT ROWID is in the order of its key
            return self.connection.execute(select)


class WorldDatabase:
    """What a node holds of a database (services.node.Database).

    record(kind, **data) writes into the history in the name of the node.
    """

    def __init__(
        self,
        stored: Stored,
        process: Process,
        effects: Effects,
        record: Callable[..., None],
        *,
        write_takes: float,
    ) -> None:
        self._stored = stored
        self._process = process
        self._effects = effects
        self._record = record
        self._write_takes = write_takes

    async def execute(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        """One statement; see services.node.Database.execute."""
        refuse_control(sql, parameters)
        if self._in_my_transaction():
            await asyncio.sleep(0)
            await self._stay_alive()
            if not reads(sql):
                self._stored.statements.append(short(sql))
            return self._run(sql, parameters)
        if reads(sql):
            async with self._my_turn():
                await asyncio.sleep(0)
                await self._stay_alive()
                return self._run(sql, parameters)
        effect = await self._effects.before(self._process, short(sql))
        async with self._my_turn():
            await asyncio.sleep(self._write_takes)
            await self._stay_alive()
            rows = self._run(sql, parameters)
            self._record("commit", database=self._stored.name, statements=[short(sql)])
        await self._effects.after(self._process, effect)
        return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All or nothing; see services.node.Database.transaction."""
        if self._in_my_transaction():
            raise RuntimeError(
                f"this task is in a transaction of {self._stored.name!r} already; transactions do not nest"
            )
        effect = None
        async with self._my_turn():
            self._stored.connection.execute("BEGIN IMMEDIATE")
            self._stored.statements = []
            yield
            await self._stay_alive()
            if self._stored.statements:
                effect = await self._effects.before(
                    self._process, "commit " + "; ".join(self._stored.statements)
                )
                await asyncio.sleep(self._write_takes)
                await self._stay_alive()
            self._stored.connection.execute("COMMIT")
            if self._stored.statements:
                self._record("commit", database=self._stored.name, statements=self._stored.statements)
        if effect is not None:
            await self._effects.after(self._process, effect)

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        """Wait for one's turn. What is not committed at its end is undone, unless death has undone it."""
        await self._stored.acquire(self._process)
        await self._stay_alive()
        try:
            yield
        finally:
            if self._process.alive and self._is_my_turn():
                if self._stored.connection.in_transaction:
                    self._stored.connection.execute("ROLLBACK")
                self._stored.release()

    def _run(self, sql: str, parameters: Any) -> list[Row]:
        return [dict(row) for row in self._stored.guard.run(sql, parameters)]

    def _in_my_transaction(self) -> bool:
        return self._is_my_turn() and self._stored.connection.in_transaction

    def _is_my_turn(self) -> bool:
        return self._stored.owner == (self._process, asyncio.current_task())

    async def _stay_alive(self) -> None:
        """In a live world the code of the dead may go on, but it must not reach what others share."""
        if not self._process.alive:
            await never()
