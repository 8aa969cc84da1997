"""The journal: what is written is read again, and what a crash or a bad disk leaves is told apart."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from typing import Any

import pytest

from minibroker import Broker, StorageFailed
from minibroker.journal import MARK, Found, Journal, frame, read
from minibroker.waiting import SteadyClock


class Memory:
    """A disk in memory, which can be full: a minibroker.storage.Storage."""

    name = "the disk in memory"

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.full = False
        self.busy = False
        self.writes = 0
        self.slow = asyncio.sleep

    def read(self) -> bytes:
        return self.data

    async def append(self, data: bytes) -> None:
        self.busy = True
        await self.slow(0)
        self.busy = False
        self.append_now(data)

    def append_now(self, data: bytes) -> None:
        self.try_to_hold(len(data))
        self.data += data
        self.writes += 1

    def cut(self, size: int) -> None:
        self.data = self.data[:size]

    def try_to_hold(self, size: int) -> None:
        assert not self.busy, "tried while a write was under way"
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")

    async def replace(self, frames: Iterable[bytes]) -> None:
        data = b"".join(frames)
        await self.slow(0)
        self.try_to_hold(len(data))
        self.data = data

    def close(self) -> None:
        pass


def facts_in(data: bytes) -> tuple[list[Any], Found]:
    found = Found()
    return list(read(data, found)), found


# ---------------------------------------------------------------- frames


def test_frames_are_read_as_they_were_written_with_the_time_of_the_last():
    data = frame([["a", 1], ["b", "\x1eMB\x1e é \ud800"]], now=1.5) + frame([["c", [1, 2]]], now=2.25)

    facts, found = facts_in(data)

    assert facts == [["a", 1], ["b", "\x1eMB\x1e é \ud800"], ["c", [1, 2]]]
    assert (found.frames, found.facts, found.at, found.end) == (2, 3, 2.25, len(data))
    assert (found.torn, found.damaged) == (0, ())


def test_a_journal_cut_at_any_byte_gives_the_frames_before_and_calls_the_rest_torn():
    frames = [frame([["n", n]], now=n) for n in range(4)]
    data = b"".join(frames)
    ends = [sum(map(len, frames[:n])) for n in range(5)]

    for size in range(len(data) + 1):
        facts, found = facts_in(data[:size])
        whole = sum(1 for end in ends[1:] if end <= size)
        assert facts == [["n", n] for n in range(whole)]
        assert (found.end, found.torn, found.damaged) == (ends[whole], size - ends[whole], ())


def test_a_flipped_bit_at_any_place_costs_one_frame_and_is_named():
    frames = [frame([["n", n]], now=n) for n in range(4)]
    data = b"".join(frames)

    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        facts, found = facts_in(bytes(flipped))
        hit = next(n for n in range(4) if bit // 8 < sum(map(len, frames[: n + 1])))
        assert facts == [["n", n] for n in range(4) if n != hit]
        place = sum(map(len, frames[:hit]))
        if hit < 3:
            assert found.damaged == ((place, len(frames[hit])),)
        else:
            assert found.torn == len(frames[hit])


def test_a_tail_of_zeros_is_torn():
    data = frame([["n", 1]], now=1)

    facts, found = facts_in(data + bytes(4096))

    assert facts == [["n", 1]]
    assert found.torn == 4096
    assert "4,096 bytes of an unfinished frame" in str(found)


def test_what_was_lost_is_said_in_words():
    first, second, third = (frame([["n", n]], now=n) for n in range(3))
    broken = first + second[:-1] + b"!" + third

    _, found = facts_in(broken)

    assert f"DAMAGED at byte {len(first)}: {len(second)} bytes fit no checksum" in str(found)


# ---------------------------------------------------------------- group commit


def test_what_many_senders_write_while_the_disk_is_busy_goes_in_one_frame(virtually):
    async def scenario():
        disk = Memory()
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        queue = broker.create_queue("q")
        await broker.written()
        before = disk.writes
        await asyncio.gather(*(queue.send(n) for n in range(100)))
        return disk.writes - before, broker.snapshot("q").ready

    assert virtually(scenario()) == (1, 100)


def test_no_client_hears_of_what_is_not_on_the_disk(virtually):
    async def scenario():
        disk = Memory()
        disk.slow = lambda _: asyncio.sleep(2)
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        queue = broker.create_queue("q")
        await broker.written()
        began = asyncio.get_running_loop().time()
        sending = asyncio.ensure_future(queue.send("x"))
        await asyncio.sleep(0.5)
        [delivery] = await queue.receive()  # it sees the message, and waits until that is safe, too
        took = asyncio.get_running_loop().time() - began
        return sending.done(), took, delivery.body, b'"leased"' in disk.data

    assert virtually(scenario()) == (True, 4.0, "x", True)


def test_a_sender_that_gives_up_waiting_leaves_the_others_their_answer(virtually):
    async def scenario():
        disk = Memory()
        disk.slow = lambda _: asyncio.sleep(2)
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        queue = broker.create_queue("q")
        await broker.written()
        one, other = (asyncio.ensure_future(queue.send(n)) for n in range(2))
        await asyncio.sleep(0.5)
        one.cancel()
        return await other, broker.snapshot("q").ready

    assert virtually(scenario()) == (2, 2)


# ---------------------------------------------------------------- a full disk


def test_a_full_disk_is_told_to_the_sender_and_what_was_answered_before_stays(virtually):
    async def scenario():
        disk = Memory()
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        queue = broker.create_queue("q")
        await queue.send("before")
        disk.full = True
        refused = []
        for body in ("first", "second"):
            with pytest.raises(StorageFailed, match="No space left on device") as caught:
                await queue.send(body)
            refused.append(caught.value.definite)
        inside = [message.body for message in await queue.peek()]
        disk.full = False
        await queue.send("after")
        again = Broker(clock=asyncio.get_running_loop().time, storage=Memory(disk.data))
        return refused, inside, [message.body for message in again.peek("q")]

    assert virtually(scenario()) == ([True, True], ["before"], ["before", "after"])


def test_a_lease_that_could_not_be_written_was_not_given(virtually):
    async def scenario():
        disk = Memory()
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        queue = broker.create_queue("q")
        await queue.send("x")
        disk.full = True
        with pytest.raises(StorageFailed):
            await queue.receive()
        disk.full = False
        [delivery] = await queue.receive()
        return delivery.receive_count, delivery.receipt

    assert virtually(scenario()) == (1, "1.1")


def test_a_fact_that_cannot_be_written_at_all_is_an_error_and_not_the_end_of_the_journal(virtually):
    """Past the door nothing checks a body: whoever uses the broker's own send may hand over anything."""

    async def scenario():
        broker = Broker(clock=asyncio.get_running_loop().time, storage=Memory())
        queue = broker.create_queue("q")
        await broker.written()
        broker.send("q", float("nan"))
        with pytest.raises(StorageFailed, match="ValueError"):
            await broker.written()
        return await queue.send("fine"), (await queue.snapshot()).ready

    assert virtually(scenario()) == (1, 1)


