"""What outlives a connection: MQTT 5.0, 3.1.2.4, 3.1.2.5, 3.1.2.11.2, 3.14, 4.1, 4.4."""

import pytest

from minibroker import WorkQueue
from minibroker.mqtt.copy import Copy
from minibroker.mqtt.limits import Limits
from minibroker.mqtt.outbox import LAST_PACKET_ID, LEASE, Outbox
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Disconnect,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Will,
)
from minibroker.mqtt.reason_codes import ReasonCode
from tests.minibroker.mqtt.raw import Client, World, sleep

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])
KEEPS = {"clean_start": False, "session_expiry_interval": 100}


async def asleep(world: World, *filters: str, version: int = MQTT_5, qos: int = 2) -> None:
    """Ada subscribes, and goes."""
    client = await world.connect("ada", version=version, **KEEPS)
    await client.subscribe(*filters, qos=qos)
    await client.leave()


# -- a session is there again, or not --------------------------------------------------------------------


@BOTH
def test_a_session_that_is_kept_is_present_with_its_subscriptions(virtually, version):
    """[MQTT-3.1.2-5], [MQTT-3.2.2-3]; 3.1.1: [MQTT-3.1.2-4], [MQTT-3.2.2-2]"""

    async def run():
        world = World()
        assert not (await world.connect("ada", version=version, **KEEPS)).connack.session_present
        await asleep(world, "a", version=version)
        ada = await world.connect("ada", version=version, **KEEPS)
        assert ada.connack.session_present
        await ada.publish("a", b"x")
        assert await ada.payloads() == [b"x"]

    virtually(run())


@BOTH
def test_a_clean_start_forgets_the_session(virtually, version):
    """[MQTT-3.1.2-4], [MQTT-3.2.2-2]; 3.1.1: [MQTT-3.1.2-6], [MQTT-3.2.2-1]"""

    async def run():
        world = World()
        await asleep(world, "a", version=version)
        speaker = await world.connect("speaker", version=version)
        await speaker.publish("a", b"x", qos=1)
        ada = await world.connect("ada", version=version, clean_start=True)
        assert not ada.connack.session_present
        await speaker.publish("a", b"y", qos=1)
        assert await ada.messages() == []

    virtually(run())


@BOTH
def test_a_clean_session_leaves_nothing_behind(virtually, version):
    async def run():
        world = World()
        ada = await world.connect("ada", version=version)
        await ada.subscribe("a", "$share/g/b", qos=1)
        await ada.leave()
        assert (len(world.server.sessions), len(world.server.subscriptions)) == (0, 0)

    virtually(run())


@pytest.mark.parametrize(("expiry", "slept", "present"), [(5, 4.9, True), (5, 5.1, False), (0, 0, False)])
def test_a_session_ends_when_its_time_is_up(virtually, expiry, slept, present):
    """[MQTT-3.1.2-23], [MQTT-4.1.0-2]"""

    async def run():
        world = World()
        ada = await world.connect("ada", clean_start=False, session_expiry_interval=expiry)
        await ada.subscribe("a", qos=1)
        await ada.vanish()
        await sleep(slept)
        assert len(world.server.subscriptions) == present
        ada = await world.connect("ada", clean_start=False)
        assert ada.connack.session_present == present

    virtually(run())


def test_the_time_begins_anew_with_each_connection_and_may_be_changed_at_its_end(virtually):
    """3.14.2.2.2"""

    async def run():
        world = World()
        ada = await world.connect("ada", session_expiry_interval=1)
        await ada.leave(session_expiry_interval=50)
        await sleep(40)
        ada = await world.connect("ada", clean_start=False, session_expiry_interval=50)
        assert ada.connack.session_present
        await sleep(1_000)
        await ada.leave()
        await sleep(40)
        ada = await world.connect("ada", clean_start=False, session_expiry_interval=50)
        assert ada.connack.session_present
        await ada.leave(session_expiry_interval=0)
        assert len(world.server.sessions) == 0

    virtually(run())


def test_no_expiry_cannot_become_one_at_the_end(virtually):
    """3.14.2.2.2"""

    async def run():
        ada = await World().connect("ada")
        ada.say(Disconnect(0, {"session_expiry_interval": 5}))
        assert (await ada.last_word()).reason_code == ReasonCode.PROTOCOL_ERROR

    virtually(run())


