"""The urls that mean TLS: a certificate that the client can check, or no connection at all."""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import pytest
import trustme

from minibroker import Broker, BrokerUnreachable, connect
from tests.minibroker.engines.conftest import Bench
from tests.minibroker.engines.proxy import Wire


@pytest.fixture
def server_tls(tmp_path, monkeypatch) -> ssl.SSLContext:
    """What a server on this machine shows; OpenSSL's defaults, which clients use, trust who issued it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_mqtts_publishes_and_subscribes_over_tls(server_tls):
    async def scenario():
        broker = Broker(clock=asyncio.get_running_loop().time)
        async with (
            broker.listen_mqtt(ssl=server_tls) as listener,
            connect(f"mqtts://localhost:{listener.port}") as client,
            client.subscribe("orders/#") as publications,
        ):
            await client.publish("orders/7", {"order": 7})
            async with asyncio.timeout(5):
                return (await anext(publications)).body

    assert asyncio.run(scenario()) == {"order": 7}


def test_mqtts_refuses_a_certificate_that_nobody_vouches_for(server_tls, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")

    async def scenario():
        broker = Broker(clock=asyncio.get_running_loop().time)
        async with broker.listen_mqtt(ssl=server_tls) as listener:
            with pytest.raises(BrokerUnreachable, match="certificate verify failed"):
                async with connect(f"mqtts://localhost:{listener.port}"):
                    pass

    asyncio.run(scenario())


@pytest.mark.engines("rabbitmq-server")
def test_amqps_sends_and_receives_over_tls(server_tls, rabbit: Bench):
    at = urlsplit(rabbit.url)

    async def scenario():
        async with Wire(at.port, tls=server_tls) as wire:
            url = f"amqps://{at.username}:{at.password}@localhost:{wire.port}{at.path}"
            async with connect(url) as broker:
                queue = await broker.create_queue(rabbit.name("by-tls"))
                await queue.send({"order": 7})
                [delivery] = await queue.receive(wait=5)
                await delivery.ack()
                return delivery.body

    assert asyncio.run(scenario()) == {"order": 7}


@pytest.mark.engines("rabbitmq-server")
def test_amqps_refuses_a_certificate_that_nobody_vouches_for(server_tls, rabbit: Bench, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    at = urlsplit(rabbit.url)

    async def scenario():
        async with Wire(at.port, tls=server_tls) as wire:
            with pytest.raises(BrokerUnreachable, match="certificate verify failed"):
                async with connect(f"amqps://{at.username}:{at.password}@localhost:{wire.port}{at.path}"):
                    pass

    asyncio.run(scenario())
