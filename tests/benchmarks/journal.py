"""The journal: a durable queue against SQLite's, a durable log against SQLite and raw files, and replay.

Idea      Every pair works in one folder and in one run, turn by turn, and both sides promise the same:
          what was answered survives kill -9 of the process (fsync off; litequeue has WAL with
          synchronous=NORMAL, which waits for no device either). Group commit needs somebody to share
          with: a hundred senders at once. Cost is the inverse of speed.
Not here  kill -9 itself (tests/minibroker/test_storage.py).
"""

from __future__ import annotations

import asyncio
import functools
import json
import shutil
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import litequeue

from minibroker import Broker
from minibroker.client import Queue
from tests.benchmarks.measure import Measurement, median_ratio, median_seconds
from tests.benchmarks.work_queue import bodies

MESSAGES = 1_000  # a turn
SENDERS = 100
TURNS = 9
BATCH = 100  # records of an append_many, and rows of a transaction
REPLAYED = 200_000  # records


class Folder:
    """``with Folder() as path``: gone afterwards."""

    def __enter__(self) -> Path:
        self.path = Path(tempfile.mkdtemp(prefix="journal-"))
        return self.path

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)


# -- queues ---------------------------------------------------------------------------------------------


def through_broker(texts: list[str], fsync: bool) -> None:
    async def send(queue: Queue, some: list[str]) -> None:
        for text in some:
            await queue.send(text)

    async def consume(queue: Queue, count: int) -> None:
        left = count
        while left:
            deliveries = await queue.receive(max_messages=SENDERS, wait=10)
            await asyncio.gather(*(delivery.ack() for delivery in deliveries))
            left -= len(deliveries)

    async def main(path: Path) -> None:
        async with Broker(path=path, fsync=fsync) as broker:
            queue = broker.create_queue("bench")
            senders = [send(queue, texts[n::SENDERS]) for n in range(SENDERS)]
            await asyncio.gather(*senders, consume(queue, len(texts)))

    with Folder() as path:
        asyncio.run(main(path))


def through_litequeue(texts: list[str]) -> None:
    with Folder() as path:
        queue = litequeue.LiteQueue(str(path / "queue.db"))
        for text in texts:
            queue.put(text)
        for _ in texts:
            message = queue.pop()
            queue.done(message.message_id)
        queue.close()


# -- logs -----------------------------------------------------------------------------------------------


def records(count: int) -> list[tuple[str, str]]:
    """Keys of 500 orders, values of 200 bytes."""
    return [(f"order-{number % 500}", text) for number, text in enumerate(bodies(count))]


def log_to_file(rows: list[tuple[str, str]], path: Path) -> None:
    async def main() -> None:
        async with Broker(path=path, fsync=False) as broker:
            topic = broker.create_topic("bench", partitions=8)
            for start in range(0, len(rows), BATCH):
                await topic.append_many(rows[start : start + BATCH])

    asyncio.run(main())


def log_to_file_one_by_one(rows: list[tuple[str, str]], path: Path) -> None:
    """A hundred at once, each record an append that is waited for."""

    async def main() -> None:
        async with Broker(path=path, fsync=False) as broker:
            topic = broker.create_topic("bench", partitions=8)

            async def some(own: list[tuple[str, str]]) -> None:
                for key, value in own:
                    await topic.append(key, value)

            await asyncio.gather(*(some(rows[n::SENDERS]) for n in range(SENDERS)))

    asyncio.run(main())


def log_to_sqlite(rows: list[tuple[str, str]], path: Path, *, batch: int = BATCH) -> None:
    connection = sqlite3.connect(path / "log.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE log (part INTEGER, offset INTEGER, key TEXT, value TEXT, at REAL)")
    for start in range(0, len(rows), batch):
        at = time.time()
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?)",
            [(0, start + n, key, value, at) for n, (key, value) in enumerate(rows[start : start + batch])],
        )
        connection.execute("COMMIT")
    connection.close()


def log_to_raw_files(rows: list[tuple[str, str]], path: Path, *, batch: int = BATCH) -> None:
    """A batch is a line of JSON under a checksum, and no more."""
    with (path / "raw").open("ab", buffering=0) as file:
        for start in range(0, len(rows), batch):
            data = json.dumps(rows[start : start + batch]).encode()
            file.write(len(data).to_bytes(4, "big") + zlib.crc32(data).to_bytes(4, "big") + data)


def in_a_folder(function: Callable[[list[Any], Path], None], rows: list[Any]) -> Callable[[], None]:
    def run() -> None:
        with Folder() as path:
            function(rows, path)

    return run


def replay() -> tuple[float, float]:
    """Records a second from the file into a broker, of the processor and of the wall."""
    with Folder() as path:
        log_to_file(records(REPLAYED), path)

        def start() -> None:
            broker = Broker(path=path)
            held = sum(len(partition) for partition in broker.logs.find("bench").partitions)
            assert held == REPLAYED, held
            broker.close()

        took = median_seconds(start, times=3)
    return REPLAYED / took.cpu, REPLAYED / took.wall


def measure() -> list[Measurement]:
    texts, rows = bodies(MESSAGES), records(10 * MESSAGES)
    found = []
    for name, fsync, limits in (
        ("as litequeue, no fsync", False, (1 / 5, 1 / 15)),
        ("each answer on the device", True, (None, None)),
    ):
        ours, theirs = (lambda: through_broker(texts, fsync)), (lambda: through_litequeue(texts))  # noqa: B023
        ratio, mine, other = median_ratio(ours, theirs, times=TURNS)
        note = f"{mine / MESSAGES * 1e6:.0f} against {other / MESSAGES * 1e6:.0f} us: {1 / ratio:.1f}x"
        found.append(
            Measurement(f"durable queue, {name}: cost of litequeue's", ratio, "x", *limits, note=note)
        )
    for how, log, batch in (
        ("batches of 100", log_to_file, BATCH),
        ("one by one, 100 at once", log_to_file_one_by_one, 1),
    ):
        for name, reference, limits in (
            ("SQLite's WAL", log_to_sqlite, (1 / 2, None)),
            ("raw checksummed files", log_to_raw_files, (None, 1 / 0.6)),
        ):
            theirs = in_a_folder(functools.partial(reference, batch=batch), rows)
            ratio, mine, other = median_ratio(in_a_folder(log, rows), theirs, times=TURNS)
            note = f"{mine / len(rows) * 1e6:.2f} against {other / len(rows) * 1e6:.2f} us: {1 / ratio:.2f}x"
            found.append(Measurement(f"log to a file, {how}: cost of {name}", ratio, "x", *limits, note=note))
    cpu, wall = replay()
    note = f"{cpu / 1e3:.0f}k records/s; {wall / 1e3:.0f}k of the wall"
    found.append(Measurement("replay of a record from the file", 1e6 / cpu, "us", 1e6 / 300e3, 2.0, note))
    return found
