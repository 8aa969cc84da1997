"""Where a journal lies: a file that grows at its end.

Idea      A few operations are all that a journal asks of a disk, so that it may be a folder of this
          machine (FileStorage), or a simulated disk that loses power in the middle of a write.
fsync     True: a write is answered when the device says that it has it; it survives a power cut.
          False: when the operating system has it; it survives kill -9 of this process, and a power
          cut takes the last seconds (30 by Linux's defaults).
All or    An append that fails leaves the file as it was before: what came of it is cut off again. So
nothing   after a failed fsync, too, nothing is believed that was not written anew.
Lock      One broker a folder. The lock is the operating system's and goes with the process, however
          it ends: no stale lock file has to be removed by hand.
Not here  What the bytes mean (journal.py).
Source    fsync(2), flock(2); sqlite.org, "Atomic Commit In SQLite"; "PostgreSQL's fsync() surprise",
          LWN, 2018, for why a failed fsync is not tried again on the same pages.
"""

import asyncio
import mmap
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from minibroker.errors import StorageInUse


class Storage(Protocol):
    """What a journal asks of a disk. Each may raise OSError, and then has changed nothing."""

    name: str  # for people

    def read(self) -> Any:
        """All of it: bytes, or what can be cut and searched like bytes."""
        ...

    async def append(self, data: bytes) -> None:
        """Add `data` at the end; it is safe when this returns."""
        ...

    def append_now(self, data: bytes) -> None:
        """The same, without letting others go on meanwhile: for the last words."""
        ...

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes."""
        ...

    def try_to_hold(self, size: int) -> None:
        """Would an append of `size` bytes succeed? OSError if not; nothing is kept of the trial."""
        ...

    async def replace(self, frames: Iterable[bytes]) -> None:
        """Let these be the whole content, in one step: at any moment there is the old one or the new."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class FileStorage:
    """The file `journal` in the folder `path`, which is made if it is not there; and `lock` beside it.

    StorageInUse if another broker, in this process or another one, has the folder.
    """

    def __init__(self, path: str | os.PathLike[str], *, fsync: bool = True) -> None:
        self.folder = Path(path)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file = self.folder / "journal"
        self.name = str(self.file)
        self._fsync = fsync
        self._lock_file = _locked(self.folder)
        self._busy = threading.RLock()  # an append that was cancelled may still be at it, in its thread
        (self.folder / "journal.new").unlink(missing_ok=True)  # a compaction that a crash cut short
        self._fd = self._open(self.file)
        self._size = os.lseek(self._fd, 0, os.SEEK_END)
        if fsync:
            self._sync_folder()

    def read(self) -> Any:
        if self._size == 0:
            return b""
        return mmap.mmap(self._fd, self._size, access=mmap.ACCESS_READ)

    async def append(self, data: bytes) -> None:
        if self._fsync:
            await asyncio.to_thread(self.append_now, data)  # others can go on while the device works
        else:
            self.append_now(data)

    def append_now(self, data: bytes) -> None:
        with self._busy:
            try:
                _write_all(self._fd, data)
                if self._fsync:
                    os.fsync(self._fd)
            except OSError:
                self.cut(self._size)
                raise
            self._size += len(data)

    def cut(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, size, os.SEEK_SET)
        self._size = size

    def try_to_hold(self, size: int) -> None:
        with self._busy:
            before = self._size
            self.append_now(bytes(size))
            self.cut(before)

    async def replace(self, frames: Iterable[bytes]) -> None:
        await asyncio.to_thread(self._replace, frames)

    def _replace(self, frames: Iterable[bytes]) -> None:
        new = self.folder / "journal.new"
        with self._busy:
            try:
                size = self._write_new(new, frames)
                os.close(self._fd)  # Windows does not rename over a file that is open
                try:
                    new.replace(self.file)
                finally:
                    self._fd = self._open(self.file)
                self._size = size
            except OSError:
                new.unlink(missing_ok=True)
                raise
            finally:
                os.lseek(self._fd, self._size, os.SEEK_SET)
            if self._fsync:
                self._sync_folder()

    def _write_new(self, path: Path, frames: Iterable[bytes]) -> int:
        fd = self._open(path)
        try:
            size = 0
            for data in frames:
                _write_all(fd, data)
                size += len(data)
            os.fsync(fd)  # whatever the policy: the old file goes when the new one has its name
            return size
        finally:
            os.close(fd)

    def close(self) -> None:
        with self._busy:
            os.close(self._fd)
            self._lock_file.close()

    @staticmethod
    def _open(path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)

    def _sync_folder(self) -> None:
        """A new name is safe when the folder is. (Windows has no such call, and keeps names safe itself.)"""
        if sys.platform == "win32":
            return
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    """os.write may write a part; go on until it is all, or fails."""
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _locked(folder: Path) -> Any:
    """The lock of this folder, held until the returned file is closed or the process ends."""
    file = (folder / "lock").open("a+")  # it stays open
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StorageInUse(
            f"another broker has {str(folder)!r} open. Stop that one first, or give this one another path"
        ) from None
    return file
