"""An asyncio loop whose clock jumps to the next timer: ten minutes of waiting take no time.

Idea      With nothing ready to run, real time would pass until the next timer. Here the clock
          is set to it instead. There is no selector, hence no socket: whatever a task waits for
          comes from another task, so the order of all that happens follows from the seed alone.
          What is due at one instant comes in the order in which it was asked for, and the order of
          tasks in a set does not depend on where in memory they happen to lie.
Not here  What crosses the network (network.py); the thread (simulated.py) and its watchdog
          (watchdog.py); where a task waits, and how it is closed (coroutines.py).
Mind      It uses attributes of asyncio that are private (_ready, _stopping, _run_once; a handle's
          _context, _cancelled, _run): tests/world/test_loop.py names them all, and runs on every
          Python that the course supports.
Source    trio.testing.MockClock; FoundationDB's simulation (W. Wilson, Strange Loop 2014).
"""

import asyncio
import contextvars
import heapq
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, NoReturn

from classroom.world.coroutines import close, where
from classroom.world.process import Process, running

HAIR = 1e-9  # seconds by which a timer is late, as in life; exact ones made a rate limiter spin for ever
SPIN, TICK = 100_000, 0.001  # turns of the loop in less than a tick (seconds): somebody is spinning
KEPT = 10_000  # tasks; among more of them, those that have ended are let go


class Stuck(RuntimeError):
    """The run cannot go on by itself."""


class Deadlock(Stuck):
    """Every task waits, and nothing is left that could wake one."""


class OutOfTime(Stuck):
    """The run came to its time limit (virtual seconds) before the scenario ended."""


class Restless(Stuck):
    """The system makes work for itself and never comes to rest: more steps than the run was given."""


class Spinning(Stuck):
    """The clock stands still while tasks wake each other without end."""


class EndlessLoop(BaseException):
    """A step that never came back to the loop (no `except Exception` shall catch this)."""


class NoRealWorld(RuntimeError):
    """Something asked for a socket, a thread or a process of the machine from inside a simulation."""


def _refuse(what: str) -> Callable[..., Any]:
    async def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NoRealWorld(
            f"{what}: a simulated world has no real network. Use node.client(), node.queue() or "
            "node.database(), or run the scenario with live()."
        )

    return refuse


class VirtualTask(asyncio.Task):
    """A task whose place in a set follows from its number, not from its address in memory.

    asyncio keeps tasks in sets: a TaskGroup cancels them, and asyncio.wait() hands them out, in
    the order of such a set.
    """

    __slots__ = ("number",)

    def __init__(self, number: int, coroutine: Coroutine[Any, Any, Any], **options: Any) -> None:
        self.number = number
        super().__init__(coroutine, **options)

    def __hash__(self) -> int:
        return self.number


