"""The simulated world: who lives in it, and what befalls them.

Idea      A scenario is ``async def scenario(world)``: it starts services, acts as their clients,
          lets time pass. Faults strike by themselves, at their time or at their effect; the
          scenario may also crash, pause or cut by hand.
Not here  The loop, the thread and the Run (simulated.py); what travels (network.py).
"""

import asyncio
import inspect
import math
import re
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from classroom.world import asgi, patches
from classroom.world.disk import StoredFile
from classroom.world.effects import Effects
from classroom.world.faults import (
    ANY,
    Crash,
    Delay,
    Drop,
    Duplicate,
    ErrorRate,
    Fault,
    FullDisk,
    Partition,
    Pause,
    Slow,
    seconds,
)
from classroom.world.history import Event, plain
from classroom.world.loop import VirtualLoop
from classroom.world.network import Listener, Network, Reply, Request
from classroom.world.node import WorldNode
from classroom.world.process import Process
from classroom.world.storage import WRITE_TAKES, Stored

if TYPE_CHECKING:
    import httpx

    from services.node import Factory


HOST = re.compile(r"(?!world$|scenario$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


class NoSuchService(LookupError):
    """A name that no service of this world has."""


class World:
    """What a scenario holds. Times are seconds since the run began."""

    write_takes = WRITE_TAKES

    def __init__(self, loop: VirtualLoop, *, seed: int, faults: tuple[Fault, ...]) -> None:
        self.loop = loop
        self.seed = seed
        self.faults = faults
        self.history: list[Event] = []
        self.stored: dict[str, Stored] = {}
        self._files: dict[str, StoredFile] = {}
        self.effects = Effects(faults, self._strike)
        self.network = Network(
            loop, self, self.effects, faults=faults, rng=self.random_stream, record=self.write
        )
        self._factories: dict[str, Factory] = {}
        self._listeners: dict[str, Listener] = {}
        self._clients: dict[str, Process] = {}
        self._lifespans: dict[Process, asgi.Lifespan] = {}
        self._by_hand: list[Partition] = []
        for fault in faults:
            self._schedule(fault)

    # ---- for a scenario --------------------------------------------------------------

    def start(self, name: str, factory: "Factory") -> None:
        """Start a service: a factory from a node to an ASGI app, or ``async def worker(node)``."""
        if not HOST.fullmatch(name):
            raise ValueError(
                f"a service's name is a host name: small letters, digits, '-', '_' and '.'; got {name!r}"
            )
        if name in self._clients:
            raise ValueError(f"{name!r} is a client already; give the service another name")
        if name in self._listeners:
            raise ValueError(f"{name!r} is running already; running: {self._names()}")
        self._factories[name] = factory
        self._begin(name, incarnation=1)

    def client(self, name: str = "client", *, timeout: float | None = 5.0) -> "httpx.AsyncClient":
        """An HTTP client that acts as `name`, somebody outside of the system."""
        return self.node(name).client(timeout=timeout)

    def node(self, name: str) -> WorldNode:
        """A node for somebody outside of the system: its client, queue, rng, record."""
        if name in self._listeners:
            raise ValueError(f"{name!r} is a service; a scenario acts as somebody else, such as 'ada'")
        process = self._clients.setdefault(name, Process(name))
        return WorldNode(self, process)

    async def run_for(self, seconds: float) -> None:
        """Let time pass."""
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise ValueError(f"run_for takes seconds, from 0 up; got {seconds!r}")
        await asyncio.sleep(seconds)

    def now(self) -> float:
        return self.loop.time()

    def record(self, kind: str, /, **data: object) -> None:
        """Write one event into the history, in the world's own name."""
        self.write("world", kind, **data)

    def crash(self, name: str, *, down: float | None = None) -> None:
        """kill -9. down: seconds until it starts again; None leaves it down until restart()."""
        process = self.find(name).process
        if down is not None:
            seconds("crash", down=down)
        if not process.alive:
            return  # nobody dies twice
        self.write(name, "crash", incarnation=process.incarnation, down=down)
        self._end(process)
        if down is not None:
            self.loop.later(down, self._restart_if_down, name)

    def restart(self, name: str) -> None:
        """Start a service that is down; what it had in memory is gone."""
        process = self.find(name).process
        if process.alive:
            raise ValueError(f"{name!r} is running; crash it first")
        self._begin(name, incarnation=process.incarnation + 1)

    def pause(self, name: str, *, lasts: float) -> None:
        """The process stands still for `lasts` seconds."""
        process = self.find(name).process
        seconds("pause", for_ever=True, lasts=lasts)
        if process.alive and not process.paused:
            process.paused = True
            self.write(name, "pause", lasts=lasts)
            self.loop.later(lasts, self._resume, process)

    def partition(self, a: str, b: str, *, lasts: float = math.inf, one_way: bool = False) -> None:
        """Cut the network between two nodes, from now on."""
        partition = Partition(a, b, at=self.now(), lasts=lasts, one_way=one_way)
        self._by_hand.append(partition)
        self._cut(partition)

    # ---- for nodes, network and storage ----------------------------------------------

    def write(self, node: str, kind: str, /, **data: Any) -> None:
        at = round(self.loop.time(), 6)
        self.history.append(Event(len(self.history), at, node, kind, plain(data)))

    def random_stream(self, label: str) -> Random:
        return Random(f"{self.seed}/{label}")  # seeding by text is the same on every machine

    def find(self, name: str) -> Listener:
        try:
            return self._listeners[name]
        except KeyError:
            raise NoSuchService(f"no service {name!r}; running: {self._names()}") from None

    def database(self, name: str) -> Stored:
        if name not in self.stored:
            self.stored[name] = Stored(name)
        return self.stored[name]

    def file(self, name: str) -> StoredFile:
        """A file by the name of its node and its own: "broker/journal"."""
        if name not in self._files:
            self._files[name] = StoredFile(name, self.random_stream)
        return self._files[name]

    def disk_is_full(self, node: str) -> bool:
        """Does the disk of that node take nothing at present?"""
        full = (fault for fault in self.faults if isinstance(fault, FullDisk) and fault.node == node)
        return any(fault.at <= self.now() < fault.at + fault.lasts for fault in full)

    def is_over(self) -> None:
        """The run has ended: from here on nobody can do anything."""
        for process in [listener.process for listener in self._listeners.values()] + list(
            self._clients.values()
        ):
            process.alive = False

    def shut_down(self) -> None:
        """After the end, from outside of the loop: leave nothing behind."""
        self.loop.bury()

    def exited(self, process: Process, error: SystemExit) -> bool:
        """sys.exit() ends the process that called it, and not the run. False: it was no service."""
        listener = self._listeners.get(process.name)
        if listener is None or listener.process is not process:
            return False
        self._exit(process, error)
        return True

    def check_aims(self) -> None:
        """A fault aimed at a name that never was is a slip of the pen; say so."""
        known = {*self._listeners, *self._clients}
        for fault in (*self.faults, *self._by_hand):
            for key in ("node", "caller", "callee", "a", "b"):
                name = getattr(fault, key, None)
                any_will_do = name == ANY and key in ("caller", "callee")
                if name is not None and name not in known and not any_will_do:
                    raise NoSuchService(f"{fault!r}: no service {name!r}; there were: {self._names()}")

    # ---- life and death --------------------------------------------------------------

    def _begin(self, name: str, *, incarnation: int) -> None:
        process = Process(name, incarnation)
        self.write(name, "start", incarnation=incarnation)
        self._listeners[name] = Listener(process, serve=None)
        built = process.run(self._factories[name], WorldNode(self, process))
        if inspect.isawaitable(built):
            self.loop.create_task(self._work(process, built), context=process.fresh_context())
        elif callable(built):
            self._serve(process, built)
        else:
            raise TypeError(
                f"{name!r}: a factory returns an ASGI app (such as a FastAPI), or is an "
                f"`async def worker(node)`; this one returned {type(built).__name__}"
            )

    def _serve(self, process: Process, app: asgi.App) -> None:
        patches.install()  # FastAPI has been imported by now, and anyio with it
        on_error = partial(self._tell_error, process)
        lifespan = asgi.Lifespan(app, partial(self._exit, process))  # as uvicorn does
        self._lifespans[process] = lifespan
        self.loop.create_task(lifespan.run(), context=process.fresh_context())

        async def serve(request: Request, **options: Any) -> Reply:
            if not lifespan.ready.done():
                await lifespan.ready
            return await asgi.call(
                app, request, host=process.name, on_error=on_error, state=lifespan.state, **options
            )

        self._listeners[process.name].serve = serve

    async def _work(self, process: Process, work: Awaitable[None]) -> None:
        error: Exception | None = None
        try:
            await work
        except Exception as escaped:
            error = escaped
        self._exit(process, error)

    def _exit(self, process: Process, error: BaseException | None) -> None:
        if process.alive:
            text = f"{type(error).__name__}: {error}" if error else None
            self.write(process.name, "exit", incarnation=process.incarnation, error=text)
            self._end(process)

    def _end(self, process: Process) -> None:
        process.alive = False
        process.held.clear()
        for stored in self.stored.values():
            stored.died(process)
        for file in self._files.values():
            file.died(process)
        self.network.died(process)

    def _restart_if_down(self, name: str) -> None:
        if not self.find(name).process.alive:
            self.restart(name)

    def _resume(self, process: Process) -> None:
        if process.alive and process.paused:
            process.paused = False
            self.write(process.name, "resume")
            self.loop.resume(process)

    def _tell_error(self, process: Process, error: BaseException) -> None:
        if process.alive:
            self.write(process.name, "error", error=f"{type(error).__name__}: {error}")

    def _names(self) -> str:
        return ", ".join(sorted(self._listeners)) or "none"

    # ---- faults ----------------------------------------------------------------------

    def _schedule(self, fault: Fault) -> None:
        match fault:
            case Crash() | Pause() if fault.at is not None:
                self.loop.later(fault.at, self._guarded, self._strike, fault)
            case Partition(at=0):
                self._cut(fault)  # now, before anybody sends
            case Partition():
                self.loop.later(fault.at, self._guarded, self._cut, fault)
            case Slow() | FullDisk() | Drop() | Duplicate() | Delay() | ErrorRate() if (
                getattr(fault, "nth", None) is None
            ):
                where = fault.node if isinstance(fault, Slow | FullDisk) else "world"
                if fault.at > 0 or math.isfinite(fault.lasts):
                    self.loop.later(fault.at, partial(self.write, where, "fault", fault=repr(fault)))
                if math.isfinite(fault.lasts):
                    over = fault.at + fault.lasts
                    self.loop.later(over, partial(self.write, where, "fault_over", fault=repr(fault)))

    def _strike(self, fault: Fault, process: Process | None = None) -> None:
        if isinstance(fault, Crash):
            self.crash(fault.node, down=fault.down)
        elif isinstance(fault, Pause):
            self.pause(fault.node, lasts=fault.lasts)

    def _cut(self, partition: Partition) -> None:
        self.network.cut(partition)
        ends = {"a": partition.a, "b": partition.b, "one_way": partition.one_way}
        self.write("world", "partition", **ends)
        if math.isfinite(partition.lasts):
            self.loop.later(partition.lasts, self._heal, partition)

    def _heal(self, partition: Partition) -> None:
        self.network.heal(partition)
        self.write("world", "heal", a=partition.a, b=partition.b, one_way=partition.one_way)

    def _guarded(self, function: Callable[..., None], *args: Any) -> None:
        """A fault that cannot strike ends the run with its reason."""
        try:
            function(*args)
        except Exception as error:
            self.loop.stop_with = error
