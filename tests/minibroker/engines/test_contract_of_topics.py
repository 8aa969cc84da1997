"""What every log keeps to, whoever runs it: each test runs on each engine that has topics.

Each topic here has four partitions: so many has one that Kafka's mock cluster makes by itself.
"""

import asyncio

import pytest

from minibroker import (
    BrokerError,
    FencedMember,
    GroupNotEmpty,
    InvalidArgument,
    NoSuchTopic,
    OffsetOutOfRange,
    StaleGeneration,
    TopicExists,
)
from minibroker.partitioner import partition_for

SOON = 5.0  # seconds that a fetch may wait for what must come
JOIN = 20.0  # seconds that a member may need to get its partitions
SESSION = {"session_timeout": 2.5}  # seconds; the mock cluster rebalances by it


async def orders_of(broker, topics):
    return await broker.create_topic(topics.topic_name("orders"), partitions=4)


async def fill(topic, records=12):
    return [await topic.append(f"order-{n % 5}", {"n": n}) for n in range(records)]


async def fetched(topic, partition, how_many):
    """So many records from the start: one fetch may give fewer than there are."""
    found = []
    while len(found) < how_many:
        records = await topic.fetch(partition, len(found), wait=SOON)
        assert records
        found += records
    return found


async def polled(consumer, how_many):
    """At least `how_many` records of a member that has just come, or what comes within JOIN seconds."""
    found, until = [], asyncio.get_running_loop().time() + JOIN
    while len(found) < how_many and asyncio.get_running_loop().time() < until:
        found += await consumer.poll(wait=0.5)
    return found


# -- a topic ---------------------------------------------------------------------------------------------


