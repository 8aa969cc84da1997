"""The journal: what the broker knows, as facts in one file, each frame under a checksum.

Idea      Whatever must outlive the process is written down as a fact before anybody is told of it.
          Facts that come in while the disk is busy are written together (group commit), so
          a hundred senders that wait cost one write. Memory is only the journal, read.
Frame     4 bytes of mark, 4 of length, 4 of CRC-32, then JSON: a list of facts, and first the
          time of writing. Whatever a crash leaves of the last frame does not fit its checksum.
Reading   A frame that is not whole is skipped, up to the next mark. If nothing whole follows, it
          is a torn tail, and cut: nobody was told of it. Else it is damage, and stays as evidence;
          what it said is lost, what others say is not. Reading never fails for what it finds.
Full disk The write fails, those who waited for it are told (StorageFailed), and what was not written
          is forgotten: the broker reads its memory anew from the file (on_failure).
Compact   When the file holds more than twice what is still true, and a bit, the facts that make the
          present are written to a new file, which takes the old one's place in one step.
Not here  Which facts there are (queue_facts.py, log_facts.py), the file (storage.py).
Source    SQLite, "WAL-mode File Format": frames, each valid only if its checksum fits. Group commit:
          Gawlick and Kinkade, "Varieties of Concurrency Control in IMS/VS Fast Path", 1985.
"""

import asyncio
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from minibroker.errors import StorageFailed
from minibroker.storage import Storage

Fact = list[Any]

MARK = b"\x1eMB\x1e"  # JSON text holds no such byte, so that it cannot be met within a frame's own
_HEADER = struct.Struct(">4sII")
SLACK = 10_000  # facts that are no longer true are no matter below this number
THINGS_A_FRAME = 1_000  # that the facts in a frame of a compacted file speak of


def frame(facts: list[Fact], *, now: float) -> bytes:
    """One frame, ready to be written at `now` (seconds)."""
    payload = _to_json([now, *facts]).encode("utf-8", "surrogatepass")  # half a pair is a str, too
    return _HEADER.pack(MARK, len(payload), _checksum(payload)) + payload


def _checksum(payload: bytes) -> int:
    return zlib.crc32(payload, len(payload))  # begun with the length, or 0 bytes would fit a checksum of 0


