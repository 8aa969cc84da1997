"""Each row of the table of divergences: the same scenario here and there, and both outcomes."""

import ast
import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from minibroker import (
    FencedMember,
    GroupNotEmpty,
    InvalidArgument,
    NoAnswer,
    Queue,
    QueueFull,
    connect,
    http_call,
)
from minibroker.engines.divergences import DIVERGENCES
from tests.minibroker.engines.proxy import Wire

SOON = 5.0
RABBITMQ = pytest.mark.engines("rabbitmq-server")
KAFKA = pytest.mark.engines


def both(scenario, memory, engine):
    """What the scenario gives on minibroker, and on the engine."""
    return memory.run(lambda broker: scenario(broker, memory)), engine.run(lambda b: scenario(b, engine))


async def received(queue, how_many):
    return [(await queue.receive(wait=SOON))[0] for _ in range(how_many)]


# -- RabbitMQ ----------------------------------------------------------------------------------------------


@RABBITMQ
def test_a_lease_ends_by_time_here_and_with_the_connection_there(memory, rabbit):
    async def here(broker):
        charges = await broker.create_queue("charges", visibility_timeout=30.0)
        await charges.send("lamp")
        [first] = await charges.receive()
        [again] = await charges.receive(wait=60.0)
        return first.lease_until, asyncio.get_running_loop().time(), again.receive_count

    async def there(broker):
        charges = await broker.create_queue(rabbit.name("charges"))
        await charges.send("lamp")
        async with connect(rabbit.url) as other:
            [first] = await other.queue(charges.name).receive(wait=SOON)
            assert await charges.receive(wait=rabbit.moment) == []
        [again] = await charges.receive(wait=SOON)
        return first.lease_until, again.receive_count

    assert memory.run(here) == (30.0, 30.0, 2)
    assert rabbit.run(there) == (float("inf"), 2)


@RABBITMQ
def test_an_ack_is_answered_here_and_not_there(memory, rabbit):
    async def swallow(path, body):
        return 502, b""  # a proxy's word for "it did not come through"

    async def here(broker):
        charges = await broker.create_queue("charges")
        await charges.send("lamp")
        [delivery] = await charges.receive()
        with pytest.raises(NoAnswer):
            await Queue("charges", http_call(swallow)).ack(delivery.receipt)
        return [(again.body, again.receive_count) for again in await charges.receive(wait=60.0)]

    async def there(broker):
        charges = await broker.create_queue(rabbit.name("charges"))
        await charges.send("lamp")
        async with Wire(urlsplit(rabbit.url).port) as wire:
            url = f"amqp://guest:guest@127.0.0.1:{wire.port}/"
            async with connect(url) as unlucky:
                [delivery] = await unlucky.queue(charges.name).receive(wait=SOON)
                wire.swallow()
                await delivery.ack()  # without an error
                wire.cut()
        return [(again.body, again.receive_count) for again in await charges.receive(wait=SOON)]

    assert memory.run(here) == rabbit.run(there) == [("lamp", 2)]


@RABBITMQ
def test_what_was_only_fetched_ahead_is_not_counted_here_and_counted_there(memory, rabbit):
    async def scenario(broker, bench):
        charges = await broker.create_queue(bench.name("charges"))
        await charges.send("handled")
        await charges.send("fetched ahead")
        async with charges.consume(prefetch=2, wait=bench.moment) as consumer:
            await (await anext(consumer)).ack()
        [delivery] = await charges.receive(wait=SOON)
        return delivery.body, delivery.receive_count

    assert both(scenario, memory, rabbit) == (("fetched ahead", 1), ("fetched ahead", 2))


async def _given_back(broker, bench, **settings):
    charges = await broker.create_queue(bench.name("charges"), **settings)
    for word in ("a", "b", "c"):
        await charges.send(word)
    first, second = await received(charges, 2)
    await second.nack()
    await first.nack()
    return [delivery.body for delivery in await received(charges, 3)]


@RABBITMQ
def test_what_is_given_back_has_its_old_place_here_and_a_new_one_there(memory, rabbit):
    async def scenario(broker, bench):
        limit = {"max_receive_count": 5, "dead_letter_queue": bench.name("dead")}
        return await _given_back(broker, bench, **limit)

    assert both(scenario, memory, rabbit) == (["a", "b", "c"], ["b", "a", "c"])


@RABBITMQ
def test_without_a_limit_what_is_given_back_goes_to_its_place_here_and_to_the_end_there(memory, rabbit):
    assert both(_given_back, memory, rabbit) == (["a", "b", "c"], ["c", "b", "a"])


@RABBITMQ
def test_max_length_is_exact_here_and_soft_there(memory, rabbit):
    async def scenario(broker, bench):
        charges = await broker.create_queue(bench.name("charges"), max_length=2)
        taken = 0
        with pytest.raises(QueueFull):
            while taken < 50:
                await charges.send(taken)
                taken += 1
        return taken

    here, there = both(scenario, memory, rabbit)
    assert here == 2 < there


@RABBITMQ
def test_a_dead_letter_has_the_consumers_words_here_and_not_there(memory, rabbit):
    async def scenario(broker, bench):
        name, dead = bench.name("charges"), bench.name("dead")
        charges = await broker.create_queue(name, max_receive_count=5, dead_letter_queue=dead)
        await charges.send("poison")
        await (await received(charges, 1))[0].nack()
        await (await received(charges, 1))[0].reject("this cannot be charged")
        [death] = (await received(broker.queue(dead), 1))[0].message.deaths
        return death.reason, death.error, death.receive_count

    assert both(scenario, memory, rabbit) == (
        ("rejected", "this cannot be charged", 2),
        ("rejected", "", 0),
    )


