"""A projection: a view of a topic's records, which knows how far into the log it is.

Idea      The view is a table for reading, made by applying one record after the other. Its position, the next
          offset of each partition, is stored in the same transaction as the rows. So a crash loses both
          or neither, and a record counts once, however often it comes: below the position it has been
          applied already; above it, one is missing, and that is an error.
Token     Whoever wrote got the record's partition and offset back. Who reads can wait until the view has come
          so far, and so sees his own writes; but not for ever.
Sharing   Followers that share the work on a view share its database: else a partition that changes hands
          would be counted in two places.
Not here  Where records come from (follower.py), a view made anew (rebuild.py).
Source    M. Kleppmann, "Designing Data-Intensive Applications", 2017, "Reading Your Own Writes"; Kafka
          documentation, KafkaConsumer, "Storing Offsets Outside Kafka".
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Self, TypeAlias

from minibroker.record import Record
from services.events.digest import digest
from services.node import Database

Apply: TypeAlias = Callable[[Database, str, Record], Awaitable[None]]  # writes what a record means to a table

POSITIONS = """CREATE TABLE IF NOT EXISTS positions (
    view TEXT, partition INTEGER, next_offset INTEGER, PRIMARY KEY (view, partition))"""


class OutOfStep(Exception):
    """A view and its log do not fit together: to go on would make the view wrong in silence."""


class Projection:
    """The view `table`, with these columns (as in CREATE TABLE), made by `apply(db, table, record)`.

    apply    writes to the table that it is given, which is not always the view's own: a rebuild has another
    holes    offsets may be missing: the topic is compacted, or its beginning is deleted, and this view
             is content with what there is
    """

    def __init__(self, db: Database, table: str, *, columns: str, apply: Apply, holes: bool = False) -> None:
        self.table = table
        self.holes = holes
        self._db = db
        self._columns = columns
        self._apply = apply

    async def create(self) -> None:
        """Make the tables, unless they are there. To be called before all else."""
        async with self._db.transaction():
            await self._db.execute(POSITIONS)
            await self._db.execute(f"CREATE TABLE IF NOT EXISTS {self.table} ({self._columns})")

    # -- writing -----------------------------------------------------------------------------------------

    async def take(self, records: Iterable[Record]) -> int:
        """Apply those that are new, all in one transaction; returns how many. The others are duplicates.

        Raises OutOfStep at a gap, and what `apply` raises; then nothing of it is written.
        """
        new = 0
        async with self._db.transaction():
            positions = await self.positions()
            for record in records:
                position = positions.get(record.partition, 0)
                if record.offset < position:
                    continue
                if record.offset > position and not self.holes:
                    raise OutOfStep(
                        f"{self.table} is at offset {position} of partition {record.partition} and got "
                        f"{record.offset}: what is between is missing. Fetch from {position}; if retention "
                        f"has deleted it, the view cannot be made whole any more"
                    )
                await self._apply(self._db, self.table, record)
                await self._db.execute(
                    "INSERT INTO positions VALUES (?, ?, ?) "
                    "ON CONFLICT (view, partition) DO UPDATE SET next_offset = excluded.next_offset",
                    (self.table, record.partition, record.offset + 1),
                )
                positions[record.partition] = record.offset + 1
                new += 1
        return new

    # -- reading -----------------------------------------------------------------------------------------

    async def positions(self) -> dict[int, int]:
        """The next offset of each partition of which there has been a record."""
        rows = await self._db.execute(
            "SELECT partition, next_offset FROM positions WHERE view = ? ORDER BY partition", (self.table,)
        )
        return {row["partition"]: row["next_offset"] for row in rows}

    async def wait_for_position(
        self, partition: int, offset: int, *, timeout: float, every: float = 0.01
    ) -> bool:
        """Wait until the view has the record at `offset`. False if it has not within `timeout` seconds.

        every: seconds between two looks. It looks into the database, since the follower may be elsewhere.
        """
        until = asyncio.get_running_loop().time() + timeout
        while (await self.positions()).get(partition, 0) <= offset:
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            await asyncio.sleep(min(every, left))
        return True

    async def digest(self) -> str:
        """16 hex digits of all rows: compare them with those of a rebuild."""
        return digest(await self._db.execute(f"SELECT * FROM {self.table}"))

    # -- a second one beside it: see rebuild.py ----------------------------------------------------------

    async def fresh_copy(self, table: str) -> Self:
        """An empty view of the same making under the name `table`. What was there of that name is gone."""
        async with self._db.transaction():
            await self._db.execute(POSITIONS)
            await self._db.execute(f"DROP TABLE IF EXISTS {table}")
            await self._db.execute("DELETE FROM positions WHERE view = ?", (table,))
            await self._db.execute(f"CREATE TABLE {table} ({self._columns})")
        return type(self)(self._db, table, columns=self._columns, apply=self._apply, holes=self.holes)

    async def replace_by(self, other: Self) -> bool:
        """Take the place of this view's rows and position, in one transaction; `other` is gone afterwards.

        False, and nothing is done, where `other` is behind: a view must not go back in time.
        """
        async with self._db.transaction():
            theirs = await other.positions()
            mine = await self.positions()
            if any(theirs.get(partition, 0) < position for partition, position in mine.items()):
                return False
            await self._db.execute(f"DROP TABLE IF EXISTS {self.table}")
            await self._db.execute(f"ALTER TABLE {other.table} RENAME TO {self.table}")
            await self._db.execute("DELETE FROM positions WHERE view = ?", (self.table,))
            await self._db.execute("UPDATE positions SET view = ? WHERE view = ?", (self.table, other.table))
        return True
