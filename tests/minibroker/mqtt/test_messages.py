"""Messages from one client to others: MQTT 5.0, 3.3, 3.8, 3.10, 4.3, 4.7, 4.8.2."""

import pytest

from minibroker.mqtt.limits import Limits
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
)
from minibroker.mqtt.reason_codes import ReasonCode
from tests.minibroker.mqtt.raw import Client, World, sleep

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


async def two(version: int = MQTT_5, **options) -> tuple[World, Client, Client]:
    """A world, who listens and who speaks."""
    world = World(**options)
    return (
        world,
        await world.connect("listener", version=version),
        await world.connect("speaker", version=version),
    )


# -- quality of service --------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", [0, 1, 2])
@pytest.mark.parametrize("sent", [0, 1, 2])
@BOTH
def test_a_message_comes_at_the_lower_of_its_qos_and_the_subscriptions(virtually, version, sent, wanted):
    """[MQTT-3.8.4-8]"""

    async def run():
        _, listener, speaker = await two(version)
        assert (await listener.subscribe("a/b", qos=wanted)).reason_codes == (wanted,)
        await speaker.publish("a/b", b"\x00\xff", qos=sent)
        [message] = await listener.messages()
        assert (message.topic, message.payload, message.qos) == ("a/b", b"\x00\xff", min(sent, wanted))
        assert not message.dup and not message.retain
        await listener.nothing()

    virtually(run())


def test_3_1_1_and_5_speak_to_each_other(virtually):
    async def run():
        world = World()
        old, new = await world.connect("old", version=MQTT_3_1_1), await world.connect("new")
        await old.subscribe("a", qos=1)
        await new.subscribe("a", qos=2)
        speaker = await world.connect("speaker")
        await speaker.publish("a", b"x", qos=2, content_type="text")
        assert [m.properties for m in await old.messages()] == [{}]
        assert [m.properties for m in await new.messages()] == [{"content_type": "text"}]

    virtually(run())


@BOTH
def test_a_message_of_qos_2_that_is_sent_twice_is_passed_on_once(virtually, version):
    """[MQTT-4.3.3-10], [MQTT-4.3.3-12]: until PUBREL the packet id stands for the same message."""

    async def run():
        _, listener, speaker = await two(version)
        await listener.subscribe("a", qos=0)
        speaker.say(Publish("a", b"x", 2, packet_id=5), Publish("a", b"x", 2, dup=True, packet_id=5))
        await speaker.next(Pubrec)
        await speaker.next(Pubrec)
        speaker.say(Pubrel(5))
        await speaker.next(Pubcomp)
        speaker.say(Publish("a", b"y", 2, packet_id=5))
        await speaker.next(Pubrec)
        assert await listener.payloads() == [b"x", b"y"]

    virtually(run())


def test_answers_to_unknown_packet_ids_say_so_and_harm_nothing(virtually):
    """3.6.2.1 and 3.7.2.1: 0x92."""

    async def run():
        client = await World().connect()
        client.say(Pubrel(9))
        assert (await client.next(Pubcomp)).reason_code == ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
        client.say(Pubrec(9))
        assert (await client.next(Pubrel)).reason_code == ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
        client.say(Puback(9), Pubcomp(9))
        await client.nothing()
        assert not client.ended

    virtually(run())


def test_the_order_of_one_speaker_is_kept(virtually):
    """[MQTT-4.6.0-5], [MQTT-4.6.0-6]"""

    async def run():
        _, listener, speaker = await two()
        await listener.subscribe("#", qos=2)
        for qos in (1, 2, 0):
            for number in range(50):
                speaker.say(
                    Publish(f"q{qos}", str(number).encode(), qos, packet_id=number + 1 if qos else None)
                )
        heard = await listener.messages()
        for qos in (0, 1, 2):
            assert [m.payload for m in heard if m.topic == f"q{qos}"] == [str(n).encode() for n in range(50)]

    virtually(run())


def test_mqtt_5_is_told_that_nobody_listens(virtually):
    """3.4.2.1, 3.5.2.1: 0x10"""

    async def run():
        _, listener, speaker = await two()
        assert (await speaker.publish("a", qos=1)).reason_code == ReasonCode.NO_MATCHING_SUBSCRIBERS
        assert (await speaker.publish("a", qos=2)).reason_code == ReasonCode.NO_MATCHING_SUBSCRIBERS
        await listener.subscribe("a")
        assert (await speaker.publish("a", qos=1)).reason_code == ReasonCode.SUCCESS

    virtually(run())


