"""Effects: the moments at which a crash changes what the world can see.

Idea      Between two effects of a process (a durable write, a message sent or received) nothing
          happens that outlives it, so a crash need only be tried before and after each of them.
          Every effect of a node has a number, counted from 1 over the whole run, and a fault may
          be aimed at it: Crash("orders", before=3).
Not here  What crash and pause do (simulated.py); the sweep over all effects (adversary.py).
Source    The idea of crash points: ALICE (Pillai et al., OSDI 2014), CrashMonkey (OSDI 2018).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from classroom.world.faults import Crash, Fault, Pause
from classroom.world.process import Process


@dataclass(frozen=True, slots=True)
class Effect:
    """`number`: counted for each node from 1; `what`: in words; `at`: seconds since the run began."""

    node: str
    number: int
    what: str
    at: float


class Effects:
    """Counts the effects of each node, and strikes where a fault was aimed."""

    def __init__(self, faults: Iterable[Fault], strike: Callable[[Fault, Process], None]) -> None:
        self.log: list[Effect] = []
        self._count: Counter[str] = Counter()
        self._strike = strike
        self._aimed: dict[tuple[str, str, int], list[Fault]] = {}
        for fault in faults:
            if isinstance(fault, Crash | Pause):
                for when, number in (("before", fault.before), ("after", fault.after)):
                    if number is not None:
                        self._aimed.setdefault((fault.node, when, number), []).append(fault)

    async def before(self, process: Process, what: str) -> int:
        """The effect is about to happen. Returns its number; after a crash it never returns."""
        if not process.alive:
            await never()
        self._count[process.name] += 1
        number = self._count[process.name]
        self.log.append(Effect(process.name, number, what, round(asyncio.get_running_loop().time(), 6)))
        if self._aimed:
            await self._reach(process, "before", number)
        return number

    async def after(self, process: Process, number: int) -> None:
        """The effect has happened."""
        if self._aimed:
            await self._reach(process, "after", number)

    async def _reach(self, process: Process, when: str, number: int) -> None:
        for fault in self._aimed.pop((process.name, when, number), ()):
            self._strike(fault, process)
            if not process.alive:
                await never()
            await asyncio.sleep(0)  # a paused process stops here: its next step is held back


async def never() -> None:
    """Waits for ever: the place where the code of a dead process ends."""
    await asyncio.get_running_loop().create_future()
