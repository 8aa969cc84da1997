"""What Kafka, by this client, does not have."""

from minibroker.engines.capabilities import Capabilities, Capability, Lack

CAPABILITIES = Capabilities(
    "Kafka",
    {
        Capability.QUEUES: Lack(
            "a group reads a log: who takes a record does not take it away, and cannot nack one alone "
            "(share groups, which can, are in brokers since 4.2 and not in this client)",
            "a topic with a consumer group; for work that is acked one by one, an amqp: url",
        ),
        Capability.APPEND_MANY: Lack(
            "a batch is all or none only in a transaction, which this engine does not open",
            "append one by one, several at a time (asyncio.gather): the client puts them into batches",
        ),
        Capability.SEQUENCE: Lack(
            "its producer numbers by itself (enable.idempotence) and takes no numbers from outside",
            "append without; the client's own retries are written once, and yours carry a key that the "
            "reader knows again",
        ),
        Capability.STICKY: Lack(
            "this client's only sticky assignor is the cooperative one, which rebalances by another protocol",
            "range or round_robin",
        ),
        Capability.RETENTION_RECORDS: Lack(
            "it counts time and bytes, not records",
            "retention=SECONDS",
        ),
        Capability.PUBLISH: Lack(
            "topics are found by name; there are no subjects and filters",
            "append to the topic by name",
        ),
    },
)