@pytest.mark.parametrize(
    "properties",
    [
        {"payload_format_indicator": 1, "content_type": "text/plain"},
        {"response_topic": "answers/7", "correlation_data": b"\x00\x01\xff"},
        {"user_property": [("a", "1"), ("a", "2"), ("b", "")]},
    ],
)
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_properties_are_passed_on_as_they_are(virtually, qos, properties):
    """[MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-17], [MQTT-3.3.2-18], [MQTT-3.3.2-20]"""

    async def run():
        _, listener, speaker = await two()
        await listener.subscribe("a", qos=2)
        await speaker.publish("a", b"x", qos=qos, **properties)
        [message] = await listener.messages()
        assert message.properties == properties

    virtually(run())


def test_a_client_does_not_send_subscription_identifiers(virtually):
    """[MQTT-3.3.4-6]"""

    async def run():
        client = await World().connect()
        client.say(Publish("a", properties={"subscription_identifier": [1]}))
        assert (await client.last_word()).reason_code == ReasonCode.PROTOCOL_ERROR

    virtually(run())


@pytest.mark.parametrize("qos", [1, 2])
def test_a_topic_with_too_many_levels_is_refused_and_the_connection_lives(virtually, qos):
    async def run():
        client = await World().connect()
        answer = await client.publish("/" * 300, b"x", qos=qos)
        assert answer.reason_code == ReasonCode.TOPIC_NAME_INVALID

    virtually(run())


# -- subscriptions ---------------------------------------------------------------------------------------


@BOTH
def test_each_filter_gets_its_own_answer(virtually, version):
    """[MQTT-3.8.4-5], [MQTT-3.8.4-6], [MQTT-3.8.4-7]; 3.1.1: [MQTT-3.8.4-5]"""

    async def run():
        world = World(authorize=lambda client, action, topic: topic != "test/nosubscribe")
        client = await world.connect(version=version)
        client.say(
            Subscribe(3, (Subscription("a", 2), Subscription("test/nosubscribe", 1), Subscription("b/#", 0)))
        )
        assert await client.next(Suback) == Suback(3, (2, ReasonCode.UNSPECIFIED_ERROR, 0))
        await client.publish("test/nosubscribe", b"x", qos=1)
        await client.publish("a", b"y", qos=1)
        assert await client.payloads() == [b"y"]

    virtually(run())


@BOTH
def test_a_shared_filter_is_asked_for_without_its_share(virtually, version):
    async def run():
        world = World(authorize=lambda client, action, topic: topic != "test/nosubscribe")
        client = await world.connect(version=version)
        [code] = (await client.subscribe("$share/g/test/nosubscribe")).reason_codes
        assert code >= 0x80

    virtually(run())


@pytest.mark.parametrize("version", [MQTT_5])
@pytest.mark.parametrize("filter", ["a#", "a/#/b", "a+/b", "$share/g", "$share//a", "$share/g+/a", "/" * 300])
def test_a_filter_that_nothing_can_fit_is_refused(virtually, version, filter):
    """[MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.8.2-1], [MQTT-4.8.2-2]"""

    async def run():
        world = World()
        client = await world.connect(version=version)
        client.say(Subscribe(7, (Subscription(filter),)))
        answer = await client.next(Suback)
        assert answer.reason_codes == (ReasonCode.TOPIC_FILTER_INVALID,)
        assert len(world.server.subscriptions) == 0

    virtually(run())


@BOTH
def test_a_publish_that_is_not_allowed_reaches_nobody(virtually, version):
    """[MQTT-3.3.5-2]: 3.1.1 cannot say so, and acks."""

    async def run():
        world = World(authorize=lambda client, action, topic: (action, topic) != ("publish", "secret"))
        client = await world.connect(version=version)
        await client.subscribe("#", qos=2)
        for qos in (0, 1, 2):
            answer = await client.publish("secret", b"x", qos=qos)
            if qos:
                assert answer.reason_code == (ReasonCode.NOT_AUTHORIZED if version == MQTT_5 else 0)
        assert await client.payloads() == []

    virtually(run())


@BOTH
def test_unsubscribing_stops_the_messages_and_says_what_it_stopped(virtually, version):
    """[MQTT-3.10.4-1], [MQTT-3.10.4-4], [MQTT-3.11.3-1]"""

    async def run():
        _, listener, speaker = await two(version)
        await listener.subscribe("a", "b")
        listener.say(Unsubscribe(4, ("a", "never")))
        codes = (ReasonCode.SUCCESS, ReasonCode.NO_SUBSCRIPTION_EXISTED) if version == MQTT_5 else ()
        assert await listener.next(Unsuback) == Unsuback(4, codes)
        await speaker.publish("a", b"1")
        await speaker.publish("b", b"2")
        assert await listener.payloads() == [b"2"]

    virtually(run())


