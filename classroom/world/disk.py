"""A disk: files that only grow, outlive their services, and may keep a part of what was being written.

Idea      Adding to a file is one effect. Whoever dies before it is done leaves a torn tail, some of
          the first bytes of it, how many by the run's seed. So a journal's recovery is tried wherever
          its writer is made to crash, with nothing of its own.
Full      `FullDisk("broker", at=2, lasts=5)`: the disk of that node takes nothing more for a while.
Not here  Databases (storage.py). What is in the file (minibroker.journal).
Source    minibroker.storage.Storage, which this is for a simulated machine. ALICE (Pillai et al., OSDI
          2014) for what file systems leave of an append that a crash cut short.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterable
from random import Random

from classroom.world.effects import Effects, never
from classroom.world.process import Process


class StoredFile:
    """The bytes of one file, and what is being added to them."""

    def __init__(self, name: str, rng: Callable[[str], Random]) -> None:
        self.name = name
        self.data = b""
        self._adding: tuple[Process, bytes] | None = None
        self._rng = rng(f"disk/{name}")

    def begin(self, process: Process, data: bytes) -> None:
        """The disk is at it: a crash of `process` leaves a part."""
        self._adding = process, data

    def end(self) -> None:
        """All of it is there."""
        assert self._adding is not None
        self.data += self._adding[1]
        self._adding = None

    def died(self, process: Process) -> None:
        if self._adding is not None and self._adding[0] is process:
            part = self._adding[1][: self._rng.randrange(len(self._adding[1]))]
            self.data, self._adding = self.data + part, None


class WorldFile:
    """What a node holds of a file: a minibroker.storage.Storage.

    is_full() says whether the disk takes nothing at present; `write_takes` seconds is each write.
    """

    def __init__(
        self,
        stored: StoredFile,
        process: Process,
        effects: Effects,
        record: Callable[..., None],
        *,
        write_takes: float,
        is_full: Callable[[], bool],
    ) -> None:
        self.name = f"the file {stored.name!r}"
        self._stored = stored
        self._process = process
        self._effects = effects
        self._record = record
        self._write_takes = write_takes
        self._is_full = is_full

    def read(self) -> bytes:
        return self._stored.data

    async def append(self, data: bytes) -> None:
        self._stored.begin(self._process, data)
        effect = await self._effects.before(self._process, f"write {self._stored.name}")
        await asyncio.sleep(self._write_takes)
        await self._stay_alive()
        self.try_to_hold(len(data))
        self._stored.end()
        self._record("written", file=self._stored.name, bytes=len(data))
        await self._effects.after(self._process, effect)

    def append_now(self, data: bytes) -> None:
        self.try_to_hold(len(data))
        self._stored.data += data

    def cut(self, size: int) -> None:
        self._stored.data = self._stored.data[:size]

    def try_to_hold(self, size: int) -> None:
        if self._is_full():
            raise OSError(errno.ENOSPC, "No space left on device")

    async def replace(self, frames: Iterable[bytes]) -> None:
        data = b"".join(frames)
        effect = await self._effects.before(self._process, f"replace {self._stored.name}")
        await asyncio.sleep(self._write_takes)
        await self._stay_alive()
        self.try_to_hold(len(data))
        self._stored.data = data
        self._record("replaced", file=self._stored.name, bytes=len(data))
        await self._effects.after(self._process, effect)

    def close(self) -> None:
        """Nothing to let go of: the disk is the world's."""

    async def _stay_alive(self) -> None:
        if not self._process.alive:
            await never()
