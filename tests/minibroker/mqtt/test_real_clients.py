"""Clients that others wrote, over real sockets: aiomqtt (on paho), and mosquitto's from the command line."""

import asyncio
import shutil
import socket
import ssl
from contextlib import asynccontextmanager

import aiomqtt
import pytest
import trustme

from minibroker import Broker
from minibroker.mqtt import Limits, Listener, Server

VERSIONS = pytest.mark.parametrize("version", [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5])


@asynccontextmanager
async def listening(*, ssl_context=None, limits=None, **hooks):
    async with Broker() as broker:
        async with broker.listen_mqtt(ssl=ssl_context, limits=limits, **hooks) as listener:
            yield listener
        assert listener.server.connections == 0


def client(listener, **options):
    return aiomqtt.Client("127.0.0.1", listener.port, timeout=20, **options)


async def first(client, count: int):
    heard = []
    async for message in client.messages:
        heard.append((str(message.topic), message.payload, message.qos, message.retain))
        if len(heard) == count:
            return heard


@VERSIONS
def test_aiomqtt_speaks_with_us_at_each_qos(version):
    async def run():
        async with (
            listening() as listener,
            client(listener, protocol=version) as one,
            client(listener, protocol=version) as other,
        ):
            await one.subscribe("a/#", qos=2)
            for qos in (0, 1, 2):
                await other.publish(f"a/{qos}", b"x" * 10_000, qos=qos)
            heard = await asyncio.wait_for(first(one, 3), 20)
        assert sorted(heard) == [(f"a/{qos}", b"x" * 10_000, qos, False) for qos in (0, 1, 2)]

    asyncio.run(run())


@VERSIONS
def test_aiomqtt_gets_retained_messages_and_a_will(version):
    async def run():
        will = aiomqtt.Will("wills/one", b"gone", qos=1)
        async with listening() as listener, client(listener, protocol=version) as other:
            await other.publish("a", b"kept", retain=True)
            await other.subscribe("wills/#", qos=1)
            lost = client(listener, protocol=version, will=will)
            await lost.__aenter__()
            await lost.subscribe("a")
            assert await asyncio.wait_for(first(lost, 1), 20) == [("a", b"kept", 0, True)]
            lost._client.socket().shutdown(socket.SHUT_RDWR)
            assert await asyncio.wait_for(first(other, 1), 20) == [("wills/one", b"gone", 1, False)]
            with pytest.raises(aiomqtt.MqttError):
                await lost.__aexit__(None, None, None)
                await lost.publish("a")

    asyncio.run(run())


def test_aiomqtt_is_refused_with_a_wrong_password():
    async def run():
        knows = lambda client_id, username, password: (username, password) == ("ada", b"right")  # noqa: E731
        async with listening(authenticate=knows) as listener:
            async with client(listener, username="ada", password="right"):
                pass
            with pytest.raises(aiomqtt.MqttError, match=r"[Bb]ad user name or password"):
                async with client(listener, username="ada", password="wrong"):
                    pass

    asyncio.run(run())


def test_tls_and_tcp_listen_to_one_server():
    async def run():
        authority = trustme.CA()
        ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("127.0.0.1").configure_cert(ours)
        authority.configure_trust(theirs)
        async with listening() as plain, Listener(plain.server, ssl=ours) as secure:
            async with client(plain) as one, client(secure, tls_context=theirs) as other:
                await one.subscribe("a", qos=1)
                await other.publish("a", b"x" * 300_000, qos=1)
                assert await asyncio.wait_for(first(one, 1), 20) == [("a", b"x" * 300_000, 1, False)]
            with pytest.raises(aiomqtt.MqttError):  # plain bytes to the TLS port
                async with aiomqtt.Client("127.0.0.1", secure.port, timeout=2):
                    pass

    asyncio.run(run())


# -- mosquitto's clients ------------------------------------------------------------------------------------

PUB, SUB = shutil.which("mosquitto_pub"), shutil.which("mosquitto_sub")
mosquitto = pytest.mark.skipif(not (PUB and SUB), reason="no mosquitto_pub (apt install mosquitto-clients)")


async def start(*command: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)


async def output(process: asyncio.subprocess.Process) -> tuple[int, str]:
    out, errors = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, (out + errors).decode()


async def subscribed(server: Server, count: int) -> None:
    for _ in range(2_000):
        if len(server.subscriptions) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody subscribed in 20 s")


@mosquitto
@pytest.mark.parametrize("qos", ["0", "1", "2"])
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquittos_clients_speak_with_us(version, qos):
    async def run():
        async with listening() as listener:
            options = ("-p", str(listener.port), "-V", version, "-q", qos)
            reader = await start(SUB, *options, "-t", "a/#", "-v", "-C", "2", "-W", "20")
            await subscribed(listener.server, 1)
            assert await output(await start(PUB, *options, "-t", "a/b", "-m", "one", "-r")) == (0, "")
            assert await output(await start(PUB, *options, "-t", "a", "-m", "two")) == (0, "")
            assert await output(reader) == (0, "a/b one\na two\n")
            late = await start(SUB, *options, "-t", "+/b", "-F", "%t %p %r", "-C", "1", "-W", "20")
            assert await output(late) == (0, "a/b one 1\n")

    asyncio.run(run())


@mosquitto
@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquittos_client_finds_what_came_while_it_was_away(version):
    async def run():
        async with listening() as listener:
            options = ("-p", str(listener.port), "-V", version, "-q", "1")
            keeps = ("-c", "-i", "ada") if version == "mqttv311" else ("-c", "-i", "ada", "-x", "60")
            assert await output(await start(SUB, *options, *keeps, "-t", "a", "-E")) == (0, "")
            for text in ("one", "two"):
                await output(await start(PUB, *options, "-t", "a", "-m", text))
            reader = await start(SUB, *options, *keeps, "-t", "a", "-C", "2", "-W", "20")
            assert await output(reader) == (0, "one\ntwo\n")

    asyncio.run(run())


@mosquitto
def test_mosquittos_client_says_why_it_was_refused():
    async def run():
        allowed = lambda client_id, action, topic: topic != "secret"  # noqa: E731
        async with listening(authorize=allowed) as listener:
            options = ("-p", str(listener.port), "-V", "mqttv5", "-q", "1")
            _, said = await output(await start(SUB, *options, "-t", "secret", "-W", "20"))
            assert "denied" in said
            _, said = await output(await start(PUB, *options, "-t", "secret", "-m", "x"))
            assert "Not authorized" in said

    asyncio.run(run())


@mosquitto
def test_a_large_message_passes_and_one_above_the_limit_does_not():
    async def run():
        async with listening(limits=Limits(max_packet_size=100_000, linger=1.0)) as listener:
            options = ("-p", str(listener.port), "-q", "1")
            reader = await start(SUB, *options, "-t", "a", "-C", "1", "-F", "%l", "-W", "20")
            await subscribed(listener.server, 1)
            big = await start(PUB, *options, "-t", "a", "-m", "x" * 99_000, "--repeat", "1")
            assert await output(big) == (0, "")
            assert await output(reader) == (0, "99000\n")
            larger = await start(PUB, *options, "-t", "a", "-m", "x" * 101_000)
            status, _ = await output(larger)
            assert status

    asyncio.run(run())
