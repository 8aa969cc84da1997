"""Databases of the world: one transaction at a time, durable when committed, frozen at the end."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest

from classroom.world.faults import Crash
from classroom.world.simulated import simulate
from classroom.world.world import World
from services.node import Node
from tests.world.actors import kept


def in_a_database(body: Any, **options: Any) -> Any:
    """A run whose scenario is `body(db, world)` with the database "db" and its table t(x)."""

    async def scenario(world: World) -> Any:
        db = world.node("ada").database("db")
        await db.execute("CREATE TABLE t (x)")
        return await body(db, world)

    return kept(scenario, **options)


# ---- execute -------------------------------------------------------------------------------


def test_execute_returns_rows_as_dicts():
    async def body(db: Any, world: World) -> Any:
        await db.execute("INSERT INTO t VALUES (?), (?)", (1, "two"))
        return await db.execute("SELECT x, x IS 1 AS one FROM t")

    assert in_a_database(body).result == [{"x": 1, "one": 1}, {"x": "two", "one": 0}]


def test_execute_returns_what_a_write_returns():
    async def body(db: Any, world: World) -> Any:
        return await db.execute("INSERT INTO t VALUES (:x) RETURNING x", {"x": 7})

    assert in_a_database(body).result == [{"x": 7}]


def test_a_write_is_a_commit_event_and_an_effect():
    async def body(db: Any, world: World) -> None:
        await db.execute("INSERT INTO t VALUES (1)")

    run = in_a_database(body)

    assert run.of("commit")[-1]["statements"] == ["INSERT INTO t VALUES (1)"]
    assert run.effects[-1].what == "INSERT INTO t VALUES (1)"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t",
        "  select 1",
        "-- a remark\nSELECT 1",
        "/* a remark */ SELECT 1",
        "WITH a AS (SELECT 1 AS one) SELECT one FROM a",
        "EXPLAIN QUERY PLAN SELECT * FROM t",
        "PRAGMA table_info(t)",
        "VALUES (1)",
    ],
)
def test_a_read_is_neither(sql: str):
    async def body(db: Any, world: World) -> None:
        await db.execute(sql)

    run = in_a_database(body)

    assert len(run.of("commit")) == 1
    assert len(run.effects) == 1


@pytest.mark.parametrize("sql", ["WITH a AS (SELECT 1 AS x) INSERT INTO t SELECT x FROM a", "DELETE FROM t"])
def test_a_write_is_one_however_it_begins(sql: str):
    async def body(db: Any, world: World) -> None:
        await db.execute(sql)

    assert len(in_a_database(body).effects) == 2


def test_what_sqlite_refuses_is_raised_and_the_next_one_may_write():
    async def body(db: Any, world: World) -> None:
        await db.execute("CREATE TABLE u (x UNIQUE)")
        await db.execute("INSERT INTO u VALUES (1)")
        with pytest.raises(sqlite3.IntegrityError):
            await db.execute("INSERT INTO u VALUES (1)")
        await db.execute("INSERT INTO u VALUES (2)")

    assert in_a_database(body).rows("db", "u") == [{"x": 1}, {"x": 2}]


def test_a_text_in_place_of_parameters_is_told():
    async def body(db: Any, world: World) -> None:
        with pytest.raises(sqlite3.ProgrammingError, match=r"such as \('abc',\)"):
            await db.execute("INSERT INTO t VALUES (?)", "abc")

    in_a_database(body)


# ---- transactions -----------------------------------------------------------------------------


def test_a_transaction_commits_all_of_its_statements_as_one_effect():
    async def body(db: Any, world: World) -> None:
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")
            await db.execute("INSERT INTO t VALUES (2)")

    run = in_a_database(body)

    assert run.rows("db", "t") == [{"x": 1}, {"x": 2}]
    assert len(run.of("commit")) == 2
    assert run.effects[-1].what.startswith("commit INSERT")


def test_a_transaction_that_raises_leaves_nothing():
    async def body(db: Any, world: World) -> None:
        with pytest.raises(KeyError):
            async with db.transaction():
                await db.execute("INSERT INTO t VALUES (1)")
                raise KeyError

    assert in_a_database(body).rows("db", "t") == []


def test_a_cancelled_transaction_leaves_nothing_and_lets_the_next_one_in():
    async def body(db: Any, world: World) -> None:
        async def slow() -> None:
            async with db.transaction():
                await db.execute("INSERT INTO t VALUES ('slow')")
                await asyncio.sleep(100)

        task = asyncio.create_task(slow())
        await asyncio.sleep(1)
        task.cancel()
        await db.execute("INSERT INTO t VALUES ('next')")

    assert in_a_database(body).rows("db", "t") == [{"x": "next"}]


def test_a_transaction_that_only_reads_is_no_effect():
    async def body(db: Any, world: World) -> None:
        async with db.transaction():
            await db.execute("SELECT * FROM t")

    assert len(in_a_database(body).effects) == 1


def test_a_transaction_sees_its_own_writes():
    async def body(db: Any, world: World) -> Any:
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")
            return await db.execute("SELECT x FROM t")

    assert in_a_database(body).result == [{"x": 1}]


def test_nobody_else_sees_or_writes_anything_while_a_transaction_lasts():
    async def body(db: Any, world: World) -> list[int]:
        seen = []

        async def reader() -> None:
            seen.append(len(await db.execute("SELECT * FROM t")))

        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")
            reading = asyncio.create_task(reader())
            await asyncio.sleep(5)
            assert not reading.done()
            await db.execute("INSERT INTO t VALUES (2)")
        await reading
        return seen

    assert in_a_database(body).result == [2]


def test_transactions_come_in_the_order_in_which_they_were_asked_for():
    async def body(db: Any, world: World) -> None:
        async def add(number: int) -> None:
            async with db.transaction():
                await asyncio.sleep(1)
                await db.execute("INSERT INTO t VALUES (?)", (number,))

        await asyncio.gather(*(add(number) for number in range(5)))

    assert [row["x"] for row in in_a_database(body).rows("db", "t")] == list(range(5))


def test_counters_that_look_and_write_in_a_transaction_lose_nothing():
    async def body(db: Any, world: World) -> None:
        await db.execute("INSERT INTO t VALUES (0)")

        async def increment() -> None:
            async with db.transaction():
                [row] = await db.execute("SELECT x FROM t")
                await asyncio.sleep(0.1)
                await db.execute("UPDATE t SET x = ?", (row["x"] + 1,))

        await asyncio.gather(*(increment() for _ in range(10)))

    assert in_a_database(body).rows("db", "t") == [{"x": 10}]


def test_a_transaction_within_a_transaction_is_refused():
    async def body(db: Any, world: World) -> None:
        async with db.transaction():
            with pytest.raises(RuntimeError, match="do not nest"):
                async with db.transaction():
                    pass

    in_a_database(body)


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        "  commit",
        "/* hidden */ BEGIN IMMEDIATE",
        "-- hidden\nROLLBACK",
        ";BEGIN",
        "SAVEPOINT s",
        "ATTACH ':memory:' AS other",
        "VACUUM",
    ],
)
def test_transactions_by_hand_are_refused(sql: str):
    async def body(db: Any, world: World) -> None:
        with pytest.raises(sqlite3.OperationalError, match=r"db\.transaction"):
            await db.execute(sql)

    in_a_database(body)


def test_a_waiter_that_is_cancelled_does_not_block_those_behind_it():
    async def body(db: Any, world: World) -> None:
        async def add(number: int) -> None:
            await db.execute("INSERT INTO t VALUES (?)", (number,))

        async with db.transaction():
            first, second = asyncio.create_task(add(1)), asyncio.create_task(add(2))
            await asyncio.sleep(1)
            first.cancel()
        await second

    assert in_a_database(body).rows("db", "t") == [{"x": 2}]


def test_a_waiter_that_is_cancelled_at_the_moment_of_its_turn_passes_the_turn_on():
    async def body(db: Any, world: World) -> None:
        async def add(number: int) -> None:
            await db.execute("INSERT INTO t VALUES (?)", (number,))

        async with db.transaction():
            first, second = asyncio.create_task(add(1)), asyncio.create_task(add(2))
            await asyncio.sleep(1)
        first.cancel()  # it has its turn since the line before, and has not yet taken a step
        await second

    assert in_a_database(body).rows("db", "t") == [{"x": 2}]


def test_a_waiter_that_is_killed_does_not_block_those_behind_it():
    async def waits(node: Node) -> None:
        await asyncio.sleep(1)
        await node.database("db").execute("INSERT INTO t VALUES ('dead')")

    async def body(db: Any, world: World) -> None:
        async with db.transaction():
            world.start("waiter", waits)
            await asyncio.sleep(2)
            behind = asyncio.create_task(db.execute("INSERT INTO t VALUES ('alive')"))
            await asyncio.sleep(1)
            world.crash("waiter")
        await behind

    assert in_a_database(body).rows("db", "t") == [{"x": "alive"}]


def test_a_waiter_that_is_killed_at_the_moment_of_its_turn_does_not_block_those_behind_it():
    async def waits(node: Node) -> None:
        await node.database("db").execute("INSERT INTO t VALUES ('dead')")

    async def body(db: Any, world: World) -> None:
        async with db.transaction():
            world.start("waiter", waits)
            await asyncio.sleep(1)
        world.crash("waiter")
        await db.execute("INSERT INTO t VALUES ('alive')")

    assert in_a_database(body).rows("db", "t") == [{"x": "alive"}]


def test_a_crash_before_a_commit_loses_it_and_one_after_it_does_not():
    async def worker(node: Node) -> None:
        async with node.database("db").transaction():
            await node.database("db").execute("INSERT INTO t VALUES (1)")
            await node.database("db").execute("INSERT INTO t VALUES (2)")
        await asyncio.sleep(1)

    async def body(db: Any, world: World) -> None:
        world.start("worker", worker)
        await world.run_for(5)

    before = in_a_database(body, faults=[Crash("worker", before=1, down=None)])
    after = in_a_database(body, faults=[Crash("worker", after=1, down=None)])

    assert before.rows("db", "t") == []
    assert after.rows("db", "t") == [{"x": 1}, {"x": 2}]


def test_databases_are_apart_unless_they_share_a_name():
    async def scenario(world: World) -> None:
        await world.node("ada").database().execute("CREATE TABLE hers (x)")
        await world.node("bob").database().execute("CREATE TABLE his (x)")
        await world.node("bob").database("ada").execute("INSERT INTO hers VALUES (1)")

    run = kept(scenario)

    assert run.databases == {"ada": {"hers": ({"x": 1},)}, "bob": {"his": ()}}


# ---- SQL that differs from run to run ---------------------------------------------------------

WALL_CLOCK = [
    "SELECT CURRENT_TIMESTAMP",
    "SELECT current_date",
    "SELECT Current_Time",
    "SELECT datetime('now')",
    'SELECT datetime("now")',
    "SELECT datetime('NOW', '+1 day')",
    "SELECT datetime('no' || 'w')",
    "SELECT date()",
    "SELECT time ( )",
    "SELECT julianday()",
    "SELECT unixepoch('now')",
    "SELECT strftime('%s')",
    "SELECT strftime('%s', 'now')",
    "SELECT random()",
    "SELECT random/**/()",
    "SELECT hex(randomblob(4))",
    "SELECT x FROM t ORDER BY random()",
    "SELECT datetime(0, 'unixepoch', 'localtime')",
]


@pytest.mark.parametrize("sql", WALL_CLOCK)
def test_sql_that_reads_the_wall_clock_or_rolls_dice_is_refused(sql: str):
    async def body(db: Any, world: World) -> None:
        await db.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(sqlite3.OperationalError, match="differ"):
            await db.execute(sql)

    in_a_database(body)


@pytest.mark.parametrize("parameters", [("now",), ("NOW",)])
def test_now_as_a_parameter_is_refused(parameters: tuple[str]):
    async def body(db: Any, world: World) -> None:
        with pytest.raises(sqlite3.OperationalError, match="reads the wall clock"):
            await db.execute("SELECT datetime(?)", parameters)

    in_a_database(body)


@pytest.mark.parametrize("default", ["CURRENT_TIMESTAMP", "(datetime('now'))"])
def test_now_as_a_default_is_refused_when_it_is_used(default: str):
    async def body(db: Any, world: World) -> None:
        await db.execute(f"CREATE TABLE orders (id, created_at DEFAULT {default})")
        with pytest.raises(sqlite3.OperationalError, match="in a DEFAULT"):
            await db.execute("INSERT INTO orders (id) VALUES (1)")
        await db.execute("INSERT INTO orders VALUES (1, 0.5)")

    in_a_database(body)


@pytest.mark.parametrize(
    "sql, answer",
    [
        ("SELECT 'now' AS a", "now"),
        ("SELECT 'random()' AS a", "random()"),
        ("SELECT datetime(86400, 'unixepoch') AS a", "1970-01-02 00:00:00"),
        ("SELECT strftime('%Y', '2020-02-29') AS a", "2020"),
        ("SELECT date('2020-02-29', '+1 year') AS a", "2021-03-01"),
        ("SELECT julianday('2000-01-01') AS a", 2451544.5),
        ("SELECT datetime(NULL) AS a", None),
    ],
)
def test_words_and_dates_that_are_given_are_what_they_are_in_sqlite(sql: str, answer: Any):
    async def body(db: Any, world: World) -> Any:
        return await db.execute(sql)

    assert in_a_database(body).result == [{"a": answer}]


# ---- the end --------------------------------------------------------------------------------------


def test_rows_are_frozen_in_order_of_insertion_whatever_index_there_is():
    async def body(db: Any, world: World) -> None:
        await db.execute("CREATE TABLE u (x TEXT UNIQUE)")
        for letter in "cab":
            await db.execute("INSERT INTO u VALUES (?)", (letter,))

    assert [row["x"] for row in in_a_database(body).rows("db", "u")] == ["c", "a", "b"]


def test_a_table_without_rowid_is_frozen_in_order_of_its_key():
    async def body(db: Any, world: World) -> None:
        await db.execute("CREATE TABLE u (x PRIMARY KEY) WITHOUT ROWID")
        for letter in "cab":
            await db.execute("INSERT INTO u VALUES (?)", (letter,))

    assert [row["x"] for row in in_a_database(body).rows("db", "u")] == ["a", "b", "c"]


def test_strange_names_and_strange_bytes_are_frozen_too():
    async def body(db: Any, world: World) -> None:
        await db.execute('CREATE TABLE "we""ird" (x)')
        await db.execute("""INSERT INTO "we""ird" VALUES (CAST(x'ff' AS TEXT)), (x'00')""")

    assert in_a_database(body).rows("db", 'we"ird') == [{"x": "\\xff"}, {"x": b"\x00"}]


def test_a_transaction_that_is_open_at_the_end_is_not_in_the_frozen_rows():
    async def body(db: Any, world: World) -> None:
        async def slow() -> None:
            async with db.transaction():
                await db.execute("INSERT INTO t VALUES (1)")
                await asyncio.sleep(1000)

        world.holding = asyncio.create_task(slow())  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    assert in_a_database(body).rows("db", "t") == []


def test_rows_that_a_reader_changes_are_his_own_copy():
    async def body(db: Any, world: World) -> None:
        await db.execute("INSERT INTO t VALUES (1)")

    run = in_a_database(body)
    run.rows("db", "t")[0]["x"] = 2

    assert run.rows("db", "t") == [{"x": 1}]


def test_the_rows_of_a_table_that_was_never_made_are_none():
    assert simulate(nothing).rows("db", "t") == []


async def nothing(world: World) -> None:
    pass