@RABBITMQ
def test_dropping_beside_a_dead_letter_queue_is_possible_here_and_refused_there(memory, rabbit):
    async def scenario(broker, bench):
        settings = {"max_length": 2, "overflow": "drop-oldest", "dead_letter_queue": bench.name("dead")}
        try:
            await broker.create_queue(bench.name("charges"), **settings)
        except InvalidArgument as refused:
            return "gives it what it drops" in str(refused)

    assert both(scenario, memory, rabbit) == (None, True)


@RABBITMQ
def test_ids_count_here_and_are_drawn_there(memory, rabbit):
    async def scenario(broker, bench):
        charges = await broker.create_queue(bench.name("charges"))
        return [await charges.send(n) for n in range(3)]

    here, there = both(scenario, memory, rabbit)
    assert here == [1, 2, 3]
    assert len(set(there)) == 3 and max(there) > 1_000_000


@RABBITMQ
def test_the_time_of_a_message_is_the_brokers_here_and_the_senders_there(memory, rabbit):
    async def scenario(broker, bench):
        charges = await broker.create_queue(bench.name("charges"))
        await charges.send("lamp")
        return (await received(charges, 1))[0].message.enqueued_at

    here, there = both(scenario, memory, rabbit)
    assert here == 0.0  # the loop's clock, which stands at 0
    assert abs(there - time.time()) < 60


# -- Kafka -------------------------------------------------------------------------------------------------


def _member(topic, group, name="ada", **settings):
    return topic.consumer(group, member=name, start="earliest", **{"session_timeout": 2.5, **settings})


async def _in(consumer):
    while not consumer.positions:
        await consumer.poll(wait=0.1)


@KAFKA
def test_a_group_is_of_one_topic_here_and_of_all_there(memory, kafka):
    async def scenario(broker, bench):
        orders = await broker.create_topic(bench.topic_name("orders"), partitions=4)
        mails = await broker.create_topic(bench.topic_name("mails"), partitions=4)
        group = bench.name("billing")
        async with _member(orders, group) as consumer:
            await _in(consumer)
            try:
                return await mails.reset(group, to="latest", partition=0)
            except GroupNotEmpty:
                return "it has members"

    assert both(scenario, memory, kafka) == ({0: 0}, "it has members")


@KAFKA
def test_two_of_one_name_are_one_member_here_and_two_there(memory, kafka):
    async def scenario(broker, bench):
        orders = await broker.create_topic(bench.topic_name("orders"), partitions=4)
        group = bench.name("billing")
        record = await orders.append(None, "lamp", partition=0)
        one, two = _member(orders, group), _member(orders, group)
        await _in(one)
        while not two.positions:
            await asyncio.gather(one.poll(wait=0.1), two.poll(wait=0.1))
            if bench is memory:
                break
        shares = sorted((len(one.positions), len(two.positions)))
        await one.leave()
        await two.leave()
        return shares, record.offset

    here, there = both(scenario, memory, kafka)
    assert max(here[0]) == 4  # one of them has all
    assert there[0] == [2, 2]


@KAFKA
def test_who_does_not_poll_is_out_here_and_lives_on_there(memory, kafka):
    async def scenario(broker, bench):
        orders = await broker.create_topic(bench.topic_name("orders"), partitions=4)
        await orders.append(None, "lamp", partition=0)
        async with _member(orders, bench.name("billing"), session_timeout=1.5) as consumer:
            while not await consumer.poll(wait=0.1):
                pass
            await asyncio.sleep(2.5)  # longer than a session, and no poll
            try:
                await consumer.commit()
                return "committed"
            except FencedMember:
                return "fenced"

    assert both(scenario, memory, kafka) == ("fenced", "committed")


@KAFKA
def test_records_without_a_key_take_turns_here_and_any_partition_there(memory, kafka):
    async def scenario(broker, bench):
        orders = await broker.create_topic(bench.topic_name("orders"), partitions=4)
        return [(await orders.append(None, n)).partition for n in range(20)]

    here, there = both(scenario, memory, kafka)
    assert here == [0, 1, 2, 3] * 5
    assert there != here and len(set(there)) > 1


@KAFKA
def test_a_records_time_is_the_brokers_here_and_the_producers_there(memory, kafka):
    async def scenario(broker, bench):
        orders = await broker.create_topic(bench.topic_name("orders"), partitions=4)
        await orders.append(None, "lamp", partition=0)
        return (await orders.fetch(0, 0, wait=SOON))[0].timestamp

    here, there = both(scenario, memory, kafka)
    assert here == 0.0  # the loop's clock, which stands at 0
    assert abs(there - time.time()) < 60


# -- the table --------------------------------------------------------------------------------------------


def test_each_row_names_a_test_of_its_own_and_each_test_has_a_row():
    functions = [
        node
        for node in ast.parse(Path(__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    there = [node.name for node in functions if node.decorator_list]  # marked: they want an engine
    assert [row.test for row in DIVERGENCES] == there


def test_each_row_says_two_different_things():
    for row in DIVERGENCES:
        assert row.minibroker != row.there and all(row)
