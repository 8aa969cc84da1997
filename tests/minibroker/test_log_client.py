"""Topics and consumers as a service sees them: in process, and through raw ASGI."""

import asyncio
import json
from typing import Any

import pytest

from minibroker import (
    Broker,
    BrokerApp,
    FencedMember,
    GroupNotEmpty,
    InvalidArgument,
    NoSuchTopic,
    OffsetOutOfRange,
    OutOfOrderSequence,
    Record,
    StaleGeneration,
    Topic,
    TopicExists,
    http_call,
)
from minibroker.log_broker import LogBroker
from minibroker.partitioner import partition_for


def broker(observer: Any = None, **settings: Any) -> Broker:
    made = Broker(clock=asyncio.get_running_loop().time, observer=observer)
    made.create_topic("orders", **{"partitions": 4, **settings})
    return made


def over_http(made: Broker, consumer: str = "", name: str = "orders") -> Topic:
    app = BrokerApp(made)

    async def post(path: str, body: bytes) -> tuple[int, bytes]:
        incoming, sent = [{"type": "http.request", "body": body}], []

        async def receive() -> Any:
            if incoming:
                return incoming.pop()
            return await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "http", "method": "POST", "path": path}, receive, send)
        return sent[0]["status"], sent[1]["body"]

    return Topic(name, http_call(post, kind="topic"), consumer=consumer)


@pytest.fixture(params=["in process", "over http"])
def client(request):
    """client(broker, consumer): a Topic, either way."""
    if request.param == "over http":
        return over_http
    return lambda made, consumer="", name="orders": made.topic(name, consumer=consumer)


async def fill(topic: Topic, records: int = 12) -> list[Record]:
    return [await topic.append(f"order-{n % 5}", {"n": n}) for n in range(records)]


# -- a topic ---------------------------------------------------------------------------------------------


def test_what_is_appended_can_be_fetched_by_anybody_again_and_again(virtually, client):
    async def scenario():
        orders = client(broker())
        written = await orders.append("ada", {"total": 5}, headers={"traceparent": "00-1"})
        for _ in range(2):
            assert await orders.fetch(written.partition, 0) == [written]
        return written

    assert virtually(scenario()) == Record(
        partition_for("ada", 4), 0, "ada", {"total": 5}, {"traceparent": "00-1"}, 0.0
    )


def test_a_fetch_at_the_end_waits_for_the_next_record(virtually, client):
    async def scenario():
        orders = client(broker(partitions=1))
        readers = [asyncio.create_task(orders.fetch(0, 0, wait=10)) for _ in range(2)]
        await asyncio.sleep(3)
        await orders.append(None, "lamp")
        fetched = await asyncio.gather(*readers)
        return [record.value for records in fetched for record in records], asyncio.get_running_loop().time()

    assert virtually(scenario()) == (["lamp", "lamp"], 3)


def test_a_fetch_that_waits_in_vain_is_empty(virtually, client):
    assert virtually(_empty_fetch(client)) == ([], 10)


async def _empty_fetch(client: Any) -> tuple[list[Record], float]:
    return await client(broker()).fetch(0, 0, wait=10), asyncio.get_running_loop().time()


def test_an_offset_that_retention_deleted_is_refused_with_what_there_is(virtually, client):
    async def scenario():
        orders = client(broker(partitions=1, retention_records=2, check_interval=5))
        await fill(orders, 6)
        await asyncio.sleep(6)
        with pytest.raises(OffsetOutOfRange) as refusal:
            await orders.fetch(0, 0)
        [partition] = await orders.partitions()
        assert (partition.start_offset, partition.end_offset, partition.records) == (4, 6, 2)
        return refusal.value.earliest, refusal.value.latest

    assert virtually(scenario()) == (4, 6)


def test_offsets_can_be_asked_for_by_name_and_by_time(virtually, client):
    async def scenario():
        orders = client(broker(partitions=1))
        for _ in range(3):
            await orders.append(None, 1)
            await asyncio.sleep(10)
        return [
            await orders.offset(0, to="earliest"),
            await orders.offset(0, time=9.5),
            await orders.offset(0, to="latest"),
        ]

    assert virtually(scenario()) == [0, 1, 3]