@BOTH
def test_a_subscription_is_replaced_not_doubled(virtually, version):
    """[MQTT-3.8.4-3]"""

    async def run():
        world, listener, speaker = await two(version)
        await listener.subscribe("a", qos=2)
        await listener.subscribe("a", qos=0)
        await speaker.publish("a", b"x", qos=1)
        assert [(m.payload, m.qos) for m in await listener.messages()] == [(b"x", 0)]
        assert len(world.server.subscriptions) == 1

    virtually(run())


@BOTH
def test_overlapping_subscriptions_are_one_delivery_at_the_highest_qos(virtually, version):
    """[MQTT-3.3.4-2]: one copy, so the highest QoS of all."""

    async def run():
        _, listener, speaker = await two(version)
        await listener.subscribe("a/#", qos=1)
        await listener.subscribe("a/+", qos=2)
        await listener.subscribe("#", qos=0)
        await speaker.publish("a/b", b"x", qos=2)
        assert [(m.payload, m.qos) for m in await listener.messages()] == [(b"x", 2)]

    virtually(run())


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_one_delivery_carries_the_identifiers_of_all_subscriptions_that_fit(virtually, qos):
    """[MQTT-3.3.4-3], [MQTT-3.3.4-4], [MQTT-3.3.4-5]"""

    async def run():
        _, listener, speaker = await two()
        await listener.subscribe("a/+", qos=qos, identifier=456789)
        await listener.subscribe("a/#", qos=qos, identifier=2)
        await listener.subscribe("b", qos=qos)
        await speaker.publish("a/b", b"both", qos=qos)
        await speaker.publish("a/b/c", b"one", qos=qos)
        await speaker.publish("b", b"none", qos=qos)
        found = [m.properties.get("subscription_identifier") for m in await listener.messages()]
        assert found == [[456789, 2], [2], None]

    virtually(run())


def test_a_new_identifier_replaces_the_old_one(virtually):
    """[MQTT-3.8.4-3]"""

    async def run():
        _, listener, speaker = await two()
        await listener.subscribe("a", identifier=1)
        await listener.subscribe("a", identifier=2)
        await speaker.publish("a")
        [message] = await listener.messages()
        assert message.properties == {"subscription_identifier": [2]}

    virtually(run())


def test_no_local_keeps_back_ones_own_messages_alone(virtually):
    """[MQTT-3.8.3-3]"""

    async def run():
        _, listener, speaker = await two()
        await listener.subscribe("a/#", no_local=True)
        await listener.publish("a/b", b"mine")
        await speaker.publish("a/b", b"yours")
        assert await listener.payloads() == [b"yours"]
        await listener.subscribe("a/b", identifier=3)
        await listener.publish("a/b", b"mine by the other one")
        assert [m.properties for m in await listener.messages()] == [{"subscription_identifier": [3]}]

    virtually(run())


def test_a_shared_subscription_cannot_be_no_local(virtually):
    """[MQTT-3.8.3-4]"""

    async def run():
        client = await World().connect()
        client.say(Subscribe(1, (Subscription("$share/g/a", no_local=True),)))
        assert (await client.last_word()).reason_code == ReasonCode.PROTOCOL_ERROR

    virtually(run())


@BOTH
def test_topics_of_the_broker_itself_are_not_met_by_wildcards(virtually, version):
    """[MQTT-4.7.2-1]"""

    async def run():
        _, listener, speaker = await two(version)
        await listener.subscribe("#", "+/b")
        await speaker.publish("$SYS/b", b"hidden")
        assert await listener.payloads() == []
        await listener.subscribe("$SYS/#")
        await speaker.publish("$SYS/b", b"seen")
        assert await listener.payloads() == [b"seen"]

    virtually(run())


def test_subscriptions_have_a_limit(virtually):
    async def run():
        client = await World(limits=Limits(max_subscriptions=2)).connect()
        assert (await client.subscribe("a", "b", "c")).reason_codes == (0, 0, ReasonCode.QUOTA_EXCEEDED)
        assert (await client.subscribe("a", qos=1)).reason_codes == (1,)

    virtually(run())


# -- retained messages -------------------------------------------------------------------------------------


