"""The journal's file: locked, all or nothing, replaced in one step; and a process killed at any moment."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minibroker import Broker, FileStorage, State, StorageFailed, StorageInUse
from tests.repository import ROOT

HAS_KILL = hasattr(signal, "SIGKILL")
HAS_LIMITS = sys.platform != "win32"


def test_a_second_broker_on_the_same_path_is_refused_by_name_and_let_in_when_the_first_has_closed(tmp_path):
    first = FileStorage(tmp_path)

    with pytest.raises(StorageInUse, match="another broker has"):
        FileStorage(tmp_path)
    first.close()
    FileStorage(tmp_path).close()


def test_a_broker_in_another_process_is_refused_too_until_that_one_is_killed(tmp_path):
    program = (
        "import sys, time; from minibroker import FileStorage\n"
        "held = FileStorage(sys.argv[1]); print('up', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"up\n"
        with pytest.raises(StorageInUse):
            FileStorage(tmp_path)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    FileStorage(tmp_path).close()  # the lock went with the process


@pytest.mark.parametrize("fsync", [True, False])
def test_what_was_appended_is_read_by_the_next_one(tmp_path, fsync):
    storage = FileStorage(tmp_path, fsync=fsync)
    asyncio.run(storage.append(b"one "))
    storage.append_now(b"two")
    storage.close()

    again = FileStorage(tmp_path)

    assert bytes(again.read()) == b"one two"
    again.close()


def test_a_file_is_replaced_in_one_step_and_grows_on(tmp_path):
    storage = FileStorage(tmp_path)
    storage.append_now(b"old" * 100)

    asyncio.run(storage.replace([b"new ", b"content "]))
    storage.append_now(b"more")

    assert bytes(storage.read()) == b"new content more"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "lock"]
    storage.close()


def test_what_a_crash_left_of_a_compaction_is_cleared_away(tmp_path):
    FileStorage(tmp_path).close()
    (tmp_path / "journal.new").write_bytes(b"half of it")

    FileStorage(tmp_path).close()

    assert not (tmp_path / "journal.new").exists()


@pytest.mark.skipif(not HAS_LIMITS, reason="windows: no limit on a file's size to fill a disk with")
def test_a_file_that_may_not_grow_keeps_what_it_had_and_goes_on_when_it_may(tmp_path):
    """A real refusal of the operating system: the limit on a file's size stands for a full disk."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    async def scenario() -> tuple[list[str], list[str]]:
        async with Broker(path=tmp_path / "data", fsync=False) as broker:
            queue = broker.create_queue("q")
            await queue.send("before")
            size = (tmp_path / "data" / "journal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1_000, before[1]))
            said = []
            for _ in range(2):
                with pytest.raises(StorageFailed) as caught:
                    await queue.send("x" * 5_000)
                said.append(str(caught.value))
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            await queue.send("after")
            return said, [message.body for message in await queue.peek()]

    try:
        said, inside = asyncio.run(scenario())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)

    assert all(os.strerror(errno.EFBIG) in text for text in said)
    assert inside == ["before", "after"]
    with FileBroker(tmp_path / "data") as again:
        assert [message.body for message in again.peek("q")] == ["before", "after"]


class FileBroker:
    """``with FileBroker(path) as broker``: without a loop."""

    def __init__(self, path: Path) -> None:
        self.broker = Broker(path=path)

    def __enter__(self) -> Broker:
        return self.broker

    def __exit__(self, *_: object) -> None:
        self.broker.close()


# ---------------------------------------------------------------- kill -9