def test_a_numbered_append_that_is_sent_again_is_written_once(virtually, client):
    async def scenario():
        orders = client(broker())
        number = {"partition": 0, "producer": await orders.new_producer(), "sequence": 0}
        assert await orders.append("ada", 1, **number) == await orders.append("ada", 1, **number)
        with pytest.raises(OutOfOrderSequence):
            await orders.append("ada", 3, **{**number, "sequence": 2})
        return len(await orders.fetch(0, 0))

    assert virtually(scenario()) == 1


def test_a_batch_is_written_whole_and_wakes_who_waits(virtually, client):
    async def scenario():
        orders = client(broker(partitions=2))
        reader = asyncio.create_task(orders.fetch(partition_for("ada", 2), 0, wait=10))
        await asyncio.sleep(1)
        with pytest.raises(InvalidArgument, match="a record is"):
            await orders.append_many([("ada", 1), "ab"])
        offsets = await orders.append_many([("ada", {"n": 1}), ("ada", 2, {"trace": "1"})])
        return offsets, [(r.value, r.headers, r.timestamp) for r in await reader]

    offsets, fetched = virtually(scenario())
    assert offsets == {partition_for("ada", 2): range(2)}
    assert fetched == [({"n": 1}, {}, 1), (2, {"trace": "1"}, 1)]


def test_a_numbered_batch_that_is_sent_again_is_written_once(virtually, client):
    async def scenario():
        orders = client(broker(partitions=2))
        number = {"producer": await orders.new_producer(), "partition": 1, "sequence": 0}
        first = await orders.append_many([("ada", 1), ("ada", 2)], **number)
        assert await orders.append_many([("ada", 1), ("ada", 2)], **number) == first == {1: range(2)}
        return len(await orders.fetch(1, 0))

    assert virtually(scenario()) == 2


def test_refusals_are_the_same_typed_errors_either_way(virtually, client):
    async def scenario():
        made = broker()
        orders = client(made, "ada")
        with pytest.raises(NoSuchTopic, match="no topic 'oders'; there are: orders"):
            await over_http(made, name="oders").append("k", 1)
        with pytest.raises(NoSuchTopic, match="has partitions 0 to 3, not 4"):
            await orders.fetch(4, 0)
        with pytest.raises(InvalidArgument, match="does not know 'ofset'"):
            await orders.ask("fetch", {"ofset": 1})
        with pytest.raises(InvalidArgument, match="no operation 'send'"):
            await made.logs.call("orders", "send", {})
        with pytest.raises(InvalidArgument, match="a partition is a whole number"):
            await orders.ask("fetch", {"offsets": {"x": 1}})
        with pytest.raises(FencedMember):
            await orders.ask("heartbeat", {"group": "g", "member": "a", "generation": 1})
        with pytest.raises(InvalidArgument, match="no assignor 'best'"):
            await orders.consumer("g", assignor="best").poll()

    virtually(scenario())


def test_a_topic_can_be_created_again_with_the_same_settings_only(virtually):
    async def scenario():
        made = broker()
        made.create_topic("orders", partitions=4)
        with pytest.raises(TopicExists, match="'partitions': 4"):
            made.create_topic("orders", partitions=5)
        with pytest.raises(InvalidArgument, match="does not know retain; it takes partitions, retention"):
            made.create_topic("mails", retain=5)

    virtually(scenario())


# -- a consumer ------------------------------------------------------------------------------------------


def test_a_consumer_reads_every_record_once_and_goes_on_where_it_committed(virtually, client):
    async def scenario():
        orders = client(broker(), "worker-1")
        await fill(orders)
        async with orders.consumer("billing", start="earliest") as consumer:
            first = await consumer.poll(max_records=7)
            await consumer.commit()
            await consumer.poll()  # polled, and not committed
        async with orders.consumer("billing") as consumer:
            second = await consumer.poll() + await consumer.poll(wait=0)
        return sorted(record.value["n"] for record in first + second)

    assert virtually(scenario()) == list(range(12))


def test_a_consumer_without_a_commit_begins_at_the_latest(virtually, client):
    async def scenario():
        orders = client(broker(), "worker-1")
        await fill(orders)
        async with orders.consumer("billing") as consumer:
            assert await consumer.poll() == []
            await orders.append("ada", "new")
            return [record.value for record in await consumer.poll()]

    assert virtually(scenario()) == ["new"]


def test_a_consumer_that_must_not_choose_a_start_says_so(virtually, client):
    async def scenario():
        with pytest.raises(OffsetOutOfRange, match="start='none' says not to choose"):
            await client(broker(), "worker-1").consumer("billing", start="none").poll()

    virtually(scenario())


