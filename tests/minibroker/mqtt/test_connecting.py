"""CONNECT and its answer: MQTT 5.0, 3.1, 3.2; the numbers of the clauses stand in the tests' brackets."""

import pytest

from minibroker.mqtt.limits import Limits
from minibroker.mqtt.packets import (
    MQTT_3_1_1,
    MQTT_5,
    Auth,
    Connack,
    Connect,
    Pingreq,
    Pingresp,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Will,
)
from minibroker.mqtt.reason_codes import ReasonCode
from tests.minibroker.mqtt.raw import World, settle, sleep

BOTH = pytest.mark.parametrize("version", [MQTT_3_1_1, MQTT_5])


@BOTH
def test_a_client_is_welcome_and_its_ping_is_answered(virtually, version):
    """[MQTT-3.12.4-1]"""

    async def run():
        client = await World().connect(version=version)
        assert not client.connack.session_present
        client.say(Pingreq())
        await client.next(Pingresp)

    virtually(run())


@BOTH
def test_whoever_does_not_begin_with_connect_is_closed_without_a_word(virtually, version):
    """[MQTT-3.1.0-1]"""

    async def run():
        client = World().raw(version=version)
        client.say(Publish("a", b"x"))
        await client.nothing()
        assert client.ended

    virtually(run())


@BOTH
def test_a_second_connect_ends_the_connection(virtually, version):
    """[MQTT-3.1.0-2]"""

    async def run():
        client = await World().connect(version=version)
        client.say(Connect("ada", version=version))
        if version == MQTT_5:
            assert (await client.last_word()).reason_code == ReasonCode.PROTOCOL_ERROR
        assert client.ended

    virtually(run())


@pytest.mark.parametrize(("level", "answer"), [(3, b"\x20\x02\x00\x01"), (6, b"\x20\x03\x00\x84\x00")])
def test_another_version_is_refused_in_words_that_it_may_understand(virtually, level, answer):
    """[MQTT-3.1.2-2], 3.1.1: [MQTT-3.1.2-2]: return code 1, in MQTT 5 0x84."""

    async def run():
        client = World().raw()
        heard = bytearray()
        client.wire.arrived = heard.extend
        name = b"\x00\x06MQIsdp" if level == 3 else b"\x00\x04MQTT"
        tail = b"\x02\x00\x3c" + (b"" if level == 3 else b"\x00") + b"\x00\x01a"
        body = name + bytes((level,)) + tail
        client.say_bytes(bytes((0x10, len(body))) + body)
        await settle()
        assert heard.startswith(answer[:1]) and answer[2:4] == bytes(heard[2:4])
        assert client.ended

    virtually(run())


def test_who_says_nothing_is_closed(virtually):
    async def run():
        world = World(limits=Limits(connect_timeout=3))
        client = world.raw()
        await sleep(2.9)
        assert not client.ended
        await sleep(0.2)
        assert client.ended
        assert world.server.connections == 0

    virtually(run())


# -- client ids ---------------------------------------------------------------------------------------


def test_mqtt_5_is_told_the_client_id_that_it_was_given(virtually):
    """[MQTT-3.1.3-6], [MQTT-3.1.3-7], [MQTT-3.2.2-16]"""

    async def run():
        world = World()
        first, second = await world.connect(""), await world.connect("")
        ids = [c.connack.properties["assigned_client_identifier"] for c in (first, second)]
        assert len(set(ids)) == 2 and all(ids)
        again = await world.connect(ids[0])
        assert "assigned_client_identifier" not in again.connack.properties
        assert (await first.last_word()).reason_code == ReasonCode.SESSION_TAKEN_OVER

    virtually(run())


def test_an_assigned_client_id_keeps_its_session(virtually):
    async def run():
        world = World()
        client = await world.connect("", clean_start=False, session_expiry_interval=60)
        name = client.connack.properties["assigned_client_identifier"]
        await client.leave()
        assert (await world.connect(name, clean_start=False)).connack.session_present

    virtually(run())