def test_what_is_appended_can_be_fetched_again_and_again(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        written = await orders.append("ada", {"total": 5, "note": "für"}, headers={"traceparent": "00-1"})
        for _ in range(2):
            [read] = await orders.fetch(written.partition, 0, wait=SOON)
            # but for the time: the mock cluster says 1.234 to whoever writes
            assert read._replace(timestamp=0.0) == written._replace(timestamp=0.0)
        return written.key, written.value, written.offset, dict(written.headers)

    assert topics.run(scenario) == ("ada", {"total": 5, "note": "für"}, 0, {"traceparent": "00-1"})


@pytest.mark.parametrize("value", [None, "", 0, [], {}, "text", -1.5, {"nested": [{"deep": None}]}])
def test_any_json_value_can_be_a_record(topics, value):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        written = await orders.append("ada", value)
        return (await orders.fetch(written.partition, 0, wait=SOON))[0].value

    assert topics.run(scenario) == value


def test_a_key_is_in_the_partition_that_murmur2_says_on_every_engine(topics):
    keys = ["ada", "bob", "", "order-7", "für", "a" * 100, "日本", "0", "x" * 33]

    async def scenario(broker):
        orders = await orders_of(broker, topics)
        return [(await orders.append(key, 1)).partition for key in keys]

    assert topics.run(scenario) == [partition_for(key, 4) for key in keys]


@pytest.mark.engines
def test_aiokafka_puts_a_key_where_minibroker_and_librdkafka_put_it():
    from aiokafka.partitioner import DefaultPartitioner

    keys, partitions = [f"order-{n}" for n in range(200)] + ["", "für", "日本"], list(range(7))
    theirs = [DefaultPartitioner()(key.encode(), partitions, partitions) for key in keys]
    assert [partition_for(key, 7) for key in keys] == theirs


def test_records_of_one_key_are_in_order_and_their_offsets_count_up(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        written = [await orders.append("ada", n) for n in range(10)]
        read = await fetched(orders, written[0].partition, 10)
        return [record.offset for record in written], [record.value for record in read]

    assert topics.run(scenario) == (list(range(10)), list(range(10)))


def test_a_record_can_be_put_into_a_partition_by_number(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        written = [await orders.append("ada", n, partition=n) for n in range(4)]
        return [(record.partition, record.offset) for record in written]

    assert topics.run(scenario) == [(0, 0), (1, 0), (2, 0), (3, 0)]


def test_a_fetch_begins_at_its_offset_and_gives_at_most_max_records(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        for n in range(10):
            await orders.append(None, n, partition=2)
        records = await orders.fetch(2, 4, max_records=3, wait=SOON)
        return [record.value for record in records]

    found = topics.run(scenario)
    assert found and found == [4, 5, 6][: len(found)]


def test_a_fetch_at_the_end_waits_for_the_next_record_and_several_may_wait(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        readers = [asyncio.create_task(orders.fetch(0, 0, wait=SOON)) for _ in range(2)]
        await asyncio.sleep(topics.moment)
        await orders.append(None, "lamp", partition=0)
        return [record.value for records in await asyncio.gather(*readers) for record in records]

    assert topics.run(scenario) == ["lamp", "lamp"]


def test_a_fetch_that_waits_in_vain_is_empty(topics):
    async def scenario(broker):
        return await (await orders_of(broker, topics)).fetch(0, 0, wait=topics.moment)

    assert topics.run(scenario) == []


def test_an_offset_that_the_log_does_not_have_is_refused_with_what_there_is(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        await orders.append(None, "lamp", partition=0)
        with pytest.raises(OffsetOutOfRange) as refusal:
            await orders.fetch(0, 99)
        return refusal.value.earliest, refusal.value.latest

    assert topics.run(scenario) == (0, 1)


def test_earliest_and_latest_are_the_first_offset_and_the_next(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        for n in range(3):
            await orders.append(None, n, partition=1)
        ends = [(p.start_offset, p.end_offset, p.records) for p in await orders.partitions()]
        return ends, [await orders.offset(1, to="earliest"), await orders.offset(1, to="latest")]

    assert topics.run(scenario) == ([(0, 0, 0), (0, 3, 3), (0, 0, 0), (0, 0, 0)], [0, 3])


# -- a member of a group --------------------------------------------------------------------------------


def test_an_offset_can_be_asked_for_by_time(topics, request):
    if topics.engine == "kafka" and request.getfixturevalue("kafka_cluster") is not None:
        pytest.skip(
            "engines: Kafka's mock cluster has no offsets by time (KAFKA_SERVERS=host:port of a real one)"
        )

    async def scenario(broker):
        orders = await orders_of(broker, topics)
        written = []
        for n in range(3):
            written.append(await orders.append("ada", n, partition=0))
            await asyncio.sleep(0.1)
        first, second, third = (record.timestamp for record in written)
        asked = (0.0, first, second, second + 0.05, third)
        return [await orders.offset(0, time=time) for time in asked]

    assert topics.run(scenario) == [0, 0, 1, 2, 2]


def test_a_group_reads_every_record_and_goes_on_where_it_committed(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        await fill(orders)
        async with orders.consumer(billing, member="ada", start="earliest", **SESSION) as consumer:
            first = await polled(consumer, 1)
            await consumer.commit()
            await orders.append("order-1", {"n": 12})
            await polled(consumer, 13 - len(first))  # polled, and not committed
        async with orders.consumer(billing, member="ada", **SESSION) as consumer:
            again = await polled(consumer, 13 - len(first))
        return sorted(record.value["n"] for record in first + again)

    assert topics.run(scenario) == list(range(13))


def test_a_commit_up_to_a_record_leaves_those_behind_it_to_be_read_again(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        for n in range(4):
            await orders.append(None, n, partition=0)
        async with orders.consumer(billing, member="ada", start="earliest", **SESSION) as consumer:
            records = await polled(consumer, 4)
            await consumer.commit(records[1])
            committed = await orders.committed(billing)
            lag = {lag.partition: lag.records for lag in await orders.lag(billing)}
        return committed, lag

    assert topics.run(scenario) == ({0: 2, 1: None, 2: None, 3: None}, {0: 2, 1: 0, 2: 0, 3: 0})


def test_a_group_without_a_commit_begins_at_the_latest_and_misses_nothing_from_then_on(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        await fill(orders)
        async with orders.consumer(billing, member="ada", **SESSION) as consumer:
            while not consumer.positions:
                assert await consumer.poll(wait=topics.moment) == []
            await orders.append("ada", "new")
            return [record.value for record in await polled(consumer, 1)]

    assert topics.run(scenario) == ["new"]


def test_a_member_that_must_not_choose_a_start_says_so(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        async with orders.consumer(billing, member="ada", start="none", **SESSION) as consumer:
            with pytest.raises(OffsetOutOfRange, match="start='none' says not to choose"):
                await polled(consumer, 1)

    topics.run(scenario)


def test_a_seek_reads_again_what_was_read_and_committed(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        for n in range(5):
            await orders.append(None, n, partition=0)
        async with orders.consumer(billing, member="ada", start="earliest", **SESSION) as consumer:
            first = await polled(consumer, 5)
            await consumer.commit()
            consumer.seek(0, 0)
            replayed = await polled(consumer, 5)
            with pytest.raises(InvalidArgument, match="does not own partition 9"):
                consumer.seek(9, 0)
        return [r.value for r in first], [r.value for r in replayed], (await orders.committed(billing))[0]

    assert topics.run(scenario) == ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4], 5)


def test_a_group_can_be_set_to_the_earliest_or_the_latest_before_it_reads(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        for n in range(5):
            await orders.append(None, n, partition=0)
        replay = topics.name("replay")
        assert await orders.reset(billing, to="latest", partition=0) == {0: 5}
        assert await orders.reset(replay, to="earliest") == {0: 0, 1: 0, 2: 0, 3: 0}
        async with orders.consumer(replay, member="ada", start="latest", **SESSION) as consumer:
            found = [record.value for record in await polled(consumer, 5)]
            with pytest.raises(GroupNotEmpty):
                await orders.reset(replay, to="earliest")
        return found, (await orders.committed(billing))[0]

    assert topics.run(scenario) == ([0, 1, 2, 3, 4], 5)


def test_async_for_gives_one_record_after_the_other(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        for n in range(3):
            await orders.append(None, n, partition=0)
        seen = []
        async with orders.consumer(billing, member="ada", start="earliest", **SESSION) as consumer:
            async for record in consumer:
                seen.append(record.value)
                await consumer.commit(record)
                if len(seen) == 3:
                    break
        return seen, (await orders.committed(billing))[0]

    assert topics.run(scenario) == ([0, 1, 2], 3)


def test_two_members_share_the_partitions_by_range_and_one_takes_over_when_the_other_leaves(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        settings = {"start": "earliest", **SESSION}
        one = orders.consumer(billing, member="ada", **settings)
        two = orders.consumer(billing, member="bob", **settings)
        async with one:
            while len(one.positions) < 4:
                await one.poll(wait=0.1)
            alone = one.generation
            async with two:
                while not (len(one.positions) == len(two.positions) == 2):
                    await asyncio.gather(one.poll(wait=0.1), two.poll(wait=0.1))
                owned = sorted([sorted(one.positions), sorted(two.positions)])
                assert one.generation == two.generation > alone
                await fill(orders, 20)
                seen = await polled(one, 1) + await polled(two, 1)
                while len(seen) < 20:
                    seen += [
                        r
                        for records in await asyncio.gather(one.poll(wait=0.2), two.poll(wait=0.2))
                        for r in records
                    ]
                await one.commit()
                await two.commit()
            while len(one.positions) < 4:
                await one.poll(wait=0.1)
        return owned, sorted(record.value["n"] for record in seen)

    assert topics.run(scenario) == ([[0, 1], [2, 3]], list(range(20)))


def test_a_member_that_the_group_has_gone_on_without_cannot_commit(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        await fill(orders)
        settings = {"start": "earliest", "rebalance_timeout": 6.0, **SESSION}
        zombie = orders.consumer(billing, member="ada", **settings)
        heir = orders.consumer(billing, member="bob", **settings)
        before = await polled(zombie, 12)
        after = await polled(heir, 12)  # the zombie does not poll, so it does not join again
        with pytest.raises((FencedMember, StaleGeneration)):
            await zombie.commit()
        await heir.commit()
        await heir.leave()
        await zombie.leave()
        return len(before), len(after), sum(filter(None, (await orders.committed(billing)).values()))

    assert topics.run(scenario) == (12, 12, 12)


# -- names and arguments -------------------------------------------------------------------------------


def test_a_topic_that_was_never_created_is_refused_by_name(topics):
    async def scenario(broker):
        with pytest.raises(NoSuchTopic, match="oders"):
            await broker.topic("oders").append("ada", 1)
        with pytest.raises(NoSuchTopic, match="oders"):
            await broker.topic("oders").consumer("billing", member="ada").poll()
        orders = await orders_of(broker, topics)
        with pytest.raises(NoSuchTopic, match="partitions 0 to 3, not 4"):
            await orders.fetch(4, 0)
        with pytest.raises(NoSuchTopic, match="partitions 0 to 3, not 9"):
            await orders.append("ada", 1, partition=9)

    topics.run(scenario)


def test_a_topic_can_be_created_again_with_as_many_partitions_only(topics):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        await broker.create_topic(orders.name, partitions=4)
        with pytest.raises(TopicExists, match="4"):
            await broker.create_topic(orders.name, partitions=5)

    topics.run(scenario)


def test_who_is_no_member_cannot_commit(topics):
    async def scenario(broker):
        orders, billing = await orders_of(broker, topics), topics.name("billing")
        consumer = orders.consumer(billing, member="ada")
        record = await orders.append("ada", 1)
        with pytest.raises(FencedMember):
            await consumer.commit(record)

    topics.run(scenario)


@pytest.mark.parametrize(
    "use",
    [
        lambda topic: topic.append("ada", {1, 2}),
        lambda topic: topic.append(7, "lamp"),
        lambda topic: topic.append("ada", "lamp", headers={"attempt": 1}),
        lambda topic: topic.append("ada", "lamp", partition=-1),
        lambda topic: topic.fetch(0, 0, max_records=0),
        lambda topic: topic.fetch(0, 0, wait=-1),
        lambda topic: topic.offset(0, to="middle"),
        lambda topic: topic.offset(0),
        lambda topic: topic.reset("billing"),
        lambda topic: topic.consumer("no spaces", member="ada").poll(),
        lambda topic: topic.consumer("billing", member="ada", assignor="best").poll(),
        lambda topic: topic.consumer("billing", member="ada", session_timeout=-1).poll(),
    ],
)
def test_a_wrong_argument_is_refused(topics, use):
    async def scenario(broker):
        orders = await orders_of(broker, topics)
        with pytest.raises(InvalidArgument):
            await use(orders)

    topics.run(scenario)


def test_an_error_of_any_engine_is_a_broker_error_with_a_code(topics):
    async def scenario(broker):
        with pytest.raises(BrokerError) as refusal:
            await broker.topic("oders").fetch(0, 0)
        return refusal.value.code, refusal.value.definite

    assert topics.run(scenario) == ("no_such_topic", True)
