"""live: run the same scenario with the same services over real HTTP, in real time.

Idea      As simulate() does: a loop on a thread of its own, so that it works inside a notebook cell;
          the calling thread waits, and is the watchdog. At the end all is frozen first and shut
          down after: servers, connections, apps, tasks, whichever way the run has ended.
Not here  The world's inhabitants (live_world.py), its network (live_network.py). Faults: to place
          one at an effect, and to get the same run again, is what simulate() is for.
Mind      Real time is not repeatable: two live runs of one seed draw the same chance, but differ in
          when things happen, and so in their digests.
"""

import asyncio
import math
from collections.abc import Iterable
from functools import cache, partial
from typing import Any

from classroom.world.faults import Fault
from classroom.world.live_world import LiveWorld, OnlySimulated, RealLoop
from classroom.world.loop import OutOfTime
from classroom.world.process import Process
from classroom.world.run import Run
from classroom.world.simulated import Scenario, as_coroutine, run_apart
from classroom.world.world import World

PATIENCE = 5.0  # seconds that a single step may block all others


def live(scenario: Scenario, *, seed: int = 0, limit: float = 60.0, faults: Iterable[Fault] = ()) -> Run:
    """Run ``await scenario(world)`` over real sockets of 127.0.0.1, each service a server of its own.

    seed:   the rng of each node. (When things happen is for the machine to say.)
    limit:  real seconds after which the run is broken off.
    faults: for simulate() alone; any raises OnlySimulated. So do world.pause() and world.partition().
            world.crash() and world.restart() work: live_world.py says how far a crash goes.

    Returns a Run also when the scenario raised: see Run.error and Run.waiting. Its effects are empty, since
    no fault can be aimed at one. A step that blocks for 5 s breaks the run off, as in simulate().
    """
    if plan := tuple(faults):
        raise OnlySimulated(f"faults={list(plan)!r}")
    if not (isinstance(limit, int | float) and limit > 0 and math.isfinite(limit)):
        raise ValueError(f"limit is in real seconds, more than 0; got {limit!r}")
    _warm_up()
    return _run(scenario, seed, limit)


@cache
def _warm_up() -> None:
    """Serve one request for nobody: the modules that it imports would else be on the first run's clock."""

    async def one_request(world: World) -> None:
        world.start("service", lambda node: _empty_answer)
        async with world.client(timeout=None) as client:
            await client.get("http://service/")

    _run(one_request, seed=0, limit=60.0).raise_error()


async def _empty_answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def _run(scenario: Scenario, seed: int, limit: float) -> Run:
    import classroom.world.live_network  # noqa: F401  # before the clock starts

    world = LiveWorld(RealLoop(), seed=seed)
    return run_apart(scenario, world, partial(_drive, limit=limit), patience=PATIENCE)


def _drive(scenario: Scenario, world: LiveWorld, *, limit: float) -> Any:
    loop = world.loop
    loop.on_exit = world.exited
    loop.beat()
    main = loop.create_task(as_coroutine(scenario, world), context=Process("scenario").fresh_context())
    loop.run_through(loop.create_task(_watch(main, loop, limit)))
    if not main.done() and loop.stop_with is None:
        raise OutOfTime(
            f"the scenario was still running at its limit of {limit:g} s of real time. Does a loop in it "
            "never end, or a call wait without a timeout? Otherwise give live(..., limit=) more seconds."
        )
    return main.result() if main.done() else None


async def _watch(main: asyncio.Task[Any], loop: RealLoop, limit: float) -> None:
    """Until the scenario has ended, its time is up, or the run is broken off from outside."""
    broken_off = loop.create_task(loop.stopped.wait())
    await asyncio.wait({main, broken_off}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    broken_off.cancel()
