"""The coordinator at its edges: what it is given, what it is told too late, what it shows."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from classroom import Crash, Pause, simulate
from classroom.world.world import World
from services.node import Node
from services.saga import (
    BadSaga,
    Coordinator,
    Event,
    IllegalMove,
    Kind,
    NoSuchSaga,
    OtherSteps,
    Overtaken,
    Refused,
    Saga,
    SagaExists,
    SagaLog,
    SagaState,
    Step,
    TooLate,
    Unknown,
    over_http,
)
from services.saga.commands import Send

FLIGHT = Step("flight", "book", undo="cancel")
TRIP = Saga(
    "trip", (FLIGHT, Step("visa", "apply", kind=Kind.PIVOT), Step("mail", "send", kind=Kind.RETRIABLE))
)


def sending(*answers: Exception | None) -> tuple[Send, list[tuple[str, str]]]:
    """A send that answers so, one after the other, and then well; and what went out."""
    left, sent = list(answers), []

    async def send(to: str, key: str, data: Any) -> None:
        sent.append((to, key))
        error = left.pop(0) if left else None
        if error is not None:
            raise error

    return send, sent


def in_a_world(scenario: Any, **options: Any) -> Any:
    async def play(world: World) -> Any:
        return await scenario(world.node("trips"), world)

    run = simulate(play, **options)
    run.raise_error()
    return run.result


def test_what_is_refused_at_the_first_try_needs_no_compensation():
    send, sent = sending(Refused("full"))

    async def scenario(node: Node, world: World) -> Any:
        coordinator = Coordinator(node, TRIP, send=send)
        await coordinator.resume()
        await coordinator.begin("t", {})
        return await coordinator.finish("t")

    progress = in_a_world(scenario)
    assert (progress.state, progress.reason) == (SagaState.COMPENSATED, "flight: refused, full")
    assert sent == [("book", "t/flight")]


def test_a_refusal_after_a_try_without_an_answer_is_not_believed():
    send, sent = sending(Unknown("late"), Refused("full"))

    async def scenario(node: Node, world: World) -> Any:
        coordinator = Coordinator(node, TRIP, send=send)
        await coordinator.resume()
        await coordinator.begin("t", {})
        return await coordinator.finish("t")

    progress = in_a_world(scenario)
    assert (progress.state, progress.reason) == (SagaState.COMPENSATED, "flight: in doubt, full")
    assert [to for to, _ in sent] == ["book", "book", "cancel"]


def test_the_pivot_is_asked_for_without_end_and_meanwhile_nothing_can_be_cancelled():
    send, sent = sending(None, *[Unknown("late")] * 50)

    async def scenario(node: Node, world: World) -> Any:
        coordinator = Coordinator(node, TRIP, send=send)
        await coordinator.resume()
        await coordinator.begin("t", {})
        await world.run_for(30)
        [waiting] = coordinator.snapshot()
        with pytest.raises(TooLate, match="saga t is at_pivot: there is no way back"):
            await coordinator.cancel("t")
        return waiting, await coordinator.finish("t"), coordinator.snapshot()

    waiting, progress, after = in_a_world(scenario)
    assert (waiting.saga, waiting.step, waiting.error) == ("t", "visa", "Unknown: late")
    assert waiting.tries > 5 and waiting.since < 1
    assert progress.state is SagaState.COMPLETED and after == ()
    assert len(sent) == 53


def test_who_cancels_while_a_service_is_silent_is_heard_before_the_next_try():
    send, sent = sending(Unknown("late"))

    async def scenario(node: Node, world: World) -> Any:
        coordinator = Coordinator(node, TRIP, send=send, base=2.0)
        await coordinator.resume()
        await coordinator.begin("t", {})
        await world.run_for(0.01)
        await coordinator.cancel("t", "by Ada")
        again = await coordinator.cancel("t", "by Ada, again")
        return again, await coordinator.finish("t")

    again, progress = in_a_world(scenario)
    assert again.state is SagaState.COMPENSATING
    assert progress.reason == "cancelled, by Ada"
    assert [to for to, _ in sent] == ["book", "cancel"]


def test_the_same_saga_again_is_no_harm_and_another_under_its_id_is_refused():
    send, sent = sending()

    async def scenario(node: Node, world: World) -> None:
        coordinator = Coordinator(node, TRIP, send=send)
        await coordinator.resume()
        await coordinator.begin("t", {"who": "Ada"})
        await coordinator.finish("t")
        assert (await coordinator.begin("t", {"who": "Ada"})).state is SagaState.COMPLETED
        with pytest.raises(SagaExists, match="another one needs another id"):
            await coordinator.begin("t", {"who": "Ben"})
        with pytest.raises(NoSuchSaga):
            await coordinator.cancel("u")
        with pytest.raises(ValueError, match="a saga's id has 1 to 100 letters"):
            await coordinator.begin("t\r\nX-Admin: 1", {})

    in_a_world(scenario)
    assert len(sent) == 3


def test_a_saga_whose_steps_were_changed_meanwhile_waits_and_the_others_go_on():
    send, _ = sending(*[Unknown("late")] * 2)
    renamed = Saga("trip", (Step("train", "book", undo="cancel"), *TRIP.steps[1:]))

    async def scenario(node: Node, world: World) -> Any:
        old = Coordinator(node, TRIP, send=send, base=5.0)
        await old.resume()
        await old.begin("t", {})
        await old.stop()
        new = Coordinator(node, renamed, send=send)
        assert await new.resume() == ["t"]
        await new.begin("u", {})
        with pytest.raises(OtherSteps, match="was begun as 'trip' with the steps flight, visa, mail"):
            await new.cancel("t")
        await new.finish("u")
        states = (await new.progress("t")).state, (await new.progress("u")).state
        await new.stop()
        last = Coordinator(node, TRIP, send=send)
        await last.resume()
        return states, (await last.finish("t")).state

    assert in_a_world(scenario) == ((SagaState.RUNNING, SagaState.COMPLETED), SagaState.COMPLETED)


def test_two_makings_share_a_log_and_each_goes_on_with_its_own():
    send, _ = sending()
    other = Saga("refit", (Step("paint", "paint", undo="unpaint"),))

    async def scenario(node: Node, world: World) -> Any:
        log = SagaLog(node.database(), clock=node.now)
        await log.create()
        await log.begin("t", TRIP, {})
        await log.begin("p", other, {})
        coordinator = Coordinator(node, other, log=log, send=send)
        assert await coordinator.resume() == ["p"]
        return (await coordinator.finish("p")).state, (await log.progress("t")).state

    assert in_a_world(scenario) == (SagaState.COMPLETED, SagaState.RUNNING)


def test_of_two_who_write_the_next_record_the_second_is_told_that_he_is_late():
    async def scenario(node: Node, world: World) -> None:
        log = SagaLog(node.database(), clock=node.now)
        await log.create()
        begun = await log.begin("t", TRIP, {})
        await log.append(begun, Event.START, "flight")
        with pytest.raises(Overtaken):
            await log.append(begun, Event.CANCEL)

    in_a_world(scenario)


def test_the_log_takes_no_record_that_cannot_be():
    async def scenario(node: Node, world: World) -> int:
        log = SagaLog(node.database(), clock=node.now)
        await log.create()
        begun = await log.begin("t", TRIP, {})
        for event, step in [
            (Event.START, "visa"),
            (Event.START, "nowhere"),
            (Event.DONE, "flight"),
            (Event.UNDO, "flight"),
            (Event.END, None),
            (Event.PIVOT, "flight"),
            (Event.BEGIN, None),
        ]:
            with pytest.raises(IllegalMove):
                await log.append(begun, event, step)
        return len(await log.records())

    assert in_a_world(scenario) == 1


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((), "has no steps"),
        ((FLIGHT, FLIGHT), "two steps of one name"),
        ((Step("v", "a", kind=Kind.PIVOT), FLIGHT), "compensatable steps come first"),
        ((Step("v", "a", kind=Kind.PIVOT), Step("w", "a", kind=Kind.PIVOT)), "at most one pivot"),
        ((FLIGHT, Step("m", "a", kind=Kind.RETRIABLE)), "say which step decides"),
    ],
)
def test_steps_that_make_no_saga_are_refused(steps, words):
    with pytest.raises(BadSaga, match=words):
        Saga("bad", steps)


@pytest.mark.parametrize(
    "step",
    [
        lambda: Step("flight", "book"),
        lambda: Step("visa", "apply", undo="unapply", kind=Kind.PIVOT),
        lambda: Step("a/b", "book", undo="cancel"),
    ],
)
def test_a_step_that_says_two_things_is_refused(step):
    with pytest.raises(BadSaga):
        step()


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        *((status, None) for status in (200, 201, 204)),
        *((status, Refused) for status in (402, 409, 410, 422)),
        *((status, Unknown) for status in (302, 400, 401, 404, 408, 423, 425, 429, 500, 502, 503)),
    ],
)
def test_what_a_status_means(status, raised):
    def service(node: Node) -> Any:
        from fastapi import FastAPI, Response

        app = FastAPI()

        @app.post("/book")
        async def book() -> Response:
            return Response(status_code=status)

        return app

    async def scenario(world: World) -> type[Exception] | None:
        world.start("flights", service)
        try:
            await over_http(world.client())("http://flights/book", "t/flight", {})
        except (Refused, Unknown) as error:
            return type(error)
        return None

    run = simulate(scenario)
    run.raise_error()
    assert run.result is raised


def test_bad_settings_are_refused_when_it_is_made_and_not_in_the_night():
    async def scenario(node: Node, world: World) -> None:
        with pytest.raises(ValueError, match="attempts counts the first try"):
            Coordinator(node, TRIP, attempts=0)
        with pytest.raises(ValueError, match="base and cap are in seconds"):
            Coordinator(node, TRIP, base=0)

    in_a_world(scenario)


@pytest.mark.parametrize("seed", range(2))
def test_a_hundred_sagas_at_once_all_end_after_two_crashes_and_a_pause(seed):
    def trips(node: Node) -> Any:
        rng = Random(seed)

        async def poor(to: str, key: str, data: Any) -> None:
            if rng.random() < 0.3:
                raise Unknown("late")
            if to == "book" and data["n"] % 3 == 0:
                raise Refused("full")

        async def work() -> None:
            coordinator = Coordinator(node, TRIP, send=poor)
            await coordinator.resume()
            for n in range(100):
                await coordinator.begin(f"t-{n}", {"n": n})
            for n in range(100):
                await coordinator.finish(f"t-{n}")

        return work()

    async def scenario(world: World) -> None:
        world.start("trips", trips)
        await world.run_for(120)

    faults = [Crash("trips", at=0.05), Crash("trips", at=1.3), Pause("trips", at=2.5, lasts=4)]
    run = simulate(scenario, seed=seed, faults=faults)
    run.raise_error()
    log = run.rows("trips", "saga_log")
    assert len({row["saga"] for row in log}) == 100
    assert sum(row["event"] == Event.END for row in log) == 100
    assert [event["error"] for event in run.of("exit") if event["error"]] == []