class WorldLoop(asyncio.BaseEventLoop):
    """What the loops of both worlds share: of each task they know whose it is, and for what it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: dict[asyncio.Task[Any], Process | None] = {}  # strong: nothing is collected mid-run
        self._keep = KEPT

    def later(self, seconds: float, function: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """Call `function` as the world itself, whoever asks: it outlives a crash of the asker."""
        return self.call_later(seconds, function, *args, context=contextvars.Context())

    def waiting(self) -> tuple[str, ...]:
        """For each unfinished task of a living process: who waits, and at which line of whose code."""
        lines = []
        for task, process in self.tasks.items():
            if not task.done() and process is not None and process.alive:
                lines.append(f"{process.name}: {where(task)}")
        return tuple(dict.fromkeys(lines))

    def bury(self) -> None:
        """Close what is left. Nothing that it still does can be seen: every process is dead by now."""
        for process in self.tasks.values():
            if process is not None:
                process.alive = False
        asyncio._set_running_loop(self)  # or who catches all and sleeps again would never come to wait
        try:
            for _ in range(3):  # a `finally` may start tasks, and their `finally` too
                tasks, self.tasks = self.tasks, {}
                for task in tasks:
                    close(task)
        finally:
            asyncio._set_running_loop(None)
        self._ready.clear()  # type: ignore[attr-defined]
        self.close()

    def _remember(self, task: asyncio.Task[Any], context: contextvars.Context | None) -> None:
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.tasks[task] = running.get() if context is None else context.get(running)
        if len(self.tasks) > self._keep:  # who ended, and lost no exception, needs no keeping
            self.tasks = {
                task: process
                for task, process in self.tasks.items()
                if not task.done() or task._log_traceback
            }
            self._keep = KEPT + 2 * len(self.tasks)


class VirtualLoop(WorldLoop):
    """limit: virtual seconds; most_steps: of tasks and callbacks; shuffle: a Random that permutes the
    tasks that are ready, or None."""

    def __init__(self, *, limit: float, most_steps: float, shuffle: Random | None = None) -> None:
        super().__init__()
        self.limit = limit
        self.most_steps = most_steps
        self.shuffle = shuffle
        self.steps = 0
        self.stop_with: BaseException | None = None  # set by the watchdog, or by the world
        self.on_exit: Callable[[Process, SystemExit], bool] = lambda process, error: False  # after sys.exit()
        self._born = 0  # tasks so far
        self._generators: list[Any] = []
        self._clock = 0.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []  # a heap; equal times go by number
        self._timed = 0  # timers so far
        self._turns, self._turns_since = 0, 0.0  # since when (seconds) they are counted

    # ---- what asyncio asks of a loop -------------------------------------------------

    def time(self) -> float:
        return self._clock

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, context: contextvars.Context | None = None, **options: Any
    ) -> asyncio.Task[Any]:
        self._check_closed()  # type: ignore[attr-defined]
        self._born += 1
        if options.get("name") is None:
            options["name"] = f"Task-{self._born}"  # asyncio's own numbers go on from run to run
        task = VirtualTask(self._born, coro, loop=self, context=context, **options)
        self._remember(task, context)
        return task

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        self._check_closed()  # type: ignore[attr-defined]
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._timed += 1
        heapq.heappush(self._timers, (when, self._timed, timer))
        return timer

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Runs `func` here and now: a thread would run on the wall clock."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    create_connection = _refuse("a connection")
    create_server = _refuse("a server")
    create_datagram_endpoint = _refuse("a socket")
    getaddrinfo = _refuse("a look-up of an address")
    create_unix_connection = _refuse("a connection")
    create_unix_server = _refuse("a server")
    subprocess_exec = _refuse("a subprocess")
    subprocess_shell = _refuse("a subprocess")

    def _asyncgen_firstiter_hook(self, agen: Any) -> None:
        self._generators.append(agen)  # kept, so that no collection of garbage closes it mid-run

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _process_events(self, event_list: Any) -> None:
        pass

    # ---- the virtual clock -----------------------------------------------------------

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            self._jump()
        self._notice_spinning()
        timers = self._timers
        while timers and timers[0][0] <= self._clock:
            ready.append(heapq.heappop(timers)[2])
        batch = list(ready)
        ready.clear()
        for handle in self._shuffled(batch) if self.shuffle else batch:
            if handle._cancelled:
                continue
            process = handle._context.get(running)
            if process is not None:
                if not process.alive:
                    continue
                if process.paused:
                    process.held.append(handle)
                    continue
            self.steps += 1
            try:
                handle._run()
            except SystemExit as error:
                if process is None or not self.on_exit(process, error):
                    raise
            if self.stop_with is not None:
                raise self.stop_with
        if self.steps > self.most_steps:
            raise Restless(
                f"{self.steps:,} steps within {self._clock:.1f} s, and no end in sight: does something that "
                "is done start itself again, such as a message that is sent anew whenever it is handled?"
            )

    def _jump(self) -> None:
        timers = self._timers
        while timers and (timers[0][2].cancelled() or _is_dead(timers[0][2])):
            heapq.heappop(timers)
        if not timers:
            raise Deadlock(
                f"t={self._clock:.3f} s: every task waits for ever. A call without a timeout? "
                "A queue or an event that nobody will fill or set?"
            )
        if timers[0][0] > self.limit:
            raise OutOfTime(
                f"the scenario was still running at its limit of {self.limit:g} s. "
                "Does a loop in it never end? Otherwise give simulate(..., limit=) more seconds."
            )
        self._clock = max(self._clock, timers[0][0]) + HAIR

    def _notice_spinning(self) -> None:
        self._turns += 1
        if self._clock - self._turns_since >= TICK:
            self._turns, self._turns_since = 0, self._clock
        elif self._turns > SPIN:
            raise Spinning(
                f"{SPIN:,} turns of the loop at t={self._clock:.3f} s and the clock hardly moved: "
                "a `while` around `await asyncio.sleep(0)`? Wait for a time or for an event."
            )

    def _shuffled(self, batch: list[Any]) -> list[Any]:
        """Permutes the steps of tasks; other callbacks keep their places."""
        assert self.shuffle is not None
        owners = (getattr(handle._callback, "__self__", None) for handle in batch)
        places = [place for place, owner in enumerate(owners) if isinstance(owner, asyncio.Task)]
        moved = self.shuffle.sample([batch[place] for place in places], len(places))
        for place, handle in zip(places, moved, strict=True):
            batch[place] = handle
        return batch

    # ---- for the world ---------------------------------------------------------------

    def resume(self, process: Process) -> None:
        """Let the steps go on that were held back by a pause, in their order."""
        self._ready.extend(process.held)  # type: ignore[attr-defined]
        process.held.clear()

    def bury(self) -> None:
        super().bury()
        self._timers.clear()


def _is_dead(handle: Any) -> bool:
    process = handle._context.get(running)
    return process is not None and not process.alive
