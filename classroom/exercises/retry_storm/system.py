"""What a learner's retry policy is put into: storms of the model, scripted failures, the real services.

Idea      Each scenario writes down what the policy was asked and what became of the callers; the
          model is moved on second by second on the world's own clock, so that a policy that blocks
          or never ends is noticed by the world's watchdog as any service is.
Not here  What is promised of a policy (checks.py), and which of these runs are made (e05_retry_storm.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from itertools import count, zip_longest
from random import Random
from typing import TYPE_CHECKING, Any

from classroom.scale import Failure, Model, Storm, System, as_wait, made, measured
from classroom.world.run import Run
from classroom.world.simulated import Scenario
from classroom.world.world import World

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from services.node import Node

ATTEMPTS = 4  # of one request, the first one counted
DEADLINE = 10.0  # seconds that a request may take with all its tries
SERIES = ("demand", "offered", "retries", "goodput", "in_vain")
Policy = Callable[..., Any]


def told(scenario: Scenario) -> Scenario:
    """An answer that still says "your turn" is written down, and no error."""

    async def run(world: World) -> None:
        try:
            await scenario(world)
        except NotImplementedError as error:
            world.record("unfinished", answer="RetryPolicy", text=str(error))

    return run


# ---- storms of the model -----------------------------------------------------------------


def lunch(policy: Policy, **system: Any) -> Scenario:
    """One run of the model: its counts, second by second and at the end as a whole."""

    async def scenario(world: World) -> None:
        model = await _run(world, policy, System(steady=True, deadline=DEADLINE, **system))
        world.record("storm", **asdict(model.counts()))

    return told(scenario)


def twice(policy: Policy, **system: Any) -> Scenario:
    """The same run two times, by two policy objects with the same chance: what each answered."""

    async def scenario(world: World) -> None:
        said: list[list[float | None]] = []
        for _ in range(2):
            answers: list[float | None] = []
            await _run(world, noted(policy, answers), System(steady=True, deadline=DEADLINE, **system))
            said.append(answers)
        pairs = enumerate(zip_longest(*said), start=1)
        differ = next(([number, *pair] for number, pair in pairs if pair[0] != pair[1]), None)
        retries = [sum(wait is not None for wait in answers) for answers in said]
        world.record("again", retries=retries, differ=differ)

    return told(scenario)


def noted(policy: Policy, answers: list[float | None]) -> Policy:
    """The same policy, whose answers are written down."""

    class Noted:
        def __init__(self, *, rng: Random, clock: Callable[[], float]) -> None:
            (self._one,) = made(policy, 1, rng=rng, clock=clock)
            self.on_first_try, self.on_success = self._one.on_first_try, self._one.on_success

        def delay(self, attempt: int, failure: Failure, remaining: float) -> float | None:
            answers.append(self._one.delay(attempt, failure, remaining))
            return answers[-1]

    return Noted


async def _run(world: World, policy: Policy, system: System) -> Model:
    model = Model(policy, system, seed=world.seed)
    for second in range(int(system.lasts)):
        await world.run_for(1.0)
        model.run_until(second + 1)
        counts = {name: getattr(model, name)[second] for name in SERIES}
        world.record("second", **counts)
    return model


# ---- scripted failures -------------------------------------------------------------------


class Scripted(Random):
    """Chance that always falls on one side: 0 the lowest, 1 the highest that random() can give."""

    def __init__(self, side: int) -> None:
        super().__init__(0)
        self._value = (1 - 2**-53) * side

    def random(self) -> float:
        return self._value


REFUSALS = tuple(Failure(status) for status in (400, 404, 422))
UNSAFE = (Failure(None, idempotent=False), Failure(503, idempotent=False))
PASSING = (Failure(None), Failure(503))
SHORT = (0.02, 0.05, 0.2, 1.0)  # seconds that remain


def questions(policy: Policy) -> Scenario:
    """A policy object is asked about failures one by one, with quiet requests between them."""

    async def scenario(world: World) -> None:
        for side, chance in enumerate(("low", "high")):
            (one,) = made(policy, 1, rng=Scripted(side), clock=world.now)
            await _examine(world, one, chance)

    return told(scenario)


async def _examine(world: World, one: Any, chance: str) -> None:
    async def begin(requests: int = 200) -> None:
        """So many requests go well, then one begins."""
        await world.run_for(requests / 80)
        for _ in range(requests):
            one.on_first_try()
            one.on_success()
        one.on_first_try()

    def ask(about: str, failure: Failure, attempt: int, remaining: float) -> float | None:
        wait = as_wait(one.delay(attempt, failure, remaining), attempt)
        facts = {"attempt": attempt, "status": failure.status, "idempotent": failure.idempotent}
        world.record("asked", about=about, chance=chance, **facts, remaining=remaining, wait=wait)
        return wait

    for failure in PASSING:
        await begin()
        for attempt in range(1, ATTEMPTS + 3):
            wait = ask("attempts", failure, attempt, 60.0)
            if wait is None:
                break
            await world.run_for(wait)
    for failure in (*REFUSALS, *UNSAFE):
        await begin()
        ask("refused" if failure in REFUSALS else "unsafe", failure, 1, DEADLINE)
    for remaining in SHORT:
        for attempt in range(1, ATTEMPTS):
            await begin()
            ask("remaining", Failure(503), attempt, remaining)


# ---- the real services -------------------------------------------------------------------


def services(policy: Policy, *, load: float, lasts: float) -> Scenario:
    """The lesson's lunch: one worker, ten orders a second, a shop with one policy object."""

    async def scenario(world: World) -> None:
        world.start("orders", orders)
        shop = world.node("shop")
        arrivals, client = shop.rng("arrivals"), shop.client(timeout=1.0)
        (chosen,) = made(policy, 1, rng=shop.rng("policy"), clock=world.now)
        buyers: list[asyncio.Task[None]] = []
        for number in count():
            await world.run_for(arrivals.uniform(0.8, 1.2) / load)
            for buyer in buyers:
                if buyer.done():
                    buyer.result()  # what a policy raised
            if world.now() >= lasts:
                return
            buyers = [buyer for buyer in buyers if not buyer.done()]
            buyers.append(asyncio.create_task(buy(shop, client, chosen, number)))

    return told(scenario)


def orders(node: Node) -> FastAPI:
    from fastapi import FastAPI

    app, connection = FastAPI(), asyncio.Lock()

    @app.post("/orders")
    async def order(request: dict[str, int]) -> dict[str, int]:
        async with connection:
            await asyncio.sleep(0.1)
        return {"taken": request["order"]}

    return app


async def buy(node: Node, client: httpx.AsyncClient, policy: Any, number: int) -> None:
    """One request, with as many tries as the policy wants."""
    import httpx

    gives_up_at = node.now() + DEADLINE
    policy.on_first_try()
    for attempt in count(1):
        try:
            response = await client.post("http://orders/orders", json={"order": number})
            failure = Failure(response.status_code)
        except httpx.TransportError:
            failure = Failure(None)
        if failure.status == 200:
            policy.on_success()
            return
        remaining = gives_up_at - node.now()
        wait = as_wait(policy.delay(attempt, failure, remaining), attempt) if remaining > 0 else None
        if wait is None or wait >= remaining:
            return
        await asyncio.sleep(wait)


def storm_of(run: Run) -> Storm | None:
    """The counts of a run of the model or of the services; None if there are none."""
    for event in run.of("storm"):
        values: dict[str, Any] = {key: _frozen(value) for key, value in event.data.items()}
        return Storm(**values)
    if run.of("request", to="orders"):
        return measured(run, "orders", key="order", capacity=10)
    return None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
