"""Streams that are no MQTT, or nearly: one connection ends, nothing else happens, and nothing stays.

The long counts are `make soak`'s.
"""

import asyncio
import random
import tracemalloc

import pytest

from minibroker.mqtt import Limits
from minibroker.mqtt.codec import encode
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Subscribe,
    Subscription,
    Unsubscribe,
    Will,
)
from tests.garbage import collect_garbage
from tests.minibroker.mqtt.raw import World, settle, sleep


def sound(rng: random.Random) -> list[bytes]:
    """A CONNECT and what a client might say after it, as bytes."""
    version = rng.choice([MQTT_3_1_1, MQTT_5])
    qos, packet_id = rng.randrange(3), rng.randrange(1, 9)
    properties = {"user_property": [("a", "b")], "message_expiry_interval": 5} if version == MQTT_5 else {}
    will = Will("wills/x", b"w", qos, rng.random() < 0.3) if rng.random() < 0.5 else None
    client_id = rng.choice(["", "x", "y", "z" * 30])
    connect = Connect(client_id, not client_id or rng.random() < 0.5, 10, None, None, will, version)
    after = [
        Publish("t/1", b"payload", qos, rng.random() < 0.2, False, packet_id if qos else None, properties),
        Subscribe(packet_id, (Subscription("t/#", qos), Subscription("$share/g/t/+", qos))),
        Unsubscribe(packet_id, ("t/#", "never")),
        *(kind(packet_id) for kind in (Puback, Pubrec, Pubrel, Pubcomp)),
        Pingreq(),
        Disconnect(),
    ]
    if version == MQTT_5:
        after += [Auth(), Publish("", b"", properties={"topic_alias": rng.randrange(1, 5)})]
    said = [connect, *rng.choices(after, k=rng.randrange(6))]
    return [encode(packet, version) for packet in said]


def hostile(rng: random.Random) -> bytes:
    """Sound packets with bytes changed, left out, doubled or cut; or no packets at all."""
    if rng.random() < 0.2:
        return rng.randbytes(rng.randrange(1, 200))
    data = bytearray(b"".join(sound(rng)))
    for _ in range(rng.randrange(5)):
        place = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                del data[place : place + rng.randrange(1, 4)]
            case 2:
                data[place:place] = data[place : place + rng.randrange(1, 20)]
            case 3:
                del data[place:]
        if not data:
            return b"\x00"
    return bytes(data)


def used(world: World) -> int:
    """Bytes in use, once the logs are cleaned of what is out of date (they would do it by themselves)."""
    for name in world.broker.logs.names():
        world.broker.logs.find(name).clean(world.broker.now())
    collect_garbage()
    return tracemalloc.get_traced_memory()[0]


async def attack(streams: int, seed: int) -> None:
    """So many of them, while a witness listens and speaks; then nothing is left of them."""
    rng = random.Random(seed)
    world = World(limits=Limits(max_sessions=100, max_queued=50, max_retained=50, max_session_expiry=5.0))
    witness, speaker = await world.connect("witness"), await world.connect("speaker")
    await witness.subscribe("witness/+", qos=1)

    async def some(count: int) -> None:
        for number in range(count):
            attacker = world.raw()
            attacker.wire.arrived = lambda data: None
            data = hostile(rng)
            while data and not attacker.wire.closed:
                size = rng.choice([1, 7, 100, 10_000])
                attacker.protocol.data_received(data[:size])
                data = data[size:]
            if not attacker.wire.closed:
                await attacker.vanish()
            if number % 50 == 0:
                await speaker.publish("witness/x", b"%d" % number, qos=1)
                assert await witness.payloads() == [b"%d" % number]
                await sleep(1)

    async def memory() -> int:
        await sleep(100)
        return used(world)

    tracemalloc.start()
    try:
        await some(streams // 2)
        before = await memory()
        await some(streams // 2)
        assert await memory() - before < 100_000
    finally:
        tracemalloc.stop()
    witness.say(Pingreq())
    await witness.next(Pingresp)
    assert world.server.connections == 2
    assert set(world.server.sessions) == {"witness", "speaker"}
    assert len(world.server.subscriptions) == 1
    assert len(world.server.timetable) < 80
    assert len(asyncio.all_tasks()) == 1  # this one


def test_two_thousand_hostile_streams_disturb_nobody_and_leave_nothing(virtually):
    virtually(attack(2_000, seed=5))


@pytest.mark.soak
def test_a_hundred_thousand_hostile_streams_disturb_nobody_and_leave_nothing(virtually):
    virtually(attack(100_000, seed=6))


async def come_and_go(rounds: int) -> None:
    world = World()

    async def some(count: int) -> int:
        for number in range(count):
            keeps = {"clean_start": False, "session_expiry_interval": 1} if number % 2 else {}
            client = await world.connect(f"client-{number}", keep_alive=60, **keeps)
            await client.subscribe(f"a/{number}", "b/#", qos=1)
            await client.publish(f"a/{number}", b"x", qos=1 if number % 3 else 0)
            await client.messages()
            if number % 5:
                await client.leave()
            else:
                await client.vanish()
        await sleep(10)
        return used(world)

    tracemalloc.start()
    try:
        await some(100)
        # What the logs have not yet compacted goes up and down: compare the lowest of five with that of five.
        before = min([await some(rounds // 10) for _ in range(5)])
        assert min([await some(rounds // 10) for _ in range(5)]) - before < 50_000
    finally:
        tracemalloc.stop()
    assert (world.server.connections, len(world.server.sessions), len(world.server.subscriptions)) == (
        0,
        0,
        0,
    )


def test_connecting_and_going_leaves_nothing(virtually):
    virtually(come_and_go(200))


@pytest.mark.soak
def test_connecting_and_going_ten_thousand_times_leaves_nothing(virtually):
    virtually(come_and_go(10_000))


def test_a_connack_that_refuses_is_the_last_thing_that_is_read(virtually):
    """[MQTT-3.1.4-6]"""

    async def run():
        world = World(authenticate=lambda *who: False)
        listener = world.raw()
        listener.say(Connect("ada"), Publish("a", b"x", retain=True))
        assert (await listener.next(Connack)).reason_code >= 0x80
        await settle()
        assert len(world.server.retained) == 0

    virtually(run())