@BOTH
def test_a_retained_message_waits_for_whoever_subscribes_later(virtually, version):
    """[MQTT-3.3.1-5], [MQTT-3.3.1-6], [MQTT-3.3.1-9]; 3.1.1: [MQTT-3.3.1-5] to [MQTT-3.3.1-9]"""

    async def run():
        world, listener, speaker = await two(version)
        await listener.subscribe("a/#", qos=1)
        await speaker.publish("a/1", b"old", retain=True)
        await speaker.publish("a/1", b"new", qos=1, retain=True)
        await speaker.publish("a/2", b"two", qos=2, retain=True)
        await speaker.publish("a/3", b"gone", retain=True)
        await speaker.publish("a/3", b"", retain=True)
        assert [(m.payload, m.retain) for m in await listener.messages()] == [
            (b"old", False), (b"new", False), (b"two", False), (b"gone", False), (b"", False)
        ]  # fmt: skip
        late = await world.connect("late", version=version)
        await late.subscribe("a/+", qos=1)
        assert [(m.topic, m.payload, m.qos, m.retain) for m in await late.messages()] == [
            ("a/1", b"new", 1, True),
            ("a/2", b"two", 1, True),
        ]

    virtually(run())


@pytest.mark.parametrize(("handling", "first", "second"), [(0, 1, 1), (1, 1, 0), (2, 0, 0)])
def test_retain_handling(virtually, handling, first, second):
    """[MQTT-3.3.1-9], [MQTT-3.3.1-10], [MQTT-3.3.1-11]"""

    async def run():
        _, listener, speaker = await two()
        await speaker.publish("a", b"x", retain=True)
        await listener.subscribe("a", retain_handling=handling)
        assert len(await listener.messages()) == first
        await listener.subscribe("a", retain_handling=handling)
        assert len(await listener.messages()) == second

    virtually(run())


@pytest.mark.parametrize("asked", [False, True])
def test_retain_as_published(virtually, asked):
    """[MQTT-3.3.1-12], [MQTT-3.3.1-13]"""

    async def run():
        _, listener, speaker = await two()
        await listener.subscribe("a", qos=1, retain_as_published=asked)
        await speaker.publish("a", b"r", retain=True)
        await speaker.publish("a", b"n")
        assert [(m.payload, m.retain) for m in await listener.messages()] == [(b"r", asked), (b"n", False)]

    virtually(run())


def test_a_retained_message_comes_with_the_identifier_of_its_subscription(virtually):
    async def run():
        _, listener, speaker = await two()
        await speaker.publish("a", b"x", retain=True, content_type="t")
        await listener.subscribe("a", identifier=9)
        [message] = await listener.messages()
        assert message.properties == {"content_type": "t", "subscription_identifier": [9]}

    virtually(run())


def test_a_retained_message_expires(virtually):
    """[MQTT-3.3.2-5], [MQTT-3.3.2-6]"""

    async def run():
        _, listener, speaker = await two()
        await speaker.publish("a", b"x", retain=True, message_expiry_interval=10)
        await sleep(4)
        await listener.subscribe("a")
        [message] = await listener.messages()
        assert message.properties["message_expiry_interval"] == 6
        await sleep(6)
        await listener.subscribe("a")
        assert await listener.messages() == []

    virtually(run())


def test_no_more_topics_are_retained_than_the_limit_and_no_log_grows(virtually):
    async def run():
        world, listener, speaker = await two(limits=Limits(max_retained=2))
        for number in range(5):
            await speaker.publish(f"a/{number}", b"x", retain=True)
        await listener.subscribe("#")
        assert [m.topic for m in await listener.messages()] == ["a/0", "a/1"]
        for number in range(5_000):
            speaker.say(Publish("a/1", str(number).encode(), retain=True))
        assert len(world.server.retained) == 2
        assert world.server.retained.records < 2_000

    virtually(run())


# -- expiry ------------------------------------------------------------------------------------------------


def test_a_message_expires_while_it_waits_and_says_what_is_left(virtually):
    """[MQTT-3.3.2-5], [MQTT-3.3.2-6]"""

    async def run():
        world, _, speaker = await two()
        keeps = {"clean_start": False, "session_expiry_interval": 100}
        sleeper = await world.connect("sleeper", **keeps)
        await sleeper.subscribe("a", qos=2)
        await sleeper.leave()
        for payload, expiry in ((b"short", 1), (b"long", 10), (b"none", None), (b"now", 0)):
            properties = {} if expiry is None else {"message_expiry_interval": expiry}
            await speaker.publish("a", payload, qos=1, **properties)
        await sleep(3.5)
        sleeper = await world.connect("sleeper", **keeps)
        heard = {m.payload: m.properties.get("message_expiry_interval") for m in await sleeper.messages()}
        assert heard == {b"long": 7, b"none": None}

    virtually(run())


