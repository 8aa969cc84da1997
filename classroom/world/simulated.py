"""simulate: run a scenario on a virtual clock, and freeze what came of it.

Idea      The loop runs on a thread of its own, so that it works inside a notebook cell while the
          kernel's own loop runs. The calling thread waits, and is the watchdog: a step that does
          not come back within `patience` seconds of real time is broken off from outside.
          At the end everything is frozen first and cleaned up after: what a dying coroutine
          still does cannot be seen any more.
Not here  The world's inhabitants (world.py); real sockets (live.py).
"""

import asyncio
import ctypes
import math
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextvars import copy_context
from random import Random
from typing import Any

from classroom.world import patches
from classroom.world.faults import Fault
from classroom.world.loop import EndlessLoop, Stuck, VirtualLoop
from classroom.world.process import Process
from classroom.world.run import Run
from classroom.world.world import World

Scenario = Callable[[World], Awaitable[Any]]
GLANCE = 0.25  # seconds of real time between two looks of the watchdog


class Interrupted(BaseException):
    """The person at the keyboard stopped the run."""


def simulate(
    scenario: Scenario,
    *,
    seed: int = 0,
    faults: Iterable[Fault] = (),
    shuffle: bool = False,
    limit: float = 3600.0,
    patience: float = 5.0,
) -> Run:
    """Run ``await scenario(world)`` in virtual time; the same arguments give the same Run.

    seed:     all chance of the run: latencies, losses, the rng of each node.
    faults:   a plan, see classroom.world.faults.
    shuffle:  run tasks that are ready at one instant in an order drawn from the seed, which
              finds bugs of order. Off by default.
    limit:    virtual seconds after which the run is broken off.
    patience: real seconds for a single step, which blocks all others.

    Returns a Run also when the scenario raised: see Run.error and Run.waiting.
    """
    plan = tuple(faults)
    for fault in plan:
        if not isinstance(fault, Fault.__args__):  # type: ignore[attr-defined]
            raise TypeError(f"faults are values such as Crash('orders', at=1.0); got {fault!r}")
    if not (limit > 0 and math.isfinite(limit)):
        raise ValueError(f"limit is in virtual seconds, more than 0; got {limit!r}")
    patches.install()
    loop = VirtualLoop(limit=limit, shuffle=Random(f"{seed}/schedule") if shuffle else None)
    world = World(loop, seed=seed, faults=plan)
    out: list[Run] = []
    thread = threading.Thread(
        target=copy_context().run, args=(_run, scenario, world, out), name="simulated world", daemon=True
    )
    thread.start()
    _watch(thread, loop, patience)
    return out[0]


def _run(scenario: Scenario, world: World, out: list[Run]) -> None:
    loop = world.loop
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(lambda _, context: _tell(world, context))
    result: Any = None
    error: BaseException | None = None
    waiting: tuple[str, ...] = ()
    try:
        main = loop.create_task(_as_coroutine(scenario, world), context=Process("scenario").fresh_context())
        result = loop.run_until_complete(main)
        world.check_aims()
    except BaseException as escaped:
        error = escaped
        if isinstance(escaped, Stuck):
            waiting = loop.waiting()
    try:
        out.append(_freeze(scenario, world, result, error, waiting))
        loop.bury()
    finally:
        asyncio.set_event_loop(None)


async def _as_coroutine(scenario: Scenario, world: World) -> Any:
    return await scenario(world)


def _freeze(
    scenario: Scenario, world: World, result: Any, error: BaseException | None, waiting: tuple[str, ...]
) -> Run:
    for task in list(world.loop.tasks):
        if task.done() and task._log_traceback and not task.cancelled():  # type: ignore[attr-defined]
            lost = (
                task.exception()
            )  # also marks it as seen, or asyncio would print it whenever it is collected
            if type(lost) is not type(error):
                process = world.loop.tasks[task]
                world.write(
                    process.name if process else "world", "error", error=f"{type(lost).__name__}: {lost}"
                )
    world.is_over()
    return Run(
        history=tuple(world.history),
        databases={name: stored.freeze() for name, stored in sorted(world.stored.items())},
        faults=world.faults,
        seed=world.seed,
        duration=round(world.now(), 6),
        result=result,
        error=error,
        waiting=waiting,
        effects=tuple(world.effects.log),
        scenario=getattr(scenario, "__name__", "scenario"),
    )


def _tell(world: World, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if error is not None and not world.loop.is_closed():
        world.write("world", "error", error=f"{type(error).__name__}: {error}")


def _watch(thread: threading.Thread, loop: VirtualLoop, patience: float) -> None:
    """Wait for the thread; break it off when a step does not end, or when somebody interrupts."""
    steps, waited = loop.steps, 0.0
    while thread.is_alive():
        try:
            thread.join(GLANCE)
        except KeyboardInterrupt:
            _break_off(thread, loop, Interrupted("interrupted"))
            thread.join(patience)
            raise
        waited = waited + GLANCE if loop.steps == steps else 0.0
        steps = loop.steps
        if waited >= patience and thread.is_alive():
            text = (
                f"one step ran for {patience:g} s without an await: an endless loop? "
                "While it runs, nothing else of the system can."
            )
            _break_off(thread, loop, EndlessLoop(text))
            thread.join(GLANCE)


def _break_off(thread: threading.Thread, loop: VirtualLoop, reason: BaseException) -> None:
    loop.stop_with = reason
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(type(reason)))