def test_in_3_1_1_a_client_without_an_id_needs_a_clean_session(virtually):
    """3.1.1: [MQTT-3.1.3-7], [MQTT-3.1.3-8]"""

    async def run():
        world = World()
        assert (await world.try_connect("", version=MQTT_3_1_1))[1].reason_code == 0
        client = world.raw(version=MQTT_3_1_1)
        client.say_bytes(b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00")
        assert await client.next(Connack) == Connack(False, ReasonCode.CLIENT_IDENTIFIER_NOT_VALID)
        assert client.ended

    virtually(run())


@BOTH
def test_a_second_connection_takes_the_session_over(virtually, version):
    """[MQTT-3.1.4-3]: the first gets 0x8E in MQTT 5, and is closed."""

    async def run():
        world = World()
        first = await world.connect("ada", version=version)
        second = await world.connect("ada", version=version, clean_start=False)
        if version == MQTT_5:
            assert (await first.last_word()).reason_code == ReasonCode.SESSION_TAKEN_OVER
        assert first.ended and not second.ended

    virtually(run())


@BOTH
def test_a_session_is_taken_over_from_a_connection_that_was_reset_unnoticed(virtually, version):
    """[MQTT-3.1.4-3]: what comes of closing the first is no matter of the second's."""

    async def run():
        world = World()
        first = await world.connect("ada", version=version)
        first.wire.reset = True
        second = await world.connect("ada", version=version, clean_start=False)
        second.say(Pingreq())
        assert await second.next(Pingresp) == Pingresp()

    virtually(run())


# -- what a CONNACK announces ---------------------------------------------------------------------------


def test_mqtt_5_learns_our_limits(virtually):
    """3.2.2.3: what is not told is what the standard takes for granted."""

    async def run():
        limits = Limits(receive_maximum=5, max_packet_size=2_000, topic_aliases=9)
        told = (await World(limits=limits).connect()).connack.properties
        assert told == {"receive_maximum": 5, "maximum_packet_size": 2_000, "topic_alias_maximum": 9}

    virtually(run())


@pytest.mark.parametrize(("asked", "told", "lasts"), [(120, 60, 90), (30, None, 45), (60, None, 90)])
def test_a_keep_alive_that_is_too_long_is_overruled(virtually, asked, told, lasts):
    """[MQTT-3.1.2-21], [MQTT-3.1.2-22], [MQTT-3.2.2-21], [MQTT-3.2.2-22]"""

    async def run():
        client = await World(limits=Limits(max_keep_alive=60)).connect(keep_alive=asked)
        assert client.connack.properties.get("server_keep_alive") == told
        await sleep(lasts - 1)
        assert not client.ended
        await sleep(2)
        assert (await client.last_word()).reason_code == ReasonCode.KEEP_ALIVE_TIMEOUT

    virtually(run())


@BOTH
def test_any_packet_keeps_a_client_alive_and_silence_ends_it(virtually, version):
    """[MQTT-3.1.2-22]; 3.1.1: [MQTT-3.1.2-24]"""

    async def run():
        client = await World().connect(keep_alive=10, version=version)
        for _ in range(5):
            await sleep(14)
            client.say(Pingreq())
            await client.next(Pingresp)
        await sleep(14.9)
        assert not client.ended
        await sleep(0.2)
        assert client.ended

    virtually(run())


@BOTH
def test_keep_alive_0_is_for_ever(virtually, version):
    async def run():
        client = await World().connect(keep_alive=0, version=version)
        await sleep(100_000)
        assert not client.ended

    virtually(run())


# -- refusals --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "code"),
    [
        ({}, ReasonCode.NOT_AUTHORIZED),
        ({"username": "ada", "password": b"wrong"}, ReasonCode.BAD_USER_NAME_OR_PASSWORD),
        ({"username": "ada", "password": b"right"}, ReasonCode.SUCCESS),
    ],
)
@BOTH
def test_a_password_is_asked_for_when_there_is_a_hook(virtually, version, who, code):
    """[MQTT-3.1.4-2]"""

    async def run():
        world = World(authenticate=lambda client, user, password: (user, password) == ("ada", b"right"))
        client, connack = await world.try_connect("c", version=version, **who)
        assert connack.reason_code == code
        assert client.ended == bool(code)
        assert len(world.server.sessions) == (0 if code else 1)

    virtually(run())


def test_a_will_that_may_not_be_published_is_refused(virtually):
    async def run():
        world = World(authorize=lambda client, action, topic: topic != "secret")
        _, connack = await world.try_connect("c", will=Will("secret", b"x"))
        assert connack.reason_code == ReasonCode.NOT_AUTHORIZED

    virtually(run())


def test_an_unknown_authentication_method_is_refused_and_auth_is_a_protocol_error(virtually):
    """[MQTT-4.12.0-1], [MQTT-4.12.0-7]"""

    async def run():
        world = World()
        _, connack = await world.try_connect("c", authentication_method="SCRAM")
        assert connack.reason_code == ReasonCode.BAD_AUTHENTICATION_METHOD
        client = await world.connect("d")
        client.say(Auth(ReasonCode.RE_AUTHENTICATE, {"authentication_method": "SCRAM"}))
        assert (await client.last_word()).reason_code == ReasonCode.PROTOCOL_ERROR

    virtually(run())