# -- shared subscriptions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1, 2])
@BOTH
def test_the_members_of_a_group_take_turns_and_others_get_everything(virtually, version, qos):
    """4.8.2"""

    async def run():
        world, listener, speaker = await two(version)
        members = [await world.connect(name, version=version) for name in ("m1", "m2", "m3")]
        for member in members:
            await member.subscribe("$share/g/a/+", qos=qos)
        await listener.subscribe("a/#", qos=qos)
        for number in range(9):
            await speaker.publish("a/b", str(number).encode(), qos=qos)
        heard = [await member.payloads() for member in members]
        assert [len(each) for each in heard] == [3, 3, 3]
        assert sorted(p for each in heard for p in each) == [str(n).encode() for n in range(9)]
        assert len(await listener.messages()) == 9

    virtually(run())


def test_two_groups_on_one_filter_each_get_a_copy(virtually):
    async def run():
        world, one, speaker = await two()
        other = await world.connect("other")
        await one.subscribe("$share/g1/a", qos=1, identifier=1)
        await other.subscribe("$share/g2/a", qos=0, identifier=2)
        await speaker.publish("a", b"x", qos=1)
        assert [(m.qos, m.properties) for m in await one.messages()] == [
            (1, {"subscription_identifier": [1]})
        ]
        assert [(m.qos, m.properties) for m in await other.messages()] == [
            (0, {"subscription_identifier": [2]})
        ]

    virtually(run())


def test_what_a_member_of_a_group_did_not_ack_goes_to_another(virtually):
    """4.8.2: QoS 1 may."""

    async def run():
        world, one, speaker = await two()
        await one.subscribe("$share/g/a", qos=1)
        await speaker.publish("a", b"x", qos=1)
        assert [m.payload for m in await one.messages(ack=False)] == [b"x"]
        other = await world.connect("other")
        await other.subscribe("$share/g/a", qos=1)
        await one.vanish()
        assert [(m.payload, m.dup) for m in await other.messages()] == [(b"x", False)]

    virtually(run())


def test_qos_2_of_a_group_waits_for_the_member_that_has_it(virtually):
    """[MQTT-4.8.2-4], [MQTT-4.8.2-5]"""

    async def run():
        world, other, speaker = await two()
        keeps = {"clean_start": False, "session_expiry_interval": 100}
        one = await world.connect("one", **keeps)
        await one.subscribe("$share/g/a", qos=2)
        await speaker.publish("a", b"x", qos=2)
        [first] = await one.messages(ack=False)
        await other.subscribe("$share/g/a", qos=2)
        await one.vanish()
        assert await other.messages() == []
        one = await world.connect("one", **keeps)
        assert await one.messages() == [first._replace(dup=True)]
        await speaker.publish("a", b"y", qos=2)
        await speaker.publish("a", b"z", qos=2)
        assert sorted([*await other.payloads(), *[m.payload for m in await one.messages(ack=False)]]) == [
            b"y",
            b"z",
        ]
        await one.vanish()
        await sleep(101)  # its session ends, and what it had in hand goes with it
        assert await other.messages() == []

    virtually(run())


def test_a_group_that_is_away_finds_what_came_meanwhile(virtually):
    async def run():
        world, _, speaker = await two()
        keeps = {"clean_start": False, "session_expiry_interval": 100}
        one = await world.connect("one", **keeps)
        await one.subscribe("$share/g/a", qos=1)
        await one.leave()
        for number in range(3):
            await speaker.publish("a", str(number).encode(), qos=1)
        await speaker.publish("a", b"of QoS 0", qos=0)
        one = await world.connect("one", **keeps)
        assert await one.payloads() == [b"0", b"1", b"2"]

    virtually(run())


def test_a_member_that_refuses_a_message_ends_it(virtually):
    """[MQTT-4.8.2-6]"""

    async def run():
        world, one, speaker = await two()
        other = await world.connect("other")
        await one.subscribe("$share/g/a", qos=1)
        await speaker.publish("a", b"x", qos=1)
        [message] = await one.messages(ack=False)
        await other.subscribe("$share/g/a", qos=1)
        one.say(Puback(message.packet_id, ReasonCode.NOT_AUTHORIZED))
        await one.vanish()
        assert await other.messages() == []

    virtually(run())


def test_a_group_gets_no_retained_messages_and_ends_with_its_last_member(virtually):
    async def run():
        world, one, speaker = await two()
        await speaker.publish("a", b"x", retain=True)
        await one.subscribe("$share/g/a", qos=1)
        assert await one.messages() == []
        await one.leave()
        assert len(world.server.subscriptions) == 0

    virtually(run())
