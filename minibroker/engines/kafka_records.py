"""Kafka's messages as Records, and how they are got from its client.

Idea      A value is JSON, a null value a tombstone, a key UTF-8, headers strings. What somebody else
          wrote, and is not JSON, comes as text.
"""

from typing import Any

from confluent_kafka import KafkaException, Message
from confluent_kafka.aio import AIOConsumer

from minibroker.arguments import from_json
from minibroker.errors import InvalidArgument, OffsetOutOfRange
from minibroker.record import Record


async def consume(consumer: AIOConsumer, max_records: int, wait: float) -> list[Message]:
    """Up to `max_records`; if there are none yet, wait up to `wait` seconds for the first.

    (librdkafka's own consume waits until it has as many as were asked for, or for all of the time.)
    """
    messages: list[Message] = await consumer.consume(num_messages=1, timeout=wait)
    if messages and max_records > 1:
        messages += await consumer.consume(num_messages=max_records - 1, timeout=0)
    for message in messages:
        if (error := message.error()) is not None:
            raise KafkaException(error)
    return messages


def record_of(message: Message) -> Record:
    """Kafka's message as a Record."""
    value, key = message.value(), message.key()
    partition, offset = message.partition(), message.offset()
    assert partition is not None and offset is not None  # it comes from a broker
    return Record(
        partition=partition,
        offset=offset,
        key=None if key is None else key.decode(errors="replace"),
        value=None if value is None else _value(value),
        headers=_headers(message),
        timestamp=message.timestamp()[1] / 1000,
    )


def _headers(message: Message) -> dict[str, str]:
    told = message.headers() or []
    pairs = told.items() if isinstance(told, dict) else told
    texts = {name: text.decode(errors="replace") if isinstance(text, bytes) else text for name, text in pairs}
    return {name: text or "" for name, text in texts.items()}


def check_offset(topic: str, partition: int, offset: int, earliest: int, latest: int) -> None:
    """OffsetOutOfRange if the log has no such place."""
    if not earliest <= offset <= latest:
        raise OffsetOutOfRange(
            f"offset {offset} is not in {topic}/{partition}, which has {earliest} to {latest}",
            earliest=earliest,
            latest=latest,
        )


def key_of(key: Any) -> bytes | None:
    if key is None or isinstance(key, str):
        return None if key is None else key.encode()
    raise InvalidArgument(f"a record's key is a string, or None; got a {type(key).__name__}")


def _value(data: bytes) -> Any:
    """The JSON value; of what somebody else wrote, and is none, the text."""
    try:
        return from_json(data)
    except InvalidArgument:
        return data.decode(errors="replace")
