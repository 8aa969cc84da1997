"""The live world: the same inhabitants as in the simulated one, on the wall clock and over real sockets.

Idea      A World whose loop waits in earnest and whose network is HTTP on 127.0.0.1. All else is
          the World's own code: nodes, storage, chance, start and restart, what is written down.
Not here  Faults, pauses and partitions: only a simulated clock and network can do those. Sockets
          (live_network.py); the thread and the Run (live.py).
Mind      A crash here is close to kill -9, and not equal to it. Equal: the port is closed and
          connections break at once, what was not committed is undone, memory is lost. Not equal: a
          real process stops, while the code of this one computes on until it next asks its node
          for something, and gets no answer to that. So nothing that it does any more is stored,
          sent or recorded, but a global variable, a file or a print is reached all the same.
"""

import asyncio
import contextlib
import contextvars
import math
import threading
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn

from classroom.world import asgi
from classroom.world.effects import Effects, never
from classroom.world.history import Event, plain
from classroom.world.loop import WorldLoop
from classroom.world.process import Process
from classroom.world.world import World

if TYPE_CHECKING:
    from classroom.world.live_network import LiveNetwork

BEAT = 0.1  # seconds between two signs of life of the loop
GOODBYE = 1.0  # seconds that all apps together may take to shut down
ROUNDS, ROUND = 5, 0.2  # of cancellation, and seconds for each: a task may clean up, and a task may refuse


class OnlySimulated(NotImplementedError):
    """Asked of a live world what only a simulated one can do."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs a simulated clock and network: run this scenario with simulate()")


class RealLoop(WorldLoop, asyncio.SelectorEventLoop):
    """An ordinary loop that counts its time from the beginning of the run, as the simulated one does.

    A selector's on every system, Windows too, so that sockets behave alike.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stop_with: BaseException | None = None
        super().__init__()
        self.steps = 0  # signs of life, for the watchdog: a loop that waits takes no steps, yet is well
        self.stopped = asyncio.Event()
        self.on_exit: Callable[[Process, SystemExit], bool] = lambda process, error: False  # after sys.exit()

    def time(self) -> float:
        return time.monotonic() - self._began

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], *, context: contextvars.Context | None = None, **options: Any
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = super().create_task(coro, context=context, **options)
        self._remember(task, context)
        return task

    def beat(self) -> None:
        """Show life from now on."""
        self.steps += 1
        self.later(BEAT, self.beat)

    @property
    def stop_with(self) -> BaseException | None:
        """Why the run is broken off. Set by the watchdog, from its own thread."""
        return self._stop_with

    @stop_with.setter
    def stop_with(self, reason: BaseException) -> None:
        self._stop_with = reason
        with contextlib.suppress(RuntimeError):  # the loop is closed: the run has ended by itself
            self.call_soon_threadsafe(self.stopped.set)

    def run_through(self, main: asyncio.Task[Any]) -> None:
        """Run until `main` is done, though a service calls sys.exit(), which by itself ends a loop."""
        while not main.done():
            try:
                self.run_until_complete(main)
            except SystemExit as error:
                process = self._whose(error)
                if process is None or (process.alive and not self.on_exit(process, error)):
                    raise

    def _whose(self, error: BaseException) -> Process | None:
        """The process whose task ended with `error`."""
        for task, process in self.tasks.items():
            if task.done() and task._exception is error:  # task.exception() would mark it as seen
                return process
        return None


class _Uncounted(Effects):
    """Where no fault can be aimed, effects need no numbers. The dead still have none."""

    def __init__(self) -> None:
        super().__init__((), lambda fault, process: None)

    async def before(self, process: Process, what: str) -> int:
        if not process.alive:
            await never()
        return 0


class LiveWorld(World):
    """What a scenario holds. Times are seconds since the run began, on the wall clock."""

    loop: RealLoop  # type: ignore[assignment]
    network: "LiveNetwork"  # type: ignore[assignment]
    write_takes = 0.0  # a commit takes as long as it takes

    def __init__(self, loop: Any, *, seed: int) -> None:
        super().__init__(loop, seed=seed, faults=())
        from classroom.world.live_network import LiveNetwork  # here, since it imports httpx and uvicorn

        self.effects = _Uncounted()
        self.network = LiveNetwork(loop, self, record=self.write)
        self._one_writer = threading.Lock()  # `def` endpoints of FastAPI run in threads, and record too
        self._over = False
        self._survivors: list[Process] = []  # whose apps are asked to shut down at the end

    # ---- for a scenario --------------------------------------------------------------

    def crash(self, name: str, *, down: float | None = None) -> None:
        """As kill -9, but for what this file's header says. down: seconds until it starts again."""
        super().crash(name, down=down)

    def url(self, name: str) -> str:
        """Where a service listens, for a browser or for curl: such a caller is "outside" in the history."""
        return self.network.url_of(self.find(name).process)

    def pause(self, name: str, *, lasts: float) -> NoReturn:
        """Raises OnlySimulated."""
        raise OnlySimulated(f"pause({name!r})")

    def partition(self, a: str, b: str, *, lasts: float = math.inf, one_way: bool = False) -> NoReturn:
        """Raises OnlySimulated."""
        raise OnlySimulated(f"partition({a!r}, {b!r})")

    # ---- for nodes, network and storage ----------------------------------------------

    def write(self, node: str, kind: str, /, **data: Any) -> None:
        values = plain(data)
        with self._one_writer:
            if not self._over:
                at = round(self.loop.time(), 6)
                self.history.append(Event(len(self.history), at, node, kind, values))

    def is_over(self) -> None:
        self._survivors = [process for process in self._lifespans if process.alive]
        super().is_over()
        with self._one_writer:
            self._over = True

    # ---- life and death --------------------------------------------------------------

    def _serve(self, process: Process, app: asgi.App) -> None:
        super()._serve(process, app)
        serve = self.find(process.name).serve
        assert serve is not None
        self.network.listen(process, serve)

    def _restart_if_down(self, name: str) -> None:
        if not self._over:
            super()._restart_if_down(name)

    def shut_down(self) -> None:
        try:
            self.loop.run_through(self.loop.create_task(self._close()))
        finally:
            self.loop.bury()

    async def _close(self) -> None:
        """Servers, connections, apps, tasks, in this order. Nothing of it is recorded any more."""
        lifespans = [self._lifespans[process] for process in self._survivors]
        await self.network.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                for lifespan in lifespans:
                    lifespan.stop()
                for lifespan in lifespans:
                    await lifespan.over.wait()
        for _ in range(ROUNDS):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if not others:
                break
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=ROUND)
        await self.loop.shutdown_asyncgens()
