"""Tables: made once, when a service starts, and there already when it starts again.

Not here  Tables that change from release to release: that takes migrations.
Source    FastAPI documentation, "Lifespan Events".
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

from services.node import Database

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[None]]


def tables(
    db: Database, *create: str, first: Mapping[str, Sequence[Sequence[object]]] | None = None
) -> Lifespan:
    """A lifespan for FastAPI(lifespan=...) that runs these CREATE TABLE IF NOT EXISTS before all else.

    first: rows of each table on the first day; where there is a row under their key it stays as it is.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        async with db.transaction():
            for statement in create:
                await db.execute(statement)
            for table, rows in (first or {}).items():
                for row in rows:
                    marks = ", ".join("?" for _ in row)
                    await db.execute(f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO NOTHING", row)
        yield

    return lifespan
