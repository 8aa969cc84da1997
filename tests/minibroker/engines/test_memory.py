"""minibroker by its own urls."""

import asyncio

import pytest

from minibroker import InvalidArgument, connect


def test_a_file_url_is_a_broker_that_knows_its_messages_again(tmp_path):
    url = f"file:{tmp_path / 'data'}"

    async def before():
        async with connect(url) as broker:
            charges = await broker.create_queue("charges", max_receive_count=5, dead_letter_queue="dead")
            await charges.send({"order": 7})

    async def after():
        async with connect(url) as broker:
            [delivery] = await broker.queue("charges").receive(wait=5.0)
            await delivery.ack()
            return delivery.body

    asyncio.run(before())
    assert asyncio.run(after()) == {"order": 7}


def test_a_file_url_without_a_folder_is_refused():
    with pytest.raises(InvalidArgument, match="file: needs a folder"):
        connect("file:")


def test_a_subscription_goes_with_its_process_and_what_was_retained_stays(tmp_path):
    url = f"file:{tmp_path / 'data'}"

    async def before():
        broker = connect(url)
        await broker.__aenter__()
        subscription = broker.subscribe("shop/#")
        await subscription.__aenter__()  # and the process dies, with the subscription open
        await broker.publish("shop/state", "open", retain=True)
        await broker.__aexit__(None, None, None)

    async def after():
        async with connect(url) as broker, broker.subscribe("shop/+") as publications:
            await broker.publish("shop/state", "closed")
            found = [await anext(publications), await anext(publications)]
            return [(p.body, p.retained) for p in found], broker.broker.bindings()

    asyncio.run(before())
    found, bindings = asyncio.run(after())
    assert found == [("open", True), ("closed", False)]
    assert len(bindings) == 1, "the binding of the subscriber that died is there still"