@pytest.mark.parametrize("asked", [1_000, 0xFFFF_FFFF])
def test_a_session_that_would_be_kept_too_long_is_told_how_long_it_is(virtually, asked):
    """3.2.2.3.2"""

    async def run():
        world = World(limits=Limits(max_session_expiry=60.0))
        ada = await world.connect("ada", session_expiry_interval=asked)
        assert ada.connack.properties["session_expiry_interval"] == 60
        await ada.leave()
        await sleep(61)
        assert len(world.server.sessions) == 0

    virtually(run())


# -- what waits for whom is away -------------------------------------------------------------------------


@BOTH
def test_messages_of_qos_1_and_2_wait_and_those_of_qos_0_do_not(virtually, version):
    """[MQTT-3.1.2-5], [MQTT-4.5.0-1]"""

    async def run():
        world = World()
        await asleep(world, "a/#", "+/b", version=version)
        speaker = await world.connect("speaker", version=version)
        for qos in (0, 1, 2):
            await speaker.publish("a/b", f"q{qos}".encode(), qos=qos)
        ada = await world.connect("ada", version=version, **KEEPS)
        assert [(m.payload, m.qos, m.dup) for m in await ada.messages()] == [
            (b"q1", 1, False),
            (b"q2", 2, False),
        ]
        await ada.vanish()
        assert await (await world.connect("ada", version=version, **KEEPS)).messages() == []

    virtually(run())


@BOTH
def test_what_was_not_acked_is_sent_again_with_dup_and_its_packet_id_in_order(virtually, version):
    """[MQTT-4.4.0-1], [MQTT-3.3.1-1]; 3.1.1: [MQTT-4.4.0-1]"""

    async def run():
        world = World()
        await asleep(world, "a", version=version)
        speaker = await world.connect("speaker", version=version)
        for number in range(4):
            await speaker.publish("a", str(number).encode(), qos=1 + number % 2)
        ada = await world.connect("ada", version=version, **KEEPS)
        first = await ada.messages(ack=False)
        ada.say(Puback(first[2].packet_id))
        await ada.vanish()
        ada = await world.connect("ada", version=version, **KEEPS)
        again = await ada.messages()
        assert again == [m._replace(dup=True) for m in (first[0], first[1], first[3])]
        await ada.vanish()
        assert await (await world.connect("ada", version=version, **KEEPS)).messages() == []

    virtually(run())


@BOTH
def test_nothing_is_sent_again_while_the_connection_lasts(virtually, version):
    """[MQTT-4.4.0-1]: "at any other time" it must not."""

    async def run():
        world = World()
        ada = await world.connect("ada", version=version, **KEEPS)
        await ada.subscribe("a", qos=2)
        speaker = await world.connect("speaker", version=version)
        await speaker.publish("a", b"1", qos=1)
        await speaker.publish("a", b"2", qos=2)
        assert len(await ada.messages(ack=False)) == 2
        await sleep(1_000_000)
        assert await ada.messages(ack=False) == []

    virtually(run())


@BOTH
def test_after_pubrec_only_pubrel_is_sent_again(virtually, version):
    """[MQTT-4.3.3-6], [MQTT-4.4.0-1]"""

    async def run():
        world = World()
        ada = await world.connect("ada", version=version, **KEEPS)
        await ada.subscribe("a", qos=2)
        speaker = await world.connect("speaker", version=version)
        await speaker.publish("a", b"x", qos=2)
        [message] = await ada.messages(ack=False)
        ada.say(Pubrec(message.packet_id))
        assert await ada.next(Pubrel) == Pubrel(message.packet_id)
        for _ in range(2):
            await ada.vanish()
            ada = await world.connect("ada", version=version, **KEEPS)
            assert await ada.next(Pubrel) == Pubrel(message.packet_id)
        ada.say(Pubcomp(message.packet_id))
        await ada.vanish()
        await (await world.connect("ada", version=version, **KEEPS)).nothing()

    virtually(run())


