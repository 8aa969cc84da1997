"""What Kafka's client is told: every option that matters, and none left to its default.

Idea      Defaults differ from client to client: Java, aiokafka and librdkafka disagree on the
          partitioner, on acks, on who commits and when. Two of them on one topic may break the order
          of a key. So each is written down here, with minibroker's (the Java client's) choice.
Client    confluent-kafka (librdkafka) and not aiokafka, since its own mock cluster runs groups of
          several members, so that what is here can be tested without a JVM; aiokafka, whose
          requests that cluster refuses in a rebalance, is the tests' second opinion on partitions.
Source    librdkafka, CONFIGURATION.md; Kafka documentation, "Producer Configs", "Consumer Configs".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from minibroker.errors import (
    BrokerError,
    BrokerFault,
    BrokerUnreachable,
    FencedMember,
    InvalidArgument,
    NoAnswer,
    NoSuchTopic,
    StaleGeneration,
)

PRODUCER: dict[str, Any] = {
    "acks": "all",  # done when all in-sync replicas have it
    "enable.idempotence": True,  # the client's own retries write once
    "max.in.flight.requests.per.connection": 5,
    "partitioner": "murmur2_random",  # librdkafka's default is crc32; for no key, any partition
    "sticky.partitioning.linger.ms": 0,
    "linger.ms": 0,
    "compression.type": "none",
    "delivery.timeout.ms": 120_000,
}
CONSUMER: dict[str, Any] = {
    "enable.auto.commit": False,  # nothing is committed by itself
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # where to begin is decided in kafka_consumer.py
    "isolation.level": "read_committed",
    "group.protocol": "classic",  # the assignor is the client's (KIP-848 gives it to the broker)
    "fetch.wait.max.ms": 500,
    "fetch.min.bytes": 1,
    "allow.auto.create.topics": False,  # so that a typo cannot swallow records
    "enable.partition.eof": False,
    "check.crcs": True,
}
ASSIGNORS = {"range": "range", "round_robin": "roundrobin"}
HEARTBEAT_INTERVAL = 3.0  # seconds

_STALE = {KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS}
_FENCED = {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID, KafkaError._MAX_POLL_EXCEEDED}
_UNREACHABLE = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}
_UNANSWERED = {KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError.REQUEST_TIMED_OUT}
_UNKNOWN = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
}
_WRONG = {KafkaError.INVALID_CONFIG, KafkaError._INVALID_ARG, KafkaError.MSG_SIZE_TOO_LARGE}


def of_group(
    group: str, member: str, *, assignor: str, session_timeout: float, rebalance_timeout: float
) -> dict[str, Any]:
    """The options of one member (times in seconds)."""
    if assignor not in ASSIGNORS:
        raise InvalidArgument(f"no assignor {assignor!r} here; there are: {', '.join(ASSIGNORS)}")
    return {
        "group.id": group,
        "client.id": member or group,
        "partition.assignment.strategy": ASSIGNORS[assignor],
        "session.timeout.ms": round(session_timeout * 1000),
        "heartbeat.interval.ms": round(min(HEARTBEAT_INTERVAL, session_timeout / 3) * 1000),
        # Java's client takes one for both: how long a member may be at work, and has to join again.
        "max.poll.interval.ms": round(max(rebalance_timeout, session_timeout) * 1000),
    }


def broker_error(error: KafkaError, doing: str) -> BrokerError:
    """Kafka's error in minibroker's words."""
    told, code = f"cannot {doing}: {error.str()} ({error.name()})", error.code()
    if code in _UNKNOWN:
        return NoSuchTopic(told)
    if code in _FENCED:
        return FencedMember(f"{told}. Others have its partitions; join again, and begin at what is committed")
    if code in _STALE:
        return StaleGeneration(f"{told}. Join again, and begin at what is committed")
    if code in _UNREACHABLE:
        return BrokerUnreachable(told)
    if code in _UNANSWERED:
        return NoAnswer(told)
    return InvalidArgument(told) if code in _WRONG else BrokerFault(told)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """What the client raises in here comes out as a BrokerError."""
    try:
        yield
    except KafkaException as error:
        raise broker_error(error.args[0], doing) from error
