"""The saga log: what a saga is about to do is written here first.

Idea      A command goes out only after the record that says so is on the disk. So after a crash whatever may
          have been done is in the log, and what is not in the log was not done. Records are only added.
          Each is checked against the tables in the transaction that writes it, so that the log never
          tells a story that cannot be; and it says which record it follows, so that of two who want to write
          the next one (a coordinator, a customer who cancels) the second one is told that he is late.
Where     The table saga_log of the node's own database: in the simulated world, or a SQLite file.
Not here  What the records mean (progress.py). To delete the sagas that ended: do so when nobody sends a
          command under their keys any more.
Source    J. Gray and A. Reuter, "Transaction Processing", 1993, on write-ahead logging.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from services.node import Database, Row
from services.saga.progress import Progress, Record, fold
from services.saga.states import Event, SagaState
from services.saga.steps import Saga

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS saga_log (
        position INTEGER PRIMARY KEY AUTOINCREMENT, saga TEXT NOT NULL, at REAL NOT NULL,
        event TEXT NOT NULL, step TEXT, detail TEXT)""",
    "CREATE INDEX IF NOT EXISTS saga_log_of_one ON saga_log (saga, position)",
)
ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")  # it goes into a header, as part of the key
COLUMNS = ("position", "saga", "at", "event", "step", "detail")


class Overtaken(Exception):
    """Somebody else has written a record of this saga since it was read: read it again, and decide anew."""


class SagaExists(Exception):
    """The id is taken by a saga of another making or with other data."""


class NoSuchSaga(LookupError):
    """There is no record of this saga."""


class SagaLog:
    """The table saga_log. clock: seconds, goes on over a restart (node.now)."""

    def __init__(self, db: Database, *, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock

    async def create(self) -> None:
        """Make the table, unless it is there. To be called before all else."""
        async with self._db.transaction():
            for statement in SCHEMA:
                await self._db.execute(statement)

    async def begin(self, saga: str, making: Saga, data: Any) -> Progress:
        """Write that `saga`, an id, begins. data: a JSON value that each command carries.

        The same again is no harm: the progress of the saga that is there. Raises SagaExists.
        """
        if not ID.fullmatch(saga):
            raise ValueError(f"a saga's id has 1 to 100 letters, digits, '-', '_', '.' and ':'; got {saga!r}")
        detail = {"saga": making.name, "steps": making.description(), "data": data}
        async with self._db.transaction():
            there = await self._progress(saga)
            if there.state is not SagaState.NEW:
                if (there.making, there.data) != (making.name, json.loads(json.dumps(data))):
                    raise SagaExists(
                        f"saga {saga} is there already, as {there.making!r} with {there.data}; "
                        f"another one needs another id"
                    )
                return there
            return await self._write(there, Event.BEGIN, None, detail)

    async def append(
        self, progress: Progress, event: Event, step: str | None = None, *, detail: Any = None
    ) -> Progress:
        """Write the next record of a saga, and return its progress then.

        Raises Overtaken if `progress` is no longer the newest, IllegalMove if such a record cannot follow.
        """
        async with self._db.transaction():
            newest = await self._progress(progress.saga)
            if newest.position != progress.position:
                raise Overtaken(
                    f"saga {progress.saga} is at record {newest.position}, and {event} was to follow record "
                    f"{progress.position}"
                )
            return await self._write(newest, event, step, detail)

    async def progress(self, saga: str) -> Progress:
        """How far a saga has come. Raises NoSuchSaga."""
        found = await self._progress(saga)
        if found.state is SagaState.NEW:
            raise NoSuchSaga(f"there is no saga {saga!r} in the log")
        return found

    async def records(self, saga: str | None = None) -> list[Record]:
        """The records of one saga, or all, in their order."""
        where = "" if saga is None else "WHERE saga = ? "
        rows = await self._db.execute(
            f"SELECT * FROM saga_log {where}ORDER BY position", () if saga is None else (saga,)
        )
        return [record_of(row) for row in rows]

    async def unfinished(self, making: str | None = None) -> list[str]:
        """The sagas that have begun and not ended, oldest first; of one making, or of all."""
        rows = await self._db.execute(
            "SELECT saga, detail FROM saga_log AS this WHERE event = ? AND NOT EXISTS "
            "(SELECT 1 FROM saga_log WHERE saga = this.saga AND event = ?) ORDER BY position",
            (Event.BEGIN, Event.END),
        )
        return [row["saga"] for row in rows if making in (None, json.loads(row["detail"])["saga"])]

    async def _progress(self, saga: str) -> Progress:
        return fold(saga, await self.records(saga))

    async def _write(self, progress: Progress, event: Event, step: str | None, detail: Any) -> Progress:
        """Within a transaction."""
        at = self._clock()
        text = None if detail is None else json.dumps(detail, allow_nan=False)
        kept = None if text is None else json.loads(text)
        after = progress.after(Record(progress.position + 1, progress.saga, at, event, step, kept))
        [row] = await self._db.execute(
            "INSERT INTO saga_log (saga, at, event, step, detail) VALUES (?, ?, ?, ?, ?) RETURNING *",
            (progress.saga, at, event, step, text),
        )
        return progress.after(record_of(row)) if row["position"] != after.position else after


def record_of(row: Row) -> Record:
    """A record from its row. Raises ValueError for what no saga log says."""
    detail = None if row["detail"] is None else json.loads(row["detail"])
    return Record(row["position"], row["saga"], row["at"], Event(row["event"]), row["step"], detail)


def stories(records: Iterable[Record]) -> dict[str, list[Record]]:
    """The records of each saga, oldest saga first."""
    told: dict[str, list[Record]] = {}
    for record in records:
        told.setdefault(record.saga, []).append(record)
    return told