def _plain(value: Any) -> Any:
    """What JSON does not know: the record of a death, and the one empty mapping of headers."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else dict(value)


# Made once, since a frame is written for each turn of the loop. What is in a fact was copied or checked when
# it came in, so it has no circles to look for.
_to_json = json.JSONEncoder(
    default=_plain, separators=(",", ":"), allow_nan=False, check_circular=False, ensure_ascii=False
).encode


def weight(fact: Fact) -> int:
    """How many things it speaks of: as many as the list at its end has, or one."""
    return len(fact[-1]) if type(fact[-1]) is list else 1


@dataclass(slots=True)
class Found:
    """What reading a journal met. Sizes and places in bytes."""

    frames: int = 0
    facts: int = 0
    at: float = 0.0  # the time of the last frame, seconds on the broker's clock
    end: int = 0  # where the last whole frame ends
    damaged: tuple[tuple[int, int], ...] = ()  # (place, size) of what was skipped
    torn: int = 0  # size of what was cut from the end
    unknown: int = 0  # facts about what a damaged frame had said, and that was therefore not known

    def __str__(self) -> str:
        said = [f"{self.facts:,} facts in {self.frames:,} frames, up to t={self.at:.3f}s"]
        if self.torn:
            said.append(f"left out {self.torn:,} bytes of an unfinished frame, of which nobody had been told")
        for place, size in self.damaged:
            said.append(f"DAMAGED at byte {place:,}: {size:,} bytes fit no checksum; what they said is lost")
        if self.unknown:
            said.append(f"left out {self.unknown:,} facts that need something of the damaged part")
        return "; ".join(said)


def read(data: Any, found: Found) -> Iterator[Fact]:
    """The facts of all whole frames in `data` (bytes, or a map of a file), in order. Fills `found`."""
    place, damaged, size = 0, [], len(data)
    while place < size:
        payload = _payload_at(data, place, size)
        if payload is None:
            following = data.find(MARK, place + 1)
            while following != -1 and _payload_at(data, following, size) is None:
                following = data.find(MARK, following + 1)
            if following == -1:
                break
            damaged.append((place, following - place))
            place = following
            continue
        found.at, *facts = json.loads(payload)
        yield from facts
        found.frames += 1
        found.facts += len(facts)
        place += _HEADER.size + len(payload)
    found.end, found.torn, found.damaged = place, size - place, tuple(damaged)


def _payload_at(data: Any, place: int, size: int) -> bytes | None:
    """The payload of the frame that begins at `place`; None if no whole one does."""
    start = place + _HEADER.size
    if start > size:
        return None
    mark, length, checksum = _HEADER.unpack(data[place:start])
    if mark != MARK or start + length > size:
        return None
    payload = bytes(data[start : start + length])
    return payload if _checksum(payload) == checksum else None


class Journal:
    """Facts go in by write(), and are safe when written() returns.

    storage      where the frames are kept
    clock        seconds, for the frames
    everything   the facts that make the present, and no more: for a compaction
    things       how many messages and records there are, which says whether that is worth it
    on_failure   called when a write failed; the broker then forgets what was not written
    """

    def __init__(
        self,
        storage: Storage,
        *,
        clock: Callable[[], float],
        everything: Callable[[], Iterable[Fact]],
        things: Callable[[], int],
        on_failure: Callable[[], None],
    ) -> None:
        self.storage = storage
        self._clock = clock
        self._everything = everything
        self._things = things
        self._on_failure = on_failure
        self._pending: list[Fact] = []
        self._waiting: list[asyncio.Future[None]] = []  # for what is pending
        self._being_written: list[asyncio.Future[None]] = []  # for what is on its way to the disk
        self._writer: asyncio.Task[None] | None = None
        self._weight = 0  # things that facts in the file speak of
        self._compact_at = 2 * SLACK
        self._failed = 0  # bytes of the frame that could not be written; 0: all is well

    def write(self, fact: Fact) -> None:
        """Write `fact` down soon. A fact about many things has the list of them at its end."""
        self._pending.append(fact)
        self._weight += weight(fact)
        if self._writer is None:
            self._start()

    async def written(self) -> None:
        """Return when all that was written down so far is safe. StorageFailed if it could not be."""
        if self._writer is None and self._pending:
            self._start()
        if self._writer is None:
            return
        waiter = asyncio.get_running_loop().create_future()
        (self._waiting if self._pending else self._being_written).append(waiter)
        await waiter

    def read(self, found: Found) -> Iterator[Fact]:
        """All facts that are in the file, one by one; fills `found`. At the end a torn tail is cut."""
        self._weight = 0
        for fact in read(self.storage.read(), found):
            self._weight += weight(fact)
            yield fact
        if found.torn:
            self.storage.cut(found.end)

    def _is_mostly_past(self) -> bool:
        """Does the file speak of more than twice the things that there are, and a bit?"""
        if self._weight < self._compact_at:
            return False
        self._compact_at = 2 * (self._things() + SLACK)
        return self._weight >= self._compact_at

    def check(self) -> None:
        """StorageFailed, if a write failed and would fail still: so much is tried. No memory is changed."""
        if not self._failed:
            return
        try:
            self.storage.try_to_hold(self._failed)
        except OSError as error:
            raise StorageFailed.because(error, self.storage.name) from None
        self._failed = 0

    def close(self) -> None:
        """Write what is pending, now, and let go of the file."""
        if self._writer is not None:
            self._writer.cancel()
            self._writer = None
        facts, self._pending = self._pending, []
        try:
            if facts:
                self.storage.append_now(frame(facts, now=self._clock()))
        finally:
            self.storage.close()

    # -- the writer: one task while there is something to write ------------------------------------------

    def _start(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # made outside of a loop: the first operation inside of one writes it, or close()
        self._writer = loop.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._pending:
                facts, self._pending = self._pending, []
                self._being_written, self._waiting = self._waiting, []
                try:
                    await self._put(facts)
                except Exception as error:
                    self._fail(error)
                    return
                for waiter in self._being_written:
                    if not waiter.done():
                        waiter.set_result(None)
        finally:
            self._writer = None

    async def _put(self, facts: list[Fact]) -> None:
        """Append a frame; or, if the file has become too long for what is true, write that anew."""
        now = self._clock()
        if self._is_mostly_past():
            present = list(self._everything())  # what it says includes `facts`
            try:
                await self.storage.replace(_frames(present, now))
            except OSError:
                self._compact_at *= 2  # the old file is as it was; try again later
            else:
                self._weight = sum(map(weight, present))
                return
        data = frame(facts, now=now)
        try:
            await self.storage.append(data)
        except OSError:
            self._failed = len(data)
            raise

    def _fail(self, error: Exception) -> None:
        waiting = [*self._being_written, *self._waiting]
        self._pending, self._waiting, self._being_written = [], [], []
        self._on_failure()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_exception(StorageFailed.because(error, self.storage.name))


def _frames(facts: list[Fact], now: float) -> Iterator[bytes]:
    some, things = list[Fact](), 0
    for fact in facts:
        some.append(fact)
        things += weight(fact)
        if things >= THINGS_A_FRAME:
            yield frame(some, now=now)
            some, things = [], 0
    if some:
        yield frame(some, now=now)
