"""A broker's journal, cut or with a bit flipped anywhere: starting never fails, and nothing is made up."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import pytest

from minibroker import Broker, State
from tests.minibroker.test_journal import Memory

STATES = (State.READY, State.DELAYED, State.IN_FLIGHT)


@cache
def journal() -> bytes:
    """The journal of a broker that did a little of everything, a frame for each step."""

    async def work() -> bytes:
        disk = Memory()
        broker = Broker(clock=lambda: 1_000.0, storage=disk)
        queue = broker.create_queue("orders", max_receive_count=2, dead_letter_queue="dead")
        topic = broker.create_topic("log", partitions=2)
        broker.bind("orders/#", queue="orders")
        for n in range(4):
            await queue.send(
                {"n": n}, dedup_id=f"d{n}", headers={"trace": "t"}, delay=10.0 if n == 3 else 0.0
            )
        first, second = await queue.receive(max_messages=2)
        await first.ack()
        await second.nack(reason="not yet")
        [again] = await queue.receive()
        await again.reject("never")
        producer = await topic.new_producer()
        for n in range(3):
            await topic.append("k", n, partition=0, producer=producer, sequence=n)
        await topic.append_many([("a", 10), ("b", 11), ("c", 12)])
        consumer = topic.consumer("g", member="m", start="earliest")
        await consumer.poll()
        await consumer.commit()
        return disk.data

    return asyncio.run(work())


def started(data: bytes) -> Broker:
    return Broker(clock=lambda: 1_000.0, storage=Memory(data))


def held(broker: Broker) -> tuple[dict[int, Any], dict[tuple[int, int], Any], dict[int, Any]]:
    """What it has: messages, records, committed offsets."""
    messages = {
        message.id: message.body
        for name in broker.queue_names()
        for state in STATES
        for message in broker.peek(name, state=state)
    }
    records, committed = {}, {}
    for name in broker.logs.names():
        topic = broker.logs.find(name)
        for partition in topic.partitions:
            for record in partition.records():
                records[partition.number, record.offset] = record.value
            offsets = broker.logs.group(name, "g").offsets
            committed[partition.number] = offsets.committed(name, partition.number)
    return messages, records, committed


@cache
def all_of_it() -> tuple[dict[int, Any], dict[tuple[int, int], Any], dict[int, Any]]:
    return held(started(journal()))


def check(data: bytes) -> None:
    broker = started(data)
    messages, records, committed = held(broker)
    _, all_records, last = all_of_it()
    assert all(body == {"n": message - 1} for message, body in messages.items()), messages
    assert records.items() <= all_records.items(), "a record that nobody wrote, or at another offset"
    assert all(offset in (None, last[partition]) for partition, offset in committed.items())
    if "orders" in broker.queue_names():  # and it works on, under ids that nobody had
        assert broker.send("orders", "new") not in messages


def test_the_whole_journal_holds_what_was_done():
    messages, records, committed = all_of_it()

    assert messages == {2: {"n": 1}, 3: {"n": 2}, 4: {"n": 3}}
    assert sorted(records.values()) == [0, 1, 2, 10, 11, 12]
    assert sum(offset or 0 for offset in committed.values()) == 6


def test_a_journal_cut_at_any_byte_starts_and_makes_nothing_up():
    for size in range(len(journal())):
        check(journal()[:size])


def test_a_journal_with_a_flipped_bit_at_any_byte_starts_and_makes_nothing_up():
    for place in range(len(journal())):
        check(flipped(8 * place + place % 8))


@pytest.mark.soak
def test_a_journal_with_any_bit_flipped_starts_and_makes_nothing_up(record_property):
    for bit in range(8 * len(journal())):
        check(flipped(bit))
    record_property("measured", f"{8 * len(journal())} flipped bits, {len(journal())} bytes of journal")


def flipped(bit: int) -> bytes:
    data = bytearray(journal())
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)
