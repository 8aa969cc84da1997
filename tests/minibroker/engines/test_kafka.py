"""What only Kafka's engine has to get right."""

import asyncio

import pytest

from minibroker import NoAnswer
from minibroker.engines.kafka import Kafka

pytestmark = pytest.mark.engines


def test_a_topic_whose_creation_is_not_answered_is_in_doubt_and_says_so(kafka_cluster):
    """The mock cluster never answers CreateTopics. An admin client that is let go too soon says _DESTROY."""
    if kafka_cluster is None:
        pytest.skip("engines: KAFKA_SERVERS names a cluster that creates topics")

    async def scenario():
        async with Kafka(f"kafka://{kafka_cluster.servers}", timeout=1.0) as broker:
            await broker.create_topic("orders", partitions=3)

    with pytest.raises(NoAnswer, match="create topic 'orders'"):
        asyncio.run(scenario())
