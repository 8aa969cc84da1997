"""What MQTT keeps is in the broker's own queues and logs, where others can look at it."""

import asyncio
import re
import subprocess
import sys
from contextlib import contextmanager

import aiomqtt
import pytest

from minibroker import Broker, InvalidArgument, NoSuchQueue, State
from minibroker.mqtt import Limits
from minibroker.mqtt.packets import Publish
from tests.minibroker.mqtt.raw import World
from tests.repository import ROOT

KEEPS = {"clean_start": False, "session_expiry_interval": 100}


def test_a_session_that_is_kept_is_a_queue_that_one_can_look_into(virtually):
    async def run():
        world = World()
        ada = await world.connect("ada", receive_maximum=1, **KEEPS)
        await ada.subscribe("a", qos=1)
        speaker = await world.connect("speaker")
        for number in range(3):
            await speaker.publish("a", b"%d" % number, qos=1)
        assert world.broker.queue_names() == ["mqtt.session.ada"]
        seen = world.broker.snapshot("mqtt.session.ada")
        assert (seen.in_flight, seen.ready) == (1, 2)
        waiting = world.broker.peek("mqtt.session.ada", state=State.READY)
        assert [(m.body["topic"], m.body["payload"], m.body["qos"]) for m in waiting] == [
            ("a", "1", 1),
            ("a", "2", 1),
        ]
        assert len(await ada.messages()) == 3
        assert world.broker.snapshot("mqtt.session.ada").acked == 3

    virtually(run())


def test_a_group_is_a_queue_and_goes_with_its_last_member(virtually):
    async def run():
        world = World()
        ada = await world.connect("ada", **KEEPS)
        await ada.subscribe("$share/g/a/#", qos=1)
        await ada.vanish()
        speaker = await world.connect("speaker")
        await speaker.publish("a/b", b"x", qos=1)
        [name] = world.broker.queue_names()
        assert name.startswith("mqtt.share.sha256.") and world.broker.snapshot(name).ready == 1
        await asyncio.sleep(101)
        assert world.broker.queue_names() == []

    virtually(run())


def test_a_session_that_dies_with_its_connection_is_in_no_queue_of_the_brokers(virtually):
    async def run():
        world = World()
        ada = await world.connect("ada")
        await ada.subscribe("a", qos=2)
        await ada.publish("b", b"x", qos=1)
        assert world.broker.queue_names() == []

    virtually(run())


def test_retained_messages_and_sessions_are_compacted_logs(virtually):
    async def run():
        world = World()
        ada = await world.connect("ada", **KEEPS)
        await ada.subscribe("a", qos=2)
        for number in range(10_000):
            ada.say(Publish("kept", b"%d" % number, retain=True))
        logs = world.broker.logs
        assert logs.names() == ["mqtt.retained", "mqtt.sessions"]
        kept = list(logs.find("mqtt.retained").partition(0).records())
        assert kept[-1].key == "kept" and kept[-1].value["payload"] == "9999"
        assert len(kept) < 3_000
        [*_, last] = logs.find("mqtt.sessions").partition(0).records()
        assert (last.key, list(last.value["filters"])) == ("ada", ["a"])

    virtually(run())


def test_all_listeners_of_a_broker_share_one_server_with_the_limits_of_the_first():
    async def run():
        async with Broker() as broker:
            first = broker.listen_mqtt(limits=Limits(max_connections=7))
            async with first, broker.listen_mqtt() as second:
                assert second.port != first.port and second.server is first.server
                with pytest.raises(InvalidArgument, match="first listener's"):
                    broker.listen_mqtt(limits=Limits())

    asyncio.run(run())


def test_a_queue_can_be_removed_and_a_restart_does_not_bring_it_back(tmp_path):
    async def run():
        async with Broker(path=tmp_path) as broker:
            broker.work_queue("here", visibility_timeout=5.0)
            broker.create_queue("gone")
            broker.send("gone", 1)
            broker.remove_queue("gone")
            with pytest.raises(NoSuchQueue):
                broker.send("gone", 2)
        async with Broker(path=tmp_path) as broker:
            assert broker.queue_names() == ["here"]
            assert broker.snapshot("here").visibility_timeout == 5.0
            broker.create_queue("letters", dead_letter_queue="dead", max_receive_count=1)
            with pytest.raises(InvalidArgument, match="dead-letter queue of others"):
                broker.remove_queue("dead")

    asyncio.run(run())


@contextmanager
def running(*options):
    """`python -m minibroker --mqtt 0` in a process of its own; its port."""
    command = [sys.executable, "-m", "minibroker", "--mqtt", "0", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield int(re.search(r"mqtt://127\.0\.0\.1:(\d+)", process.stdout.readline())[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_python_m_minibroker_serves_mqtt():
    async def run(port):
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("a")
            await client.publish("a", b"x")
            return (await anext(client.messages)).payload

    with running() as port:
        assert asyncio.run(asyncio.wait_for(run(port), 20)) == b"x"


def test_python_m_minibroker_refuses_the_filters_that_it_is_told_to():
    """[MQTT-3.8.4-5] and 3.9.3 in both versions: 0x80 for that filter, and the others are granted."""

    filters = [("a/b", 1), ("a/#", 1), ("c/#", 1), ("c/d", 1), ("$share/g/a/b", 1)]

    async def run(port, version):
        async with aiomqtt.Client("127.0.0.1", port, protocol=version) as client:
            return [int(getattr(code, "value", code)) for code in await client.subscribe(filters)]

    with running("--refuse-subscribe", "a/b", "--refuse-subscribe", "c/#") as port:
        for version in (aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5):
            codes = asyncio.run(asyncio.wait_for(run(port, version), 20))
            assert codes == [0x80, 1, 0x80, 1, 0x80]
