"""Who sends how much: MQTT 5.0, 3.1.2.11.3 to 3.1.2.11.5, 3.3.2.3.4, 4.9; slow and greedy clients."""

import tracemalloc

import pytest

from minibroker.mqtt.limits import Limits
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
)
from minibroker.mqtt.reason_codes import ReasonCode
from tests.minibroker.mqtt.raw import World, settle, sleep

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


# -- receive maximum ------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [1, 2])
def test_no_more_is_in_flight_than_the_client_takes(virtually, qos):
    """[MQTT-3.3.4-9], [MQTT-4.9.0-1], [MQTT-4.9.0-2]"""

    async def run():
        world = World()
        ada = await world.connect("ada", receive_maximum=2)
        await ada.subscribe("a", qos=2)
        speaker = await world.connect("speaker")
        for number in range(5):
            await speaker.publish("a", str(number).encode(), qos=qos)
        first = await ada.messages(ack=False)
        assert [m.payload for m in first] == [b"0", b"1"]
        await speaker.publish("a", b"of QoS 0")  # does not count, and need not wait
        assert await ada.payloads() == [b"of QoS 0"]
        if qos == 1:
            ada.say(Puback(first[1].packet_id))
        else:
            ada.say(Pubrec(first[1].packet_id))
            await ada.next(Pubrel)
            await ada.nothing()  # not yet: until PUBCOMP it counts
            ada.say(Pubcomp(first[1].packet_id))
        assert [m.payload for m in await ada.messages(ack=False)] == [b"2"]

    virtually(run())


def test_what_is_sent_again_keeps_to_a_receive_maximum_that_is_lower_now(virtually):
    async def run():
        world = World()
        keeps = {"clean_start": False, "session_expiry_interval": 100}
        ada = await world.connect("ada", **keeps)
        await ada.subscribe("a", qos=1)
        speaker = await world.connect("speaker")
        for number in range(4):
            await speaker.publish("a", str(number).encode(), qos=1)
        assert len(await ada.messages(ack=False)) == 4
        await speaker.publish("a", b"4", qos=1)
        await ada.vanish()
        ada = await world.connect("ada", receive_maximum=1, **keeps)
        for number in range(5):
            [message] = await ada.messages(ack=False)
            assert message.payload == str(number).encode()
            ada.say(Puback(message.packet_id))
        await ada.nothing()

    virtually(run())


def test_whoever_sends_more_than_our_receive_maximum_is_told_and_ended(virtually):
    """[MQTT-3.3.4-7], 0x93"""

    async def run():
        world = World(limits=Limits(receive_maximum=3))
        ada = await world.connect("ada")
        for number in (1, 2, 3):
            ada.say(Publish("a", b"x", 2, packet_id=number))
            await ada.next(Pubrec)
        ada.say(Publish("a", b"again", 2, dup=True, packet_id=3))
        await ada.next(Pubrec)
        ada.say(Pubrel(1))
        await ada.next(Pubcomp)
        ada.say(Publish("a", b"x", 2, packet_id=4), Publish("a", b"x", 2, packet_id=5))
        await ada.next(Pubrec)
        assert (await ada.last_word()).reason_code == ReasonCode.RECEIVE_MAXIMUM_EXCEEDED
        assert ada.wire.half_closed and not ada.wire.closed

    virtually(run())


def test_a_burst_of_qos_1_does_not_count_since_each_is_acked_at_once(virtually):
    async def run():
        world = World(limits=Limits(receive_maximum=3))
        ada = await world.connect("ada")
        ada.say(*[Publish("a", b"x", 1, packet_id=number) for number in range(1, 500)])
        await settle()
        assert [p.packet_id for p in ada.heard] == list(range(1, 500))

    virtually(run())


