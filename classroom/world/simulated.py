"""simulate: run a scenario on a virtual clock, and freeze what came of it.

Idea      The loop runs on a thread of its own, so that it works inside a notebook cell while the
          kernel's own loop runs. The calling thread waits, and is the watchdog (watchdog.py).
          At the end everything is frozen first and cleaned up after: what a dying coroutine
          still does cannot be seen any more.
Not here  The world's inhabitants (world.py); real sockets (live.py).
"""

import asyncio
import contextlib
import math
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextvars import copy_context
from random import Random
from typing import Any, TypeVar

from classroom.world import patches
from classroom.world.faults import Fault
from classroom.world.loop import EndlessLoop, Stuck, VirtualLoop
from classroom.world.process import Process
from classroom.world.run import Run
from classroom.world.watchdog import BrokenOff, Watchdog
from classroom.world.world import World

Scenario = Callable[[World], Awaitable[Any]]
W = TypeVar("W", bound=World)


def simulate(
    scenario: Scenario,
    *,
    seed: int = 0,
    faults: Iterable[Fault] = (),
    shuffle: bool = False,
    limit: float = 3600.0,
    most_steps: float = math.inf,
    patience: float = 5.0,
) -> Run:
    """Run ``await scenario(world)`` in virtual time; the same arguments give the same Run.

    seed:     all chance of the run: latencies, losses, the rng of each node.
    faults:   a plan, see classroom.world.faults.
    shuffle:  run tasks that are ready at one instant in an order drawn from the seed, which
              finds bugs of order. Off by default.
    limit:    virtual seconds after which the run is broken off.
    most_steps: steps of the loop after which it is broken off (an exchange takes about 20). Counted, and
              not timed, so that it strikes at the same place on every machine.
    patience: real seconds for a single step, which blocks all others.

    Returns a Run also when the scenario raised: see Run.error and Run.waiting.
    """
    if not callable(scenario):
        raise TypeError(f"a scenario is an `async def scenario(world)`, not yet called; got {scenario!r}")
    plan = tuple(faults) if isinstance(faults, Iterable) else (faults,)
    for fault in plan:
        if not isinstance(fault, Fault):
            raise TypeError(f"faults is a list of values such as Crash('orders', at=1.0); got {fault!r}")
    for name, value in (("limit", limit), ("patience", patience)):
        if not (isinstance(value, int | float) and value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} is in seconds, more than 0; got {value!r}")
    patches.install()
    loop = VirtualLoop(
        limit=limit, most_steps=most_steps, shuffle=Random(f"{seed}/schedule") if shuffle else None
    )
    world = World(loop, seed=seed, faults=plan)
    return run_apart(scenario, world, _drive, patience=patience)


def _drive(scenario: Scenario, world: World) -> Any:
    loop = world.loop
    loop.on_exit = world.exited
    main = loop.create_task(as_coroutine(scenario, world), context=Process("scenario").fresh_context())
    result = loop.run_until_complete(main)
    world.check_aims()
    return result


# ---- what live() does too --------------------------------------------------------------


def run_apart(scenario: Scenario, world: W, drive: Callable[[Scenario, W], Any], *, patience: float) -> Run:
    """Let drive(scenario, world) run the scenario on a thread of its own, and make a Run of it."""
    watchdog = Watchdog(world, patience)
    out: list[Run] = []
    thread = threading.Thread(
        target=copy_context().run,
        args=(_run, scenario, world, drive, watchdog, out),
        name="world",
        daemon=True,
    )
    thread.start()
    watchdog.watch(thread)
    if not out:  # the thread hangs where nobody can reach it
        why = world.loop.stop_with
        reason = EndlessLoop(f"{why} It could not be broken off and runs on: restart the kernel.")
        out.append(_freeze(scenario, world, None, reason, ()))
    return out[0]


def _run(
    scenario: Scenario, world: W, drive: Callable[[Scenario, W], Any], watchdog: Watchdog, out: list[Run]
) -> None:
    try:
        _play(scenario, world, drive, watchdog, out)
    finally:
        watchdog.over.set()


def _play(
    scenario: Scenario, world: W, drive: Callable[[Scenario, W], Any], watchdog: Watchdog, out: list[Run]
) -> None:
    loop = world.loop
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(lambda _, context: _tell(world, context))
    result: Any = None
    error: BaseException | None = None
    waiting: tuple[str, ...] = ()
    try:
        result = drive(scenario, world)
    except BaseException as escaped:
        error = escaped
        if isinstance(escaped, Stuck):
            waiting = loop.waiting()
    watchdog.hold()
    if watchdog.gave_up:
        return
    out.append(_freeze(scenario, world, result, loop.stop_with or error, waiting))
    watchdog.let_go()
    with contextlib.suppress(BrokenOff):
        world.shut_down()
    patches.forget_endpoints()
    asyncio.set_event_loop(None)


async def as_coroutine(scenario: Scenario, world: World) -> Any:
    """Whatever awaitable a scenario returns, as what a task can run."""
    return await scenario(world)


def _freeze(
    scenario: Scenario, world: World, result: Any, error: BaseException | None, waiting: tuple[str, ...]
) -> Run:
    """End the world, and make a Run of what came of it: plain values that nothing can change any more."""
    for task in list(world.loop.tasks):
        if task.done() and task._log_traceback and not task.cancelled():
            lost = task.exception()  # marks it as seen too, or asyncio would print it when it is collected
            if lost is not error and not isinstance(lost, BrokenOff | SystemExit):
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
    """Write down what asyncio would have printed: an exception that nobody awaited."""
    error = context.get("exception")
    if isinstance(error, BrokenOff):
        return
    if context["message"].endswith("never retrieved"):
        return  # told when garbage is collected, and nobody knows when that is; freeze() looks for these
    if error is not None and not world.loop.is_closed():
        world.write("world", "error", error=f"{type(error).__name__}: {error}")