@BOTH
def test_a_qos_2_message_that_came_before_the_connection_broke_is_not_passed_on_again(virtually, version):
    """[MQTT-4.3.3-10]: the packet ids that came are part of the session."""

    async def run():
        world = World()
        listener = await world.connect("listener", version=version)
        await listener.subscribe("a", qos=0)
        ada = await world.connect("ada", version=version, **KEEPS)
        ada.say(Publish("a", b"once", 2, packet_id=5))
        await ada.next(Pubrec)
        await ada.vanish()
        ada = await world.connect("ada", version=version, **KEEPS)
        ada.say(Publish("a", b"once", 2, dup=True, packet_id=5))
        await ada.next(Pubrec)
        ada.say(Pubrel(5))
        assert (await ada.next(Pubcomp)).reason_code == 0
        assert await listener.payloads() == [b"once"]

    virtually(run())


def test_a_pubrec_that_refuses_ends_the_message(virtually):
    """[MQTT-4.4.0-2]"""

    async def run():
        world = World()
        ada = await world.connect("ada", receive_maximum=1, **KEEPS)
        await ada.subscribe("a", qos=2)
        speaker = await world.connect("speaker")
        await speaker.publish("a", b"1", qos=2)
        await speaker.publish("a", b"2", qos=2)
        [message] = await ada.messages(ack=False)
        ada.say(Pubrec(message.packet_id, ReasonCode.QUOTA_EXCEEDED))
        assert await ada.payloads() == [b"2"]

    virtually(run())


def test_a_session_keeps_its_newest_messages_up_to_the_limit(virtually):
    async def run():
        world = World(limits=Limits(max_queued=3, max_in_flight=1))
        await asleep(world, "a")
        speaker = await world.connect("speaker")
        for number in range(10):
            assert (await speaker.publish("a", str(number).encode(), qos=1)).reason_code == 0
        ada = await world.connect("ada", **KEEPS)
        assert await ada.payloads() == [b"6", b"7", b"8", b"9"]

    virtually(run())


@BOTH
def test_a_takeover_hands_the_messages_over(virtually, version):
    async def run():
        world = World()
        first = await world.connect("ada", version=version, **KEEPS)
        await first.subscribe("a", qos=1)
        speaker = await world.connect("speaker", version=version)
        await speaker.publish("a", b"x", qos=1)
        [message] = await first.messages(ack=False)
        second = await world.connect("ada", version=version, **KEEPS)
        assert await second.messages() == [message._replace(dup=True)]

    virtually(run())


def test_packet_ids_go_round_and_pass_over_those_in_use():
    """[MQTT-2.2.1-4]"""
    outbox = Outbox(lambda: WorkQueue("q", visibility_timeout=LEASE))
    seen: list[int] = []

    def transmit(copy: Copy, now: float, packet_id: int, dup: bool) -> bool:
        seen.append(packet_id)
        return True

    outbox.opened(2)
    for _ in range(LAST_PACKET_ID + 5):
        outbox.put(Copy(Publish("a", b"x", 1), 0.0), now=0.0)
        outbox.pump(transmit, lambda packet_id: None, now=0.0)
        if seen[-1] != 1:  # the first is never acked
            assert outbox.finished(seen[-1], qos=1, now=0.0)
    assert seen == [*range(1, LAST_PACKET_ID + 1), 2, 3, 4, 5, 6]


# -- the will ----------------------------------------------------------------------------------------------


async def with_will(world: World, version: int = MQTT_5, *, delay: int | None = None, **options) -> Client:
    properties = {} if delay is None or version == MQTT_3_1_1 else {"will_delay_interval": delay}
    will = Will("wills/ada", b"gone", options.pop("qos", 1), options.pop("retain", False), properties)
    return await world.connect("ada", version=version, will=will, **options)


async def executor(world: World, version: int = MQTT_5) -> Client:
    client = await world.connect("executor", version=version)
    await client.subscribe("wills/#", qos=2)
    return client


@BOTH
def test_the_will_of_a_client_that_vanishes_is_published(virtually, version):
    """[MQTT-3.1.2-8], [MQTT-3.1.2-9]"""

    async def run():
        world = World()
        heir = await executor(world, version)
        ada = await with_will(world, version)
        await ada.vanish()
        assert [(m.topic, m.payload, m.qos) for m in await heir.messages()] == [("wills/ada", b"gone", 1)]

    virtually(run())