def test_async_for_gives_one_record_after_the_other(virtually, client):
    async def scenario():
        orders = client(broker(partitions=1), "worker-1")
        await fill(orders, 3)
        seen = []
        async with orders.consumer("billing", start="earliest") as consumer:
            async for record in consumer:
                seen.append(record.value["n"])
                await consumer.commit(record)
                if len(seen) == 3:
                    break
        return seen, await orders.committed("billing")

    assert virtually(scenario()) == ([0, 1, 2], {0: 3})


def test_two_consumers_share_the_partitions_and_lose_nothing(virtually, client):
    async def scenario():
        made, seen, owned = broker(), [], {}
        await fill(client(made), 40)

        async def work(name: str, begin: float) -> None:
            await asyncio.sleep(begin)
            async with client(made, name).consumer("billing", start="earliest") as consumer:
                while asyncio.get_running_loop().time() < 30:
                    for record in await consumer.poll(max_records=2):
                        await asyncio.sleep(0.4)
                        seen.append(record.value["n"])
                    await consumer.commit()
                    owned[name] = sorted(consumer.positions)

        await asyncio.gather(work("a", 0), work("b", 2))
        return sorted(set(seen)), owned, [lag.records for lag in await client(made).lag("billing")]

    assert virtually(scenario()) == (list(range(40)), {"a": [0, 1], "b": [2, 3]}, [0, 0, 0, 0])


def test_a_consumer_that_slept_past_its_session_cannot_commit_and_comes_back_as_a_new_member(
    virtually, client
):
    async def scenario():
        made = broker(partitions=1)
        await fill(client(made), 4)
        settings = {"start": "earliest", "session_timeout": 10}
        zombie = client(made, "a").consumer("billing", **settings)
        heir = client(made, "b").consumer("billing", **settings)
        await zombie.poll()
        await asyncio.sleep(11)
        assert len(await heir.poll()) == 4
        await heir.commit()
        with pytest.raises(FencedMember):
            await zombie.commit()
        assert zombie.generation is None
        joining = asyncio.create_task(zombie.poll(wait=10))
        await asyncio.sleep(4)
        await heir.poll(wait=10)
        await joining
        return zombie.generation, heir.generation

    assert virtually(scenario()) == (3, 3)


def test_who_takes_a_members_name_fences_it(virtually, client):
    async def scenario():
        made = broker(partitions=1)
        await fill(client(made), 4)
        first, second = (client(made, "a").consumer("billing", start="earliest") for _ in range(2))
        await first.poll()
        await second.poll()
        with pytest.raises(StaleGeneration):
            await first.commit()

    virtually(scenario())


def test_seek_is_a_replay_for_one_and_reset_for_the_group(virtually, client):
    async def scenario():
        orders = client(broker(partitions=1), "worker-1")
        await fill(orders, 3)
        async with orders.consumer("billing", start="earliest") as consumer:
            await consumer.poll()
            await consumer.commit()
            consumer.seek(0, 1)
            again = [record.value["n"] for record in await consumer.poll()]
            with pytest.raises(InvalidArgument, match="does not own partition 7"):
                consumer.seek(7, 0)
            with pytest.raises(GroupNotEmpty):
                await orders.reset("billing", to="earliest")
        assert await orders.reset("billing", to="earliest") == {0: 0}
        return again, (await orders.lag("billing"))[0].records

    assert virtually(scenario()) == ([1, 2], 3)


def test_members_must_agree_on_the_groups_settings(virtually, client):
    async def scenario():
        made = broker()
        await client(made, "a").consumer("billing", session_timeout=10).poll(wait=0)
        with pytest.raises(InvalidArgument, match="all members must say the same"):
            await client(made, "b").consumer("billing", session_timeout=20).poll(wait=0)

    virtually(scenario())


def test_a_closed_broker_keeps_nobody_waiting(virtually, client):
    async def scenario():
        made = broker()
        waiting = asyncio.create_task(client(made).fetch(0, 0, wait=1000))
        await asyncio.sleep(1)
        made.close()
        return await waiting, asyncio.get_running_loop().time()

    assert virtually(scenario()) == ([], 1)


