"""A follower: keeps a view up to date, as a member of a consumer group.

Idea      The group says who reads which partition. Where to go on says the view, for only its position
          is stored with its rows; so after each rebalance the reader is sent there. What is committed
          to the group comes after that, and is for others to see: lag, and nothing else.
Zombies   A former owner that wakes up late may still bring records. They are below the position by then,
          and so are duplicates: the position is the fence, as long as followers share the database.
Not here  Records that cannot be applied: the follower ends with the error (stop), and its partition waits.
          To go on without such a record (park) is for `apply` to decide.
Source    Kafka documentation, KafkaConsumer, "Storing Offsets Outside Kafka".
"""

import asyncio

from minibroker.errors import TRY_AGAIN, FencedMember, StaleGeneration
from minibroker.topic_consumer import TopicConsumer
from services.events.projection import OutOfStep, Projection
from services.node import Node


async def follow(
    node: Node,
    consumer: TopicConsumer,
    view: Projection,
    *,
    max_records: int = 100,
    wait: float = 1.0,
    rest: float = 1.0,
) -> None:
    """Apply to `view` what the consumer reads, for ever. Let the consumer have start="earliest".

    max_records: of one poll, and so of one transaction; wait: seconds that a poll may wait for the first.
    rest: seconds until the next try after the broker could not be reached.

    Raises OutOfStep if the view and the log do not fit together, and what the view's `apply` raises.
    """
    await view.create()
    generation = None
    while True:
        try:
            records = await consumer.poll(max_records=max_records, wait=wait)
            if consumer.generation != generation:
                await _go_to_the_views_position(consumer, view)
                generation = consumer.generation
            elif records:
                new = await view.take(records)
                node.record(
                    "projected", view=view.table, records=len(records), new=new, positions=consumer.positions
                )
                await consumer.commit()
        except (FencedMember, StaleGeneration):
            pass  # the view is right; the next poll joins the group again
        except TRY_AGAIN:
            generation = None  # whatever happened meanwhile, begin from the view
            await asyncio.sleep(rest)


async def _go_to_the_views_position(consumer: TopicConsumer, view: Projection) -> None:
    positions = await view.positions()
    logs = await consumer.topic.partitions() if consumer.positions else []
    for partition in list(consumer.positions):
        position, log = positions.get(partition, 0), logs[partition]
        if position > log.end_offset or (position < log.start_offset and not view.holes):
            raise OutOfStep(
                f"{view.table} is at offset {position} of {consumer.topic.name}/{partition}, which holds "
                f"{log.start_offset} to {log.end_offset}: the view was made from another log, or retention "
                f"has deleted what it has not seen. Drop the view, and decide where it shall begin"
            )
        consumer.seek(partition, max(position, log.start_offset))
