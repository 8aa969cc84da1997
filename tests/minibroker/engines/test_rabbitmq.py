"""What only a broker on a wire can show: how a lease ends on RabbitMQ, and what a lost connection does."""

import asyncio
from urllib.parse import urlsplit

import pytest

from minibroker import BrokerError, BrokerUnreachable, NoAnswer, StaleReceipt, connect
from tests.minibroker.engines.proxy import Wire

pytestmark = pytest.mark.engines("rabbitmq-server")

SOON = 5.0


def through(wire, url):
    """The url, by way of the wire."""
    return urlsplit(url)._replace(netloc=f"guest:guest@127.0.0.1:{wire.port}").geturl()


def test_a_lease_ends_with_its_connection_and_the_message_goes_to_another(rabbit):
    async def scenario(broker):
        name = rabbit.name("charges")
        await broker.create_queue(name, max_receive_count=5, dead_letter_queue=rabbit.name("dead"))
        await broker.queue(name).send("lamp")
        async with Wire(urlsplit(rabbit.url).port) as wire, connect(through(wire, rabbit.url)) as dying:
            [lost] = await dying.queue(name).receive(wait=SOON)
            wire.cut()
            [delivery] = await broker.queue(name).receive(wait=SOON)
            with pytest.raises(StaleReceipt, match="gives the message to another"):
                await lost.ack()
        await delivery.ack()
        return delivery.body, delivery.receive_count

    assert rabbit.run(scenario) == ("lamp", 2)


def test_the_next_operation_after_a_loss_connects_again(rabbit):
    async def scenario(broker):
        name = rabbit.name("charges")
        await broker.create_queue(name)
        async with Wire(urlsplit(rabbit.url).port) as wire, connect(through(wire, rabbit.url)) as unlucky:
            charges = unlucky.queue(name)
            await charges.send(1)
            wire.cut()
            while True:
                try:
                    await charges.send(2)
                    break
                except BrokerError:  # it has not yet seen, or has just seen, that the connection is gone
                    await asyncio.sleep(0.01)
            found = [delivery.body for delivery in await charges.receive(max_messages=9, wait=SOON)]
        return set(found)  # a send without an answer may have been stored, and 2 is there twice then

    assert rabbit.run(scenario) == {1, 2}


def test_a_receive_that_waits_when_the_connection_ends_says_so(rabbit):
    async def scenario(broker):
        name = rabbit.name("charges")
        await broker.create_queue(name)
        async with Wire(urlsplit(rabbit.url).port) as wire, connect(through(wire, rabbit.url)) as unlucky:
            waiting = asyncio.create_task(unlucky.queue(name).receive(wait=SOON))
            await asyncio.sleep(0.3)  # until it waits
            wire.cut()
            with pytest.raises(BrokerUnreachable, match="Receive again"):
                await waiting

    rabbit.run(scenario)


def test_a_send_whose_connection_ends_before_the_confirm_has_no_answer(rabbit):
    async def scenario(broker):
        name = rabbit.name("charges")
        await broker.create_queue(name)
        async with Wire(urlsplit(rabbit.url).port) as wire, connect(through(wire, rabbit.url)) as unlucky:
            charges = unlucky.queue(name)
            await charges.send(1)
            sending = asyncio.create_task(charges.send("x" * 5_000_000))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            wire.close()
            with pytest.raises((NoAnswer, BrokerUnreachable)) as end:
                await sending
            with pytest.raises(BrokerUnreachable, match="no connection to RabbitMQ") as refused:
                await charges.send(2)
            return end.value.definite, refused.value.definite

    assert rabbit.run(scenario) == (False, True)


def test_where_nobody_listens_connect_says_so():
    async def scenario():
        async with Wire(1) as wire:
            port = wire.port
        with pytest.raises(BrokerUnreachable, match="no connection to RabbitMQ"):
            async with connect(f"amqp://guest:guest@127.0.0.1:{port}/"):
                pass

    asyncio.run(scenario())