def test_a_consumer_that_waits_while_the_disk_is_full_gets_what_comes_after(virtually):
    async def scenario():
        disk = Memory()
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        queue = broker.create_queue("q")
        await broker.written()
        waiting = asyncio.ensure_future(queue.receive(wait=20))
        await asyncio.sleep(1)
        disk.full = True
        with pytest.raises(StorageFailed):
            await queue.send("refused")
        with pytest.raises(StorageFailed):
            await waiting  # it was woken for a message that is no more: it is told so
        waiting = asyncio.ensure_future(queue.receive(wait=20))
        disk.full = False
        await asyncio.sleep(1)
        await queue.send("kept")
        return [delivery.body for delivery in await waiting]

    assert virtually(scenario()) == ["kept"]


def test_what_fell_due_while_the_broker_was_away_happens_though_nobody_asks_for_it(virtually):
    async def scenario():
        loop, disk = asyncio.get_running_loop(), Memory()
        settings = {"visibility_timeout": 5, "max_receive_count": 1, "dead_letter_queue": "dead"}
        queue = Broker(clock=loop.time, storage=disk).create_queue("q", **settings)
        await queue.send("poison")
        await queue.receive()
        again = Broker(clock=loop.time, storage=Memory(disk.data))
        [delivery] = await again.queue("dead").receive(wait=20)
        return delivery.body, loop.time()

    assert virtually(scenario()) == ("poison", 5.0)


