"""What an engine declares is true: what it lacks is refused by name, what it has is not."""

import dataclasses
import subprocess
import sys

import pytest

from minibroker import EngineMissing, InvalidArgument, Unsupported
from minibroker.engines import Capability, connect
from minibroker.engines.capabilities import PART_OF, Capabilities, Lack


async def _delivery(broker, bench):
    charges = await broker.create_queue(bench.name("charges"))
    await charges.send("lamp")
    [delivery] = await charges.receive(wait=5.0)
    return delivery


async def _lease_timeout(broker, bench):
    await broker.create_queue(bench.name("charges"), visibility_timeout=60.0)


async def _extend(broker, bench):
    await (await _delivery(broker, bench)).extend(60.0)


async def _release(broker, bench):
    await (await _delivery(broker, bench)).release()


async def _queue(broker, bench):
    await broker.create_queue(bench.name("charges"))


async def _send(broker, bench, **options):
    await (await broker.create_queue(bench.name("charges"))).send("lamp", **options)


async def _delay(broker, bench):
    await _send(broker, bench, delay=60.0)


async def _ttl(broker, bench):
    await _send(broker, bench, ttl=60.0)


async def _group(broker, bench):
    await _send(broker, bench, group="ada")


async def _dedup(broker, bench):
    await _send(broker, bench, dedup_id="order-7")


async def _peek(broker, bench):
    await (await broker.create_queue(bench.name("charges"))).peek()


async def _snapshot(broker, bench):
    await (await broker.create_queue(bench.name("charges"))).snapshot()


async def _redrive(broker, bench):
    await (await broker.create_queue(bench.name("charges"))).redrive()


async def _topic(broker, bench):
    await broker.create_topic(bench.topic_name("orders"), partitions=4)


async def _append_many(broker, bench):
    topic = await broker.create_topic(bench.topic_name("orders"), partitions=4)
    assert await topic.append_many([("ada", 1), ("ada", 2)], partition=0) == {0: range(0, 2)}


async def _sequence(broker, bench):
    topic = await broker.create_topic(bench.topic_name("orders"), partitions=4)
    await topic.append("ada", 1, partition=0, producer=await topic.new_producer(), sequence=0)


async def _consumer(broker, bench, **settings):
    topic = await broker.create_topic(bench.topic_name("orders"), partitions=4)
    return topic.consumer(bench.name("billing"), member="ada", session_timeout=2.5, **settings)


async def _sticky(broker, bench):
    async with await _consumer(broker, bench, assignor="sticky") as consumer:
        await consumer.poll(wait=0.5)


async def _retention_records(broker, bench):
    await broker.create_topic(bench.name("orders"), partitions=4, retention_records=100)


async def _publish(broker, bench):
    await broker.publish("shop/orders", "lamp")


USES = {
    Capability.QUEUES: _queue,
    Capability.LEASE_TIMEOUT: _lease_timeout,
    Capability.EXTEND: _extend,
    Capability.RELEASE: _release,
    Capability.DELAY: _delay,
    Capability.TTL: _ttl,
    Capability.GROUP: _group,
    Capability.DEDUP: _dedup,
    Capability.PEEK: _peek,
    Capability.SNAPSHOT: _snapshot,
    Capability.REDRIVE: _redrive,
    Capability.TOPICS: _topic,
    Capability.APPEND_MANY: _append_many,
    Capability.SEQUENCE: _sequence,
    Capability.STICKY: _sticky,
    Capability.RETENTION_RECORDS: _retention_records,
    Capability.PUBLISH: _publish,
}


def test_each_capability_has_a_use_here():
    assert set(USES) == set(Capability)


@pytest.mark.parametrize("capability", list(Capability))
def test_what_an_engine_lacks_is_refused_with_its_reason_and_what_it_has_is_done(any_engine, capability):
    capabilities = any_engine.capabilities
    lack = capabilities.lack(capability)

    async def scenario(broker):
        if lack is None:
            await USES[capability](broker, any_engine)
            return
        with pytest.raises(Unsupported) as refusal:
            await USES[capability](broker, any_engine)
        asked_for = {capability, PART_OF.get(capability)}
        assert refusal.value.code == "unsupported" and refusal.value.definite
        assert refusal.value.engine == capabilities.engine and refusal.value.capability in asked_for
        assert lack.why in str(refusal.value) and lack.instead in str(refusal.value)

    any_engine.run(scenario)


def test_the_table_has_a_row_for_each_capability_and_a_reason_for_each_lack(any_engine):
    rows = any_engine.capabilities.table()
    assert [name for name, _, _ in rows] == [str(capability) for capability in Capability]
    assert all(instead for _, has_it, instead in rows if has_it != "yes")


def test_capabilities_cannot_be_changed():
    capabilities = Capabilities("none", {Capability.QUEUES: Lack("it is a wall", "a broker")})
    with pytest.raises(dataclasses.FrozenInstanceError):
        capabilities.engine = "another"
    assert not capabilities.has(Capability.DELAY) and capabilities.has(Capability.TOPICS)
    with pytest.raises(ValueError, match="none does have topics"):
        capabilities.unsupported(Capability.TOPICS)


@pytest.mark.parametrize("url", ["", "charges", "http://127.0.0.1", None, 7, "amq://x"])
def test_a_url_that_names_no_engine_is_refused_with_those_that_there_are(url):
    with pytest.raises(InvalidArgument, match="it begins with one of: memory:"):
        connect(url)


def test_importing_minibroker_imports_no_engines_library():
    code = "import minibroker, sys; print(sorted({'aio_pika', 'aiokafka', 'aiomqtt'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


LIBRARIES = {
    "amqp://127.0.0.1": "aio_pika",
    "kafka://127.0.0.1": "confluent_kafka",
    "mqtt://127.0.0.1": "aiomqtt",
}


@pytest.mark.parametrize("url", list(LIBRARIES))
def test_an_engine_without_its_library_says_what_to_install(url, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == LIBRARIES[url]]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, LIBRARIES[url], None)
    for name in [name for name in sys.modules if name.startswith("minibroker.engines.")]:
        monkeypatch.delitem(sys.modules, name)  # they hold what they have imported
    with pytest.raises(EngineMissing, match=rf"{LIBRARIES[url]}.*pip install 'broken-on-purpose\[engines\]'"):
        connect(url)