# -- topic aliases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_a_client_may_say_a_number_for_a_topic(virtually, qos):
    """[MQTT-3.3.2-7], [MQTT-3.3.2-12]"""

    async def run():
        world = World(limits=Limits(topic_aliases=2))
        ada, heir = await world.connect("ada"), await world.connect("heir")
        await heir.subscribe("#", qos=2)
        for topic, alias in (("a", 1), ("", 1), ("b", 2), ("", 2), ("c", 1), ("", 1)):
            await ada.publish(topic, b"x", qos=qos, topic_alias=alias)
        heard = await heir.messages()
        assert [m.topic for m in heard] == ["a", "a", "b", "b", "c", "c"]
        assert all(not m.properties for m in heard)

    virtually(run())


@pytest.mark.parametrize(("topic", "alias", "code"), [("a", 3, 0x94), ("", 2, 0x82), ("", 3, 0x94)])
def test_a_number_that_stands_for_nothing_ends_the_connection(virtually, topic, alias, code):
    """[MQTT-3.3.2-8], [MQTT-3.3.2-9]"""

    async def run():
        world = World(limits=Limits(topic_aliases=2))
        ada = await world.connect("ada")
        ada.say(Publish(topic, b"x", properties={"topic_alias": alias}))
        assert (await ada.last_word()).reason_code == code

    virtually(run())


def test_alias_0_is_no_alias_and_aliases_end_with_the_connection(virtually):
    """[MQTT-3.3.2-8], [MQTT-3.3.2-7]"""

    async def run():
        world = World()
        ada = await world.connect("ada")
        ada.say_bytes(b"\x30\x08\x00\x01a\x03\x23\x00\x00x")
        assert (await ada.last_word()).reason_code == ReasonCode.TOPIC_ALIAS_INVALID
        keeps = {"clean_start": False, "session_expiry_interval": 100}
        ada = await world.connect("ada", **keeps)
        await ada.publish("a", topic_alias=1)
        await ada.leave()
        ada = await world.connect("ada", **keeps)
        ada.say(Publish("", properties={"topic_alias": 1}))
        assert (await ada.last_word()).reason_code == ReasonCode.PROTOCOL_ERROR

    virtually(run())


def test_we_use_as_many_numbers_as_the_client_can_remember(virtually):
    """[MQTT-3.1.2-26], [MQTT-3.1.2-27], [MQTT-3.3.2-10], [MQTT-3.3.2-11]"""

    async def run():
        world = World()
        ada, plain = await world.connect("ada", topic_alias_maximum=2), await world.connect("plain")
        await ada.subscribe("#", qos=2)
        await plain.subscribe("#", qos=2)
        speaker = await world.connect("speaker")
        for qos, topic in enumerate("aaa"):
            await speaker.publish(topic, b"x", qos=qos)
        for topic in "bbcc":
            await speaker.publish(topic, b"x")
        heard = [(m.topic, m.properties.get("topic_alias")) for m in await ada.messages()]
        assert heard == [("a", 1), ("", 1), ("", 1), ("b", 2), ("", 2), ("c", None), ("c", None)]
        assert [(m.topic, m.properties) for m in await plain.messages()] == [(t, {}) for t in "aaabbcc"]

    virtually(run())


# -- maximum packet size -----------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_is_too_large_for_a_client_is_not_sent_and_counts_as_sent(virtually, qos):
    """[MQTT-3.1.2-24], [MQTT-3.1.2-25]"""

    async def run():
        world = World()
        ada = await world.connect("ada", maximum_packet_size=40, receive_maximum=1, topic_alias_maximum=3)
        await ada.subscribe("#", qos=2)
        speaker = await world.connect("speaker")
        await speaker.publish("large", b"x" * 40, qos=qos)
        await speaker.publish("large", b"x" * 20, qos=qos)
        await speaker.publish("large", b"x" * 41, qos=qos)
        await speaker.publish("large", b"y" * 20, qos=qos)
        heard = await ada.messages()
        assert [(m.topic, m.payload[:1], len(m.payload)) for m in heard] == [
            ("large", b"x", 20),
            ("", b"y", 20),
        ]

    virtually(run())


