"""The service's side: whatever comes, in whichever order, an effect is there once, or never again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.resilience import KeyReused
from services.saga import Commands, CommandState, Refused, Tombstone
from services.saga.participant import SCHEMA
from services.sqlite_database import SqliteDatabase

ASKED = st.lists(
    st.tuples(st.sampled_from(["a/1", "a/2"]), st.sampled_from(["do", "do", "undo", "sold out"])), max_size=12
)


async def service() -> tuple[SqliteDatabase, Commands]:
    db = SqliteDatabase(":memory:")
    await db.execute(SCHEMA)
    await db.execute("CREATE TABLE done (key TEXT)")
    return db, Commands(db)


async def ask(db: SqliteDatabase, commands: Commands, key: str, what: str) -> str:
    async def insert() -> None:
        await db.execute("INSERT INTO done VALUES (?)", (key,))
        if what == "sold out":
            raise Refused("sold out")

    async def delete() -> None:
        await db.execute("DELETE FROM done WHERE key = ?", (key,))

    try:
        if what == "undo":
            await commands.undo(key, {"key": key}, delete)
            return "undone"
        return "done" if await commands.do(key, {"key": key}, insert) else "was done"
    except Tombstone:
        return "too late"
    except Refused:
        return "refused"


@given(ASKED)
def test_each_key_is_answered_by_its_first_word_until_it_is_undone(asked):
    async def scenario() -> None:
        db, commands = await service()
        first: dict[str, str] = {}  # the model: the first word decides, but undo ends what is done
        for key, what in asked:
            answer = await ask(db, commands, key, what)
            known = first.get(key)
            if what == "undo":
                assert answer == "undone"
                first[key] = "sold out" if known == "sold out" else "undo"
            elif known is None:
                assert answer == {"do": "done", "sold out": "refused"}[what]
                first[key] = what
            else:
                assert answer == {"do": "was done", "sold out": "refused", "undo": "too late"}[known]
            rows = [row["key"] for row in await db.execute("SELECT key FROM done")]
            assert sorted(rows) == sorted(key for key, word in first.items() if word == "do")

    asyncio.run(scenario())


def test_a_key_that_comes_back_with_another_request_is_refused():
    async def scenario() -> None:
        _, commands = await service()

        async def nothing() -> None:
            pass

        await commands.do("a/1", {"amount": 1}, nothing)
        with pytest.raises(KeyReused):
            await commands.do("a/1", {"amount": 2}, nothing)
        with pytest.raises(KeyReused):
            await commands.undo("a/1", {"amount": 2}, nothing)

    asyncio.run(scenario())


def test_an_error_that_is_no_refusal_leaves_nothing_behind_and_may_be_tried_again():
    async def scenario() -> tuple[CommandState, Any]:
        db, commands = await service()

        async def breaks() -> None:
            await db.execute("INSERT INTO done VALUES ('a/1')")
            raise OSError("the disk")

        with pytest.raises(OSError, match="the disk"):
            await commands.do("a/1", {"key": "a/1"}, breaks)
        state = await commands.state("a/1")
        return state, await ask(db, commands, "a/1", "do")

    assert asyncio.run(scenario()) == (CommandState.UNKNOWN, "done")