WRITER = """
import asyncio, sys
from minibroker import Broker

async def main(path, fsync):
    async with Broker(path=path, fsync=fsync) as broker:
        broker.create_queue("q", visibility_timeout=3600)
        broker.create_topic("t", partitions=3)
        queue, topic = broker.queue("q"), broker.topic("t")
        await broker.written()

        async def sender(name):
            me, count = await topic.new_producer(), 0
            while True:
                count += 1
                message = await queue.send(f"{name}-{count}")
                print("sent", message, f"{name}-{count}", flush=True)
                record = await topic.append(
                    f"{name}", f"{name}-{count}", partition=count % 3, producer=me, sequence=(count - 1) // 3
                )
                print("appended", record.partition, record.offset, record.value, flush=True)

        async def worker():
            while True:
                for delivery in await queue.receive(max_messages=3, wait=1):
                    await delivery.ack()
                    print("acked", delivery.message.id, delivery.body, flush=True)

        print("up", flush=True)
        await asyncio.gather(*(sender(f"{sys.argv[3]}s{n}") for n in range(4)), worker())

asyncio.run(main(sys.argv[1], sys.argv[2] == "True"))
"""


def kill_and_recover(path: Path, trials: int, *, seed: int, fsync: bool) -> dict[str, int]:
    """Kill a writer at a random moment, `trials` times on the same path; check all that it had been told.

    A moment is some lines of its work and a bit: on a busy machine it gets as far as on an idle one.
    """
    rng = random.Random(seed)
    sent: dict[int, str] = {}
    acked: set[int] = set()
    appended: dict[tuple[int, int], str] = {}
    counts = dict.fromkeys(("trials", "sent", "acked", "appended", "torn"), 0)
    for trial in range(trials):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(fsync), f"t{trial}"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(rng.randrange(1, 40))]
        time.sleep(rng.uniform(0.0, 0.02))
        writer.kill()
        said += writer.stdout.read().splitlines(keepends=True)
        writer.wait()
        writer.stdout.close()
        for line in said:
            match line.split() if line.endswith("\n") else []:
                case ["sent", number, body]:
                    assert int(number) not in sent, "an id was given twice"
                    sent[int(number)] = body
                case ["acked", number, body]:
                    acked.add(int(number))
                case ["appended", partition, offset, value]:
                    appended[int(partition), int(offset)] = value
        broker = Broker(path=path)
        try:
            assert broker.found is not None
            assert broker.found.damaged == ()
            counts["torn"] += broker.found.torn > 0
            inside = [*broker.peek("q"), *broker.peek("q", state=State.IN_FLIGHT)]
            kept = {message.id: message.body for message in inside}
            assert not kept.keys() & acked, "what was acked came back"
            # Ids count on without a gap: each message that ever was is still there, or was acked.
            ever = max([0, *kept, *sent, *acked])
            assert len(kept) + broker.snapshot("q").acked == ever, "a message is neither there nor acked"
            assert all(kept[number] == body for number, body in sent.items() if number in kept)
            values = []
            for partition in range(3):
                records = broker.logs.find("t").fetch(partition, 0, max_records=10**6)
                assert [record.offset for record in records] == list(range(len(records)))
                values += [record.value for record in records]
                for record in records:
                    assert appended.get((partition, record.offset), record.value) == record.value
                beyond = [o for p, o in appended if p == partition and o >= len(records)]
                assert not beyond, "an append that was answered is gone"
            assert len(values) == len(set(values)), "twice in the log"
        finally:
            broker.close()
    counts |= {"trials": trials, "sent": len(sent), "acked": len(acked), "appended": len(appended)}
    return counts


@pytest.mark.skipif(not HAS_KILL, reason="windows: no kill -9")
@pytest.mark.parametrize("fsync", [True, False])
def test_a_writer_that_is_killed_at_any_moment_has_kept_what_it_answered(tmp_path, fsync, record_property):
    counts = kill_and_recover(tmp_path / "data", 5, seed=1, fsync=fsync)

    record_property("measured", f"kill -9, fsync={fsync}: {counts}")
    assert counts["sent"] and counts["appended"]


@pytest.mark.soak
@pytest.mark.skipif(not HAS_KILL, reason="windows: no kill -9")
@pytest.mark.parametrize("fsync", [True, False])
def test_kill_nine_two_hundred_times(tmp_path, fsync, record_property):
    counts = kill_and_recover(tmp_path / "data", 100, seed=7, fsync=fsync)

    record_property("measured", f"kill -9, fsync={fsync}: {counts}")
    assert counts["trials"] == 100