@BOTH
def test_what_is_too_large_for_us_ends_the_connection(virtually, version):
    """3.2.2.3.6: 0x95"""

    async def run():
        world = World(limits=Limits(max_packet_size=100))
        ada = await world.connect("ada", version=version)
        await ada.publish("a", b"x" * 80, qos=1)
        ada.say(Publish("a", b"x" * 100, 1, packet_id=2))
        if version == MQTT_5:
            assert (await ada.last_word()).reason_code == ReasonCode.PACKET_TOO_LARGE
        assert ada.ended

    virtually(run())


# -- writes, slow readers, flooding writers ------------------------------------------------------------------


def test_what_one_turn_brings_is_one_write(virtually):
    async def run():
        world = World()
        ada, one, two = [await world.connect(name) for name in ("ada", "one", "two")]
        for reader, qos in ((one, 0), (two, 1)):
            await reader.subscribe("a", qos=qos)
        before = one.wire.writes, two.wire.writes, ada.wire.writes
        ada.say(*[Publish("a", b"x", 1, packet_id=number) for number in range(1, 101)])
        await settle()
        assert (one.wire.writes, two.wire.writes, ada.wire.writes) == tuple(n + 1 for n in before)
        assert len(await one.messages()) == len(await two.messages()) == 100

    virtually(run())


def test_a_slow_reader_of_qos_0_loses_what_is_above_the_limit_and_nobody_else_does(virtually):
    async def run():
        world = World(limits=Limits(max_buffered=10_000))
        slow, quick, speaker = [await world.connect(name) for name in ("slow", "quick", "speaker")]
        await slow.subscribe("a")
        await quick.subscribe("a")
        slow.wire.take(False)
        for _ in range(20):
            speaker.say(*[Publish("a", b"x" * 90)] * 50)
            await settle()
        assert len(slow.wire.unsent) < 21_000
        slow.wire.take(True)
        assert 100 <= len(await slow.messages()) <= 210
        assert len(await quick.messages()) == 1_000
        await speaker.publish("a", b"after")
        assert await slow.payloads() == [b"after"]

    virtually(run())


def test_qos_1_of_a_slow_reader_waits_in_its_session(virtually):
    async def run():
        world = World(limits=Limits(max_buffered=10_000))
        slow, speaker = await world.connect("slow"), await world.connect("speaker")
        await slow.subscribe("a", qos=1)
        slow.wire.take(False)
        for number in range(1_000):
            speaker.say(Publish("a", b"%0100d" % number, 1, packet_id=1 + number))
            if not number % 50:
                await settle()
        assert len(slow.wire.unsent) < 20_000
        slow.wire.take(True)
        assert [int(m.payload) for m in await slow.messages()] == list(range(1_000))

    virtually(run())


def test_nothing_is_read_from_a_client_that_does_not_read_and_its_keep_alive_ends_it(virtually):
    async def run():
        world = World(limits=Limits(max_buffered=1_000, linger=2.0))
        ada = await world.connect("ada", keep_alive=10)
        ada.wire.take(False)
        ada.say(*[Pingreq()] * 600)
        await settle()
        assert not ada.wire.reading
        ada.wire.take(True)
        assert ada.wire.reading
        assert [type(packet) for packet in ada.heard] == [Pingresp] * 600
        ada.heard.clear()
        ada.wire.take(False)
        ada.say(*[Pingreq()] * 600)
        await sleep(18)
        assert ada.wire.closed
        assert world.server.connections == 0

    virtually(run())


def test_a_flood_for_somebody_who_is_away_stays_within_its_limit(virtually):
    async def run():
        world = World(limits=Limits(max_queued=100, max_in_flight=1))
        ada = await world.connect("ada", clean_start=False, session_expiry_interval=100)
        await ada.subscribe("a", qos=1)
        await ada.vanish()
        speaker = await world.connect("speaker")

        async def flood() -> int:
            for _ in range(20):
                speaker.say(*[Publish("a", b"x" * 100, 1, packet_id=number) for number in range(1, 101)])
                await settle()
                speaker.heard.clear()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await flood()
            assert await flood() - before < 50_000
        finally:
            tracemalloc.stop()

    virtually(run())