@BOTH
def test_a_normal_disconnect_takes_the_will_with_it(virtually, version):
    """[MQTT-3.14.4-3], [MQTT-3.1.2-10]"""

    async def run():
        world = World()
        heir = await executor(world, version)
        ada = await with_will(world, version, delay=5, **KEEPS)
        await ada.leave()
        await sleep(200)
        assert await heir.messages() == []

    virtually(run())


def test_a_disconnect_with_will_message_leaves_it(virtually):
    """3.14.2.1: 0x04"""

    async def run():
        world = World()
        heir = await executor(world)
        ada = await with_will(world)
        await ada.leave(ReasonCode.DISCONNECT_WITH_WILL_MESSAGE)
        assert await heir.payloads() == [b"gone"]

    virtually(run())


@BOTH
def test_whoever_breaks_the_protocol_or_falls_silent_has_a_will_too(virtually, version):
    async def run():
        world = World()
        heir = await executor(world, version)
        (await with_will(world, version)).say_bytes(b"\x00\x00")
        assert await heir.payloads() == [b"gone"]
        await with_will(world, version, keep_alive=10)
        await sleep(15.1)
        assert await heir.payloads() == [b"gone"]

    virtually(run())


@pytest.mark.parametrize(
    ("delay", "expiry", "after"), [(5, 100, 5), (100, 5, 5), (5, 5, 5), (5, 0, 0), (0, 100, 0)]
)
def test_a_will_comes_at_the_earlier_of_its_delay_and_the_sessions_end(virtually, delay, expiry, after):
    """[MQTT-3.1.2-8], 3.1.3.2.2"""

    async def run():
        world = World()
        heir = await executor(world)
        ada = await with_will(world, delay=delay, session_expiry_interval=expiry)
        await ada.vanish()
        if after:
            await sleep(after - 0.1)
            assert await heir.messages() == []
            await sleep(0.2)
        [will] = await heir.messages()
        assert (will.payload, will.properties) == (b"gone", {})
        await sleep(200)
        assert await heir.messages() == []

    virtually(run())


def test_a_will_is_not_sent_if_its_client_is_back_in_time(virtually):
    """[MQTT-3.1.3-9]"""

    async def run():
        world = World()
        heir = await executor(world)
        ada = await with_will(world, delay=5, **KEEPS)
        await ada.vanish()
        await sleep(4)
        ada = await world.connect("ada", **KEEPS)
        await sleep(10)
        assert await heir.messages() == []
        await ada.vanish()
        await sleep(200)
        assert await heir.messages() == []

    virtually(run())


@pytest.mark.parametrize(("clean", "delay", "comes"), [(True, 5, True), (False, 5, False), (False, 0, True)])
def test_a_takeover_and_the_will(virtually, clean, delay, comes):
    """3.1.4: the old session's will, if the session ends with it or if it has no delay."""

    async def run():
        world = World()
        heir = await executor(world)
        await with_will(world, delay=delay, **KEEPS)
        await world.connect("ada", clean_start=clean, session_expiry_interval=100)
        await sleep(50)
        assert bool(await heir.messages()) == comes

    virtually(run())


@BOTH
def test_a_will_can_be_retained(virtually, version):
    """[MQTT-3.1.2-14], [MQTT-3.1.2-15]"""

    async def run():
        world = World()
        ada = await with_will(world, version, retain=True)
        await ada.vanish()
        heir = await executor(world, version)
        assert [(m.payload, m.retain) for m in await heir.messages()] == [(b"gone", True)]

    virtually(run())


def test_a_wills_properties_go_with_it(virtually):
    """[MQTT-3.1.3-10]"""

    async def run():
        world = World()
        heir = await executor(world)
        properties = {"user_property": [("a", "1")], "content_type": "t", "message_expiry_interval": 9}
        ada = await world.connect(
            "ada", will=Will("wills/x", b"w", 1, False, {**properties, "will_delay_interval": 0})
        )
        await ada.vanish()
        assert [m.properties for m in await heir.messages()] == [properties]

    virtually(run())