def test_too_many_connections_are_closed_and_leave_room_when_they_go(virtually):
    async def run():
        world = World(limits=Limits(max_connections=2))
        first, _ = await world.connect("a"), await world.connect("b")
        third = world.raw()
        await settle()
        assert third.ended and world.server.connections == 2
        await first.leave()
        await world.connect("c")

    virtually(run())


@BOTH
def test_no_more_sessions_are_kept_than_the_limit(virtually, version):
    async def run():
        world = World(limits=Limits(max_sessions=1))
        keeps = {"clean_start": False}
        one = await world.connect("a", version=version, session_expiry_interval=60, **keeps)
        other = world.raw(version=version)
        other.say(Connect("b", version=version))
        await settle()
        assert other.ended
        if version == MQTT_5:
            assert (await other.next(Connack)).reason_code == ReasonCode.QUOTA_EXCEEDED
        await one.vanish()
        await world.connect("a", version=version, session_expiry_interval=60, **keeps)

    virtually(run())


# -- errors end one connection, after a word -----------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x00\x00", ReasonCode.MALFORMED_PACKET),
        (b"\xc1\x00", ReasonCode.MALFORMED_PACKET),  # flags [MQTT-2.1.3-1]
        (b"\x36\x05\x00\x01a\x00\x01", ReasonCode.MALFORMED_PACKET),  # QoS 3 [MQTT-3.3.1-4]
        (b"\x30\x05\x00\x02\xc3\x28\x00", ReasonCode.MALFORMED_PACKET),  # UTF-8 [MQTT-1.5.4-1]
        (b"\x30\x05\x00\x02a\x00\x00", ReasonCode.MALFORMED_PACKET),  # NUL [MQTT-1.5.4-2]
        (b"\x30\xff\xff\xff\xff\x01", ReasonCode.MALFORMED_PACKET),  # the length
        (b"\x30\xff\xff\xff\x7f", ReasonCode.PACKET_TOO_LARGE),
        (b"\x20\x03\x00\x00\x00", ReasonCode.PROTOCOL_ERROR),  # a server's packet
    ],
)
def test_a_bad_packet_gets_its_reason_and_ends_one_connection_alone(virtually, data, code):
    """[MQTT-4.13.1-1]"""

    async def run():
        world = World()
        other, client = await world.connect("other"), await world.connect("bad")
        client.say_bytes(data)
        assert (await client.last_word()).reason_code == code
        other.say(Pingreq())
        await other.next(Pingresp)

    virtually(run())


def test_what_was_sound_before_the_bad_bytes_is_still_done(virtually):
    async def run():
        world = World()
        other, client = await world.connect("other"), await world.connect("bad")
        await other.subscribe("a")
        client.say_bytes(b"\x30\x05\x00\x01a\x00x\xc1\x00\x30\x05\x00\x01a\x00y")
        assert await other.payloads() == [b"x"]
        assert (await client.last_word()).reason_code == ReasonCode.MALFORMED_PACKET

    virtually(run())


def test_the_connection_lingers_so_that_the_reason_is_heard(virtually):
    """It is closed for writing at once, and as a whole when the client closes, or after `linger`."""

    async def run():
        world = World(limits=Limits(linger=2))
        client = await world.connect()
        client.say_bytes(b"\x00\x00" + b"flood" * 1_000)
        await client.last_word()
        assert client.wire.half_closed and not client.wire.closed
        client.protocol.data_received(b"more that nobody reads")
        await sleep(2.1)
        assert client.wire.closed
        assert world.server.connections == 0

    virtually(run())


def test_no_reason_string_is_larger_than_the_client_allows(virtually):
    """[MQTT-3.14.2-3]"""

    async def run():
        client = await World().connect(maximum_packet_size=30)
        client.say_bytes(b"\x00\x00")
        assert (await client.last_word()).properties == {}

    virtually(run())


def test_a_subscribe_in_the_connects_own_segment_is_answered_too(virtually):
    """A client need not wait for its CONNACK (3.1.4)."""

    async def run():
        client = World().raw()
        client.say(Connect("ada"), Subscribe(1, (Subscription("a", 1),)))
        await client.next(Connack)
        assert (await client.next(Suback)).reason_codes == (1,)

    virtually(run())


@BOTH
def test_when_the_broker_goes_its_clients_are_told(virtually, version):
    async def run():
        world = World()
        client = await world.connect(version=version)
        silent = world.raw()
        await world.listener.close()
        if version == MQTT_5:
            assert (await client.last_word()).reason_code == ReasonCode.SERVER_SHUTTING_DOWN
        assert client.wire.closed and silent.wire.closed
        assert world.server.connections == 0

    virtually(run())
