"""A node's database on a file: what services.node.Database promises, outside of the classroom.

Idea      One SQLite file, one connection, one process. A commit is on the disk when `await` returns (SQLite's
          write-ahead log is synced each time), so that neither kill -9 nor a power cut loses what was
          committed. While one task is in a transaction every other one waits.
Mind      Statements run in the loop's own thread: it stands still for a sync, some milliseconds on a slow
          disk. A service that cannot spare them keeps its database in a thread (aiosqlite), or on a server.
Not here  The refusal of SQL that reads the wall clock: that is the simulated world's (classroom.world.sql).
Source    sqlite.org, "Write-Ahead Logging", "PRAGMA synchronous".
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from services.node import Row


class SqliteDatabase:
    """The database in the file `path`, made unless it is there. close() it, or let the process die."""

    def __init__(self, path: str | Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._turn = asyncio.Lock()
        self._owner: asyncio.Task[Any] | None = None  # who is in a transaction

    async def execute(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        """Run one statement; see services.node.Database.execute."""
        if self._is_mine():
            return self._run(sql, parameters)
        async with self._turn:
            return self._run(sql, parameters)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All or nothing; see services.node.Database.transaction."""
        if self._is_mine():
            raise RuntimeError("this task is in a transaction already; transactions do not nest")
        async with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            self._owner = asyncio.current_task()
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                self._owner = None
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _is_mine(self) -> bool:
        return self._owner is not None and self._owner is asyncio.current_task()

    def _run(self, sql: str, parameters: Any) -> list[Row]:
        return [dict(row) for row in self._connection.execute(sql, parameters).fetchall()]
