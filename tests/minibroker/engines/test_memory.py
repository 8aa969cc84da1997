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
