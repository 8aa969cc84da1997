"""A database on a file keeps what services.node.Database promises."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from services.sqlite_database import SqliteDatabase


def test_what_was_committed_is_there_when_the_file_is_opened_again(tmp_path: Path):
    async def write() -> None:
        db = SqliteDatabase(tmp_path / "db")
        await db.execute("CREATE TABLE t (n)")
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (?)", (1,))
            assert await db.execute("SELECT n FROM t") == [{"n": 1}]
        # and nobody closes it

    asyncio.run(write())
    assert asyncio.run(SqliteDatabase(tmp_path / "db").execute("SELECT n FROM t")) == [{"n": 1}]


def test_a_transaction_that_raises_or_is_cancelled_leaves_nothing(tmp_path: Path):
    async def scenario() -> list[dict[str, object]]:
        db = SqliteDatabase(tmp_path / "db")
        await db.execute("CREATE TABLE t (n)")

        async def write(then: object) -> None:
            async with db.transaction():
                await db.execute("INSERT INTO t VALUES (1)")
                await then  # type: ignore[misc]

        with pytest.raises(sqlite3.OperationalError):
            await write(db.execute("INSERT INTO nowhere VALUES (1)"))
        task = asyncio.create_task(write(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await db.execute("SELECT * FROM t")

    assert asyncio.run(scenario()) == []


def test_while_one_is_in_a_transaction_the_others_wait(tmp_path: Path):
    async def scenario() -> list[str]:
        db, order = SqliteDatabase(tmp_path / "db"), []
        await db.execute("CREATE TABLE t (n)")
        inside = asyncio.Event()

        async def first() -> None:
            async with db.transaction():
                inside.set()
                await asyncio.sleep(0.01)
                order.append("first")

        async def second() -> None:
            await inside.wait()
            await db.execute("INSERT INTO t VALUES (2)")
            order.append("second")

        await asyncio.gather(second(), first())
        return order

    assert asyncio.run(scenario()) == ["first", "second"]


def test_transactions_do_not_nest(tmp_path: Path):
    async def scenario() -> None:
        db = SqliteDatabase(tmp_path / "db")
        async with db.transaction(), db.transaction():
            pass

    with pytest.raises(RuntimeError, match="do not nest"):
        asyncio.run(scenario())