def test_topics_are_listed_and_shown_over_http(virtually):
    async def scenario():
        app, answers = BrokerApp(broker(partitions=1)), []

        async def send(message: Any) -> None:
            answers.append(message)

        for path in ("/topics", "/topics/orders", "/topics/orders/nonsense"):
            await app({"type": "http", "method": "GET", "path": path}, None, send)  # type: ignore[arg-type]
        bodies = [json.loads(message["body"]) for message in answers if "body" in message]
        return bodies[0], bodies[1], bodies[2]["message"]

    listed, shown, refusal = virtually(scenario())
    assert listed == {"topics": ["orders"]}
    assert shown == {"partitions": [{"start_offset": 0, "end_offset": 0, "records": 0, "bytes": None}]}
    assert refusal.startswith("no operation 'nonsense'; there are: append, append_many,")


def test_the_observer_sees_the_log_and_the_group(virtually, history):
    async def scenario():
        orders = broker(history, partitions=1).topic("orders", consumer="worker-1")
        async with orders.consumer("billing", start="earliest") as consumer:
            await orders.append(None, "lamp")
            await consumer.poll()
            await consumer.commit()

    virtually(scenario())
    assert [event["kind"] for event in history] == ["appended", "joined", "rebalanced", "committed", "left"]


# -- a restart -------------------------------------------------------------------------------------------


def test_a_log_broker_made_anew_from_its_facts_knows_all_but_who_was_there(virtually):
    async def scenario():
        journal: list[str] = []
        clock = asyncio.get_running_loop().time
        made = LogBroker(clock=clock, journal=lambda fact: journal.append(json.dumps(fact)))
        orders = made.create_topic("orders", partitions=2, retention_records=2, check_interval=5)
        made.create_topic("orders", partitions=2, retention_records=2, check_interval=5)
        producer = await orders.new_producer()
        await orders.append_many([("ada", n) for n in range(4)], partition=1, producer=producer, sequence=0)
        async with orders.consumer("billing", member="a", start="earliest") as consumer:
            while not (records := await consumer.poll()):
                pass
            await consumer.commit()
        await asyncio.sleep(6)  # the cleaning, too
        from_all, from_present = LogBroker(clock=clock), LogBroker(clock=clock)
        for line in journal:
            from_all.restore(json.loads(line))
        for fact in made.facts():
            from_present.restore(json.loads(json.dumps(fact)))
        for again in (from_all, from_present):
            topic = again.topic("orders")
            assert await topic.partitions() == await orders.partitions()
            assert await topic.fetch(1, 2) == await orders.fetch(1, 2) == records[2:]
            assert await topic.committed("billing") == {0: 0, 1: 4}
            assert again.group("orders", "billing").generation == made.group("orders", "billing").generation
            assert again.group("orders", "billing").members == {}
            retry = {"partition": 1, "producer": producer, "sequence": 0}
            assert await topic.append_many([("ada", n) for n in range(4)], **retry) == {1: range(4)}
            assert await topic.new_producer() != producer
            assert again.things() == 2
        return [json.loads(line)[0] for line in journal]

    kinds = virtually(scenario())
    assert [kind for kind in kinds if kind != "committed"] == [
        "topic", "producers", "batch", "generation", "cleaned",
    ]  # fmt: skip


def test_a_fact_of_a_topic_that_is_not_there_is_refused(virtually):
    async def scenario():
        made = LogBroker(clock=asyncio.get_running_loop().time)
        with pytest.raises(InvalidArgument, match="no fact of a topic that is here"):
            made.restore(["batch", "orders", 0, 0, 1.0, None, [["ada", 1]]])

    virtually(scenario())


def test_where_a_journal_lost_records_there_is_a_hole_and_no_other_offset_moves(virtually):
    async def scenario():
        made = LogBroker(clock=asyncio.get_running_loop().time)
        made.create_topic("orders")
        made.restore(["batch", "orders", 0, 0, 1.0, None, [["ada", 0]]])
        made.restore(["batch", "orders", 0, 3, 2.0, None, [["ada", 3]]])
        made.append("orders", "ada", 4)
        records = await made.fetch("orders", {0: 0})
        return [(r.offset, r.value) for r in records], *made.find("orders").snapshot().partitions

    records, snapshot = virtually(scenario())

    assert records == [(0, 0), (3, 3), (4, 4)]
    assert (snapshot.start_offset, snapshot.end_offset, snapshot.records) == (0, 5, 3)
