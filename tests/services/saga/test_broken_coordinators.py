"""Coordinators and services that are wrong on purpose: what must hold of every run sees each of them.

A check that cannot fail proves nothing, so here each fails, for its own reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from classroom import Crash, Drop, simulate
from classroom.world.faults import Fault
from services.node import Node
from services.saga import (
    Commands,
    CommandState,
    Coordinator,
    Event,
    Move,
    Progress,
    Refused,
    Saga,
    SagaState,
    Send,
    StepState,
    Unknown,
    over_http,
)
from services.shop import order_saga
from services.shop.order_saga import ORDER, order_desk
from tests.services.saga.attacks import ORDERS, TROUBLES, ordering, sweep_points
from tests.services.saga.conserved import wrong_with


def found(scenario: Any, *plans: tuple[Fault, ...], seeds: int = 4) -> str:
    """All that is found wrong, over these plans and some seeds."""
    runs = [simulate(scenario, seed=seed, faults=plan) for seed, plan in product(range(seeds), plans)]
    return "\n".join(text for run in runs for text in wrong_with(run))


def desk_that_sends(make: Callable[[Send], Send]) -> Callable[[Node], Any]:
    return lambda node: order_desk(node, send=make(over_http(node.client(timeout=1.0))))


def takes_silence_for_no(send: Send) -> Send:
    async def hasty(to: str, key: str, data: Any) -> None:
        try:
            await send(to, key, data)
        except Unknown as error:
            raise Refused(str(error)) from error

    return hasty


def swallows_a_failed_compensation(send: Send) -> Send:
    async def careless(to: str, key: str, data: Any) -> None:
        try:
            await send(to, key, data)
        except Unknown:
            if to not in {step.undo for step in ORDER.steps}:
                raise

    return careless


def makes_a_key_for_each_try(send: Send) -> Send:
    count = iter(range(1_000_000))

    async def fresh(to: str, key: str, data: Any) -> None:
        await send(to, f"{key}-{next(count)}", data)

    return fresh


def test_one_that_takes_no_answer_for_no_is_seen():
    desk = desk_that_sends(takes_silence_for_no)
    lost = (Drop("orders", "payments", part="reply", nth=1),)

    assert "payments took 1990 and gave back 0; sold was for 0" in found(
        ordering("goes through", "none", desk=desk), lost, seeds=1
    )


def test_one_that_swallows_a_failed_compensation_is_seen():
    desk = desk_that_sends(swallows_a_failed_compensation)
    scenario = ordering("out of reach", "services are out of order", desk=desk)

    assert "ended as compensated" in found(scenario, TROUBLES["services are out of order"])


def test_one_that_makes_a_new_key_for_each_try_is_seen():
    desk = desk_that_sends(makes_a_key_for_each_try)
    lost = (Drop("orders", "payments", part="reply", nth=1),)

    assert found(ordering("goes through", "none", desk=desk), lost, seeds=1) != ""


def test_one_that_sends_before_it_writes_is_seen(monkeypatch):
    async def hasty(self: Coordinator, progress: Progress) -> Progress:
        move = progress.next()
        assert move is not None
        if move.step and not move.again:
            step = ORDER.step(move.step)
            to = step.undo if move.event is Event.UNDO else step.do
            await self._asker.ask(progress.saga, step.name, to, progress.data, may_refuse=True)
        return await usual(self, progress)

    usual = Coordinator.advance
    monkeypatch.setattr(Coordinator, "advance", hasty)

    assert "and no record says so" in found(ordering("goes through", "none"), (), seeds=1)


def test_one_that_does_not_undo_what_is_in_doubt_is_seen(monkeypatch):
    def back(self: Progress) -> Move:
        for step, state in reversed(list(self.steps.items())):
            if state in (StepState.DONE, StepState.UNDOING):
                return Move(Event.UNDO, step, again=state is StepState.UNDOING)
        return Move(Event.END)

    monkeypatch.setattr(Progress, "_back", back)
    lost = tuple(Drop("orders", "payments", part="reply", nth=n) for n in (1, 2, 3))

    assert "payments took 1990 and gave back 0" in found(ordering("goes through", "none"), lost, seeds=1)


def test_one_that_undoes_past_the_pivot_is_seen(monkeypatch):
    """The parcel leaves first, as a step like any other, so that what fails later undoes the rest."""
    ship = replace(ORDER.step("ship"), kind=ORDER.steps[0].kind, undo="http://notifications/mails/apologise")
    steps = (ORDER.step("hold"), ship, ORDER.step("pay"))
    saga = Saga("order", steps)
    monkeypatch.setattr("tests.services.saga.conserved.ORDER", saga)
    told = found(
        ordering("declined", "none", desk=lambda node: order_saga.order_desk(node, saga=saga)), (), seeds=1
    )

    assert "order 7 was released at" in told and "past its pivot" in told


def test_a_service_without_tombstones_is_seen(monkeypatch):
    async def undo(self: Commands, key: str, request: object, effect: Any) -> CommandState:
        if await self.state(key) is CommandState.UNKNOWN:
            return CommandState.UNKNOWN
        return await usual(self, key, request, effect)

    usual = Commands.undo
    monkeypatch.setattr(Commands, "undo", undo)
    scenario = ordering("goes through", "requests are late")

    assert "ended as compensated" in found(scenario, TROUBLES["requests are late"], seeds=12)


def test_a_service_that_does_not_remember_its_keys_is_seen(monkeypatch):
    async def do(self: Commands, key: str, request: object, effect: Any) -> bool:
        async with self._db.transaction():
            await effect()
        return True

    monkeypatch.setattr(Commands, "do", do)

    assert found(ordering("goes through", "requests come twice"), TROUBLES["requests come twice"]) != ""


def test_one_that_forgets_its_sagas_in_a_crash_is_seen(monkeypatch):
    async def resume(self: Coordinator) -> list[str]:
        await self.log.create()
        return []

    monkeypatch.setattr(Coordinator, "resume", resume)

    assert "order-7 has not ended: it is running" in found(
        ordering("goes through", "none"), (Crash("orders", at=0.006),), seeds=1
    )


def test_one_that_says_cancelled_and_goes_on_is_seen(monkeypatch):
    async def cancel(self: Coordinator, saga: str, reason: str = "") -> Progress:
        progress = await self.log.progress(saga)
        return replace(progress, state=SagaState.COMPENSATING)

    monkeypatch.setattr(Coordinator, "cancel", cancel)

    assert "Ada was told that it is cancelled, and it is completed" in found(
        ordering("goes through", "none", cancel_at=0.002), (), seeds=1
    )


@pytest.mark.parametrize("kind", ORDERS)
def test_and_the_shops_own_are_not(kind):
    """The same attacks, on what is right."""
    plans = [
        (Drop("orders", "payments", part="reply", nth=1),),
        tuple(Drop("orders", "payments", part="reply", nth=n) for n in (1, 2, 3)),
        (Crash("orders", at=0.006),),
    ]
    assert found(ordering(kind, "none"), *plans, seeds=1) == ""
    assert sweep_points(simulate(ordering(kind, "none")))
