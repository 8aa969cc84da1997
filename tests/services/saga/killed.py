"""A coordinator in a process of its own, on real files, which kills itself at its n-th commit.

    python -m tests.services.saga.killed FOLDER KIND N      N = 0: it lives to the end

Idea      kill -9, the real one, before a commit for odd N and after it for even N. The service's database is
          a second file, so that each side may be ahead of the other.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from random import Random
from typing import Any

from services.saga import Commands, Coordinator, Kind, Refused, Saga, Step
from services.saga.participant import SCHEMA
from services.sqlite_database import SqliteDatabase

TRIP = Saga(
    "trip",
    (
        Step("flight", "book flight", undo="cancel flight"),
        Step("hotel", "book hotel", undo="cancel hotel"),
        Step("visa", "apply visa", kind=Kind.PIVOT),
        Step("mail", "send mail", kind=Kind.RETRIABLE),
    ),
)


class Dying(SqliteDatabase):
    """Commits are counted over all databases of the process."""

    commits = 0
    last = 0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._connection.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:
        if statement == "COMMIT":
            Dying.commits += 1
            if Dying.last % 2 and Dying.commits == (Dying.last + 1) // 2:
                os.kill(os.getpid(), signal.SIGKILL)
        elif Dying.last and not Dying.last % 2 and Dying.commits == Dying.last // 2:
            os.kill(os.getpid(), signal.SIGKILL)  # the first statement after that commit


class FileNode:
    """As much of services.node.Node as a coordinator with a `send` of its own needs."""

    name = "trips"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._times = 0

    def database(self, name: str | None = None) -> SqliteDatabase:
        return Dying(self._folder / f"{name or self.name}.sqlite")

    def rng(self, label: str) -> Random:
        return Random(label)

    def now(self) -> float:
        self._times += 1
        return float(self._times)

    def record(self, kind: str, /, **data: object) -> None:
        if kind == "saga_halted":
            print(data, file=sys.stderr)


async def main(folder: Path, kind: str) -> None:
    node = FileNode(folder)
    db = node.database("services")
    commands = Commands(db)
    async with db.transaction():
        await db.execute(SCHEMA)
        await db.execute("CREATE TABLE IF NOT EXISTS done (what TEXT PRIMARY KEY)")

    async def send(to: str, key: str, data: Any) -> None:
        verb, what = to.split()

        async def do() -> None:
            if kind == "no visa" and what == "visa":
                raise Refused("no visa for you")
            await db.execute("INSERT INTO done VALUES (?)", (what,))

        async def undo() -> None:
            await db.execute("DELETE FROM done WHERE what = ?", (what,))

        await (commands.undo(key, data, undo) if verb == "cancel" else commands.do(key, data, do))

    coordinator = Coordinator(node, TRIP, send=send, base=0.001, cap=0.01)  # type: ignore[arg-type]
    await coordinator.resume()
    await coordinator.begin("trip-1", {"who": "Ada"})
    await coordinator.finish("trip-1")


if __name__ == "__main__":
    Dying.last = int(sys.argv[3])
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