# ---------------------------------------------------------------- compaction


def test_a_journal_full_of_the_past_is_written_anew_with_the_present_alone(virtually):
    async def scenario():
        disk = Memory()
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        queue = broker.create_queue("q", max_receive_count=3, dead_letter_queue="dead")
        kept = await queue.send("kept", group="g", dedup_id="once")
        sizes = []
        for n in range(10_000):
            broker.send("q", n)
            for lease in await broker.receive("q", max_messages=2):
                if lease.message.id != kept:
                    broker.ack("q", lease.receipt)
            if n % 100 == 0:
                await broker.written()
                sizes.append(len(disk.data))
        await broker.written()
        again = Broker(clock=asyncio.get_running_loop().time, storage=Memory(disk.data))
        same = [again.snapshot(name) == broker.snapshot(name) for name in broker.queue_names()]
        return max(sizes), len(disk.data), same, again.send("q", "kept", dedup_id="once") == kept

    largest, last, same, remembered = virtually(scenario())

    assert last < largest  # it shrank
    assert same == [True, True]
    assert remembered


def test_a_compaction_that_fails_leaves_the_old_file_and_loses_nothing(virtually):
    async def scenario():
        disk = Memory()

        async def no_room(frames: Iterable[bytes]) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        disk.replace = no_room
        broker = Broker(clock=asyncio.get_running_loop().time, storage=disk)
        broker.create_queue("q")
        for n in range(15_000):
            broker.send("q", n)
            [lease] = await broker.receive("q")
            broker.ack("q", lease.receipt)
        broker.send("q", "last")
        await broker.written()
        again = Broker(clock=asyncio.get_running_loop().time, storage=Memory(disk.data))
        return [message.body for message in again.peek("q")], again.snapshot("q").acked

    assert virtually(scenario()) == (["last"], 15_000)


def test_a_journal_knows_when_it_was_written_and_a_clock_that_began_anew_goes_on_from_there(virtually):
    async def scenario():
        disk = Memory()
        loop = asyncio.get_running_loop()
        queue = Broker(clock=lambda: 1_000 + loop.time(), storage=disk).create_queue("q")
        await queue.send("x", delay=10)
        later = Broker(clock=loop.time, storage=Memory(disk.data))
        before = later.snapshot("q").ready
        await asyncio.sleep(10)
        return before, later.snapshot("q").ready, later.now() >= 1_010

    assert virtually(scenario()) == (0, 1, True)


def test_a_journal_may_be_used_without_a_loop_and_is_written_at_its_end():
    disk = Memory()
    broker = Broker(clock=lambda: 0.0, storage=disk)
    broker.create_queue("q")
    broker.send("q", "x")

    broker.close()

    assert [m.body for m in Broker(clock=lambda: 0.0, storage=Memory(disk.data)).peek("q")] == ["x"]


def test_journal_reads_one_frame_at_a_time():
    disk = Memory(b"".join(frame([["n", n]], now=n) for n in range(1_000)))
    journal = Journal(disk, clock=lambda: 0.0, everything=list, things=int, on_failure=lambda: None)

    facts = journal.read(found := Found())

    assert next(facts) == ["n", 0]
    assert found.frames == 0
    assert len(list(facts)) == 999
    assert found.frames == 1_000


def test_a_frame_carries_any_text_that_python_has():
    said = ["q", "é \u2028 😀", "half a pair: \ud800", "a mark: \x1eMB\x1e"]
    data = frame([said], now=1.5)
    found = Found()
    assert list(read(data + b"torn", found)) == [said]
    assert (found.frames, found.at, found.torn) == (1, 1.5, 4)
    assert data.count(MARK) == 1


def test_a_durable_clock_never_goes_back_and_goes_on_after_what_was_written():
    shows = [100.0, 90.0, 101.0, 3.0, 3.0, 4.0]
    now = SteadyClock(lambda: shows.pop(0))
    assert [now(), now(), now()] == [100.0, 100.0, 101.0]
    now.not_before(101.0)  # the machine began anew, and its clock with it
    assert [now(), now()] == [101.0, 102.0]
