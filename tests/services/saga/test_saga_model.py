"""A coordinator and its services against a network that Hypothesis makes up, and a model that keeps no log.

Idea      Each command that goes out has a fate: it gets there, is lost, comes late, or loses its answer; the
          coordinator dies before or after it; a customer cancels meanwhile. The model knows only what the
          services hold, and what must be true of that: it has no states, no log and no order of steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.resilience import immediately
from services.saga import (
    Commands,
    Coordinator,
    Kind,
    Overtaken,
    Progress,
    Refused,
    Saga,
    SagaState,
    Step,
    TooLate,
    Unknown,
)
from services.saga.participant import SCHEMA
from services.sqlite_database import SqliteDatabase

TRIP = Saga(
    "trip",
    (
        Step("flight", "flight do", undo="flight undo"),
        Step("hotel", "hotel do", undo="hotel undo"),
        Step("visa", "visa do", kind=Kind.PIVOT),
        Step("mail", "mail do", kind=Kind.RETRIABLE),
    ),
)
TROUBLE = ["is lost", "comes late", "its answer is lost", "dies before", "dies after", "is cancelled"]
FATES = st.lists(st.sampled_from(["arrives"] * 8 + TROUBLE), min_size=8, max_size=16)
REFUSES = st.sampled_from([None, None, "flight", "hotel", "visa"])


class Died(BaseException):
    """kill -9: nobody catches it."""


class FakeNode:
    """As much of a node as a coordinator needs that has a `send` of its own."""

    name = "trips"

    def __init__(self, db: SqliteDatabase) -> None:
        self._db = db

    def database(self, name: str | None = None) -> SqliteDatabase:
        return self._db

    def rng(self, label: str) -> Random:
        return Random(label)

    def now(self) -> float:
        return 0.0

    def record(self, kind: str, /, **data: object) -> None:
        pass


class Trip:
    """One saga, its services, and the network between them."""

    def __init__(self, refuses: str | None, fates: list[str]) -> None:
        self.refuses, self.fates = refuses, list(fates)
        self.late: list[Callable[[], Any]] = []
        self.there: set[str] = set()  # the model: what the services hold
        self.decided = self.cancelled = False
        self.log, self.services = SqliteDatabase(":memory:"), SqliteDatabase(":memory:")
        self.commands = Commands(self.services)
        self.start()

    def start(self) -> None:
        """A coordinator that knows nothing."""
        node: Any = FakeNode(self.log)
        self.coordinator = Coordinator(node, TRIP, send=self.send, attempts=1, backoff=immediately)

    async def play(self) -> SagaState:
        """To the end; then what is still under way comes, and once more what came before."""
        await self.services.execute(SCHEMA)
        await self.coordinator.log.create()
        progress = await self.coordinator.log.begin("t", TRIP, {})
        for _ in range(60):
            progress = await self.advance(progress)
        assert progress.ended
        self.holds_all_or_nothing(progress)
        for late in self.late:
            await late()
        self.holds_all_or_nothing(progress)
        assert not (self.cancelled and self.there), "it was cancelled, and completed all the same"
        return progress.state

    async def advance(self, progress: Progress) -> Progress:
        try:
            return await self.coordinator.advance(progress)
        except Died:
            self.start()
        except Overtaken:
            pass
        return await self.coordinator.progress("t")

    async def send(self, to: str, key: str, data: Any) -> None:
        fate = self.fates.pop(0) if self.fates else "arrives"
        if fate == "dies before":
            raise Died
        if fate == "is cancelled":
            await self.cancel()
        if fate == "comes late":
            self.late.append(lambda: self.arrive(to, key))
        if fate in ("is lost", "comes late"):
            raise Unknown(fate)
        refused = await self.arrive(to, key)
        if fate == "dies after":
            raise Died
        if fate == "its answer is lost":
            raise Unknown(fate)
        if refused:
            raise refused

    async def arrive(self, to: str, key: str) -> Refused | None:
        step, what = to.split()

        async def do() -> None:
            if step == self.refuses:
                raise Refused("no")
            assert step not in self.there, f"{step} is done twice"
            self.there.add(step)
            self.decided |= step == "visa"

        async def undo() -> None:
            assert not self.decided, f"{step} is undone past the pivot"
            self.there.remove(step)

        try:
            await (self.commands.do(key, {}, do) if what == "do" else self.commands.undo(key, {}, undo))
        except Refused as error:
            return error
        return None

    async def cancel(self) -> None:
        try:
            await self.coordinator.cancel("t")
            self.cancelled = True
        except TooLate:
            assert not self.cancelled
        await self.coordinator.stop()  # only play() drives it

    def holds_all_or_nothing(self, progress: Progress) -> None:
        assert self.there == (set(TRIP.names) if progress.state is SagaState.COMPLETED else set())


@given(REFUSES, FATES)
@settings(max_examples=250)
def test_whatever_becomes_of_each_command_it_is_all_or_nothing(refuses, fates):
    asyncio.run(Trip(refuses, fates).play())


@pytest.mark.soak
@given(REFUSES, FATES)
def test_whatever_becomes_of_each_command_at_length(refuses, fates):
    asyncio.run(Trip(refuses, fates).play())


@pytest.mark.parametrize(
    ("refuses", "fates", "ends"),
    [
        (None, [], SagaState.COMPLETED),
        ("visa", [], SagaState.COMPENSATED),
        (None, ["comes late"], SagaState.COMPENSATED),
        (None, ["arrives", "its answer is lost"], SagaState.COMPENSATED),
        (None, ["arrives", "arrives", "its answer is lost"], SagaState.COMPLETED),
        (None, ["arrives", "is cancelled"], SagaState.COMPENSATED),
        (None, ["arrives", "arrives", "is cancelled"], SagaState.COMPLETED),
    ],
)
def test_it_takes_each_way_through_the_table(refuses, fates, ends):
    assert asyncio.run(Trip(refuses, fates).play()) is ends
