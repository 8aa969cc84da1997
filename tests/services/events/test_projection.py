"""A projection by itself: what it makes of records that come twice, late, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom import Crash, simulate
from classroom.world.run import Run
from classroom.world.world import World
from minibroker.record import Record
from services.events.digest import digest
from services.events.projection import OutOfStep, Projection
from tests.services.events.revenue import expected, order, revenue

LENGTH = 6
LOG = [[Record(p, offset, None, order(2 * offset + p), {}, 0.0) for offset in range(LENGTH)] for p in (0, 1)]


def with_a_view(body: Any, **options: Any) -> Run:
    """A run of body(view, db), whose database is `view`."""

    async def scenario(world: World) -> Any:
        db = world.node("reader").database("view")
        view = revenue(db, **options)
        await view.create()
        return await body(view, db)

    run = simulate(scenario)
    run.raise_error()
    return run


slices = st.tuples(st.integers(0, 1), st.integers(0, LENGTH), st.integers(0, 4)).map(
    lambda drawn: LOG[drawn[0]][drawn[1] : drawn[1] + drawn[2]]
)


@given(st.lists(slices, max_size=8))
def test_whatever_part_of_the_log_comes_the_view_is_that_of_a_whole_beginning(deliveries):
    """Against a model that keeps all that was ever applied, and counts it anew at the end."""
    read: dict[int, int] = {0: 0, 1: 0}

    async def body(view: Projection, db: Any) -> None:
        for records in deliveries:
            partition = records[0].partition if records else 0
            gap = bool(records) and records[0].offset > read[partition]
            try:
                new = await view.take(records)
            except OutOfStep:
                assert gap
                continue
            assert not gap
            end = records[-1].offset + 1 if records else 0
            assert new == max(0, end - read[partition])
            read[partition] = max(read[partition], end)

    run = with_a_view(body)

    applied = [record.value for partition in (0, 1) for record in LOG[partition][: read[partition]]]
    assert digest(run.rows("view", "revenue")) == digest(expected(applied))
    stored = {row["partition"]: row["next_offset"] for row in run.rows("view", "positions")}
    assert stored == {partition: offset for partition, offset in read.items() if offset}


def test_a_gap_says_what_is_missing_and_writes_nothing_of_its_batch():
    async def body(view: Projection, db: Any) -> None:
        await view.take(LOG[1][:1])
        with pytest.raises(OutOfStep, match=r"is at offset 1 of partition 1 and got 3: .* Fetch from 1"):
            await view.take([*LOG[0][:2], *LOG[1][3:]])

    run = with_a_view(body)

    assert run.rows("view", "revenue") == expected([LOG[1][0].value])


def test_a_view_that_is_content_with_holes_goes_past_them():
    async def body(view: Projection, db: Any) -> tuple[int, dict[int, int]]:
        new = await view.take([LOG[0][0], LOG[0][4], LOG[0][2]])
        return new, await view.positions()

    assert with_a_view(body, holes=True).result == (2, {0: 5})


def test_what_apply_raises_leaves_rows_and_position_as_they_were():
    async def body(view: Projection, db: Any) -> None:
        await view.take(LOG[0][:1])
        poison = LOG[0][1]._replace(value={"order": 13})
        with pytest.raises(KeyError):
            await view.take([poison])

    run = with_a_view(body)

    assert run.rows("view", "revenue") == expected([LOG[0][0].value])
    assert [row["next_offset"] for row in run.rows("view", "positions")] == [1]


def test_a_crash_before_the_commit_loses_rows_and_position_and_one_after_it_neither():
    async def worker(node: Any) -> None:
        view = revenue(node.database("view"))
        await view.create()
        await view.take(LOG[0][:3])

    async def scenario(world: World) -> None:
        world.start("worker", worker)
        await world.run_for(1)

    seen = []
    for crash in (Crash("worker", before=2, down=None), Crash("worker", after=2, down=None)):
        run = simulate(scenario, faults=[crash])
        seen.append((len(run.rows("view", "revenue")) > 0, len(run.rows("view", "positions"))))
    assert seen == [(False, 0), (True, 1)]


def test_records_that_are_all_known_are_no_write():
    async def body(view: Projection, db: Any) -> None:
        await view.take(LOG[0][:3])
        await view.take(LOG[0][:3])

    assert len(with_a_view(body).of("commit")) == 2  # the tables, and the first time


# ---------------------------------------------------------------- reading one's own writes


def waiting(*, timeout: float, written_at: float) -> tuple[bool, float]:
    async def scenario(world: World) -> tuple[bool, float]:
        view = revenue(world.node("projector").database("view"))
        reader = revenue(world.node("reader").database("view"))
        await view.create()

        async def write() -> None:
            await world.run_for(written_at)
            await view.take(LOG[0][:3])

        writing = asyncio.create_task(write())
        began = world.now()
        found = await reader.wait_for_position(0, 2, timeout=timeout)
        took = world.now() - began
        await writing
        return found, round(took, 2)

    run = simulate(scenario)
    run.raise_error()
    return run.result


def test_a_reader_waits_until_the_view_has_its_record_and_no_longer():
    found, took = waiting(timeout=2.0, written_at=0.5)

    assert found
    assert 0.5 <= took <= 0.52


def test_at_the_deadline_the_reader_is_told_that_it_is_not_there():
    assert waiting(timeout=0.3, written_at=0.5) == (False, 0.3)


def test_what_is_there_is_found_without_any_patience():
    async def body(view: Projection, db: Any) -> list[bool]:
        await view.take(LOG[0][:3])
        return [await view.wait_for_position(0, offset, timeout=0) for offset in (2, 3)]

    assert with_a_view(body).result == [True, False]


# ---------------------------------------------------------------- digest


def test_a_digest_knows_neither_the_order_of_rows_nor_that_of_columns():
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    turned = [{"b": None, "a": 2}, {"b": "x", "a": 1}]

    text = b'{"a":1,"b":"x"}\n{"a":2,"b":null}'
    assert digest(rows) == digest(turned) == hashlib.sha256(text).hexdigest()[:16]
    assert len({digest(rows), digest(rows[:1]), digest([*rows, rows[0]]), digest([])}) == 4
    assert digest([{"a": 1}]) != digest([{"a": "1"}])
