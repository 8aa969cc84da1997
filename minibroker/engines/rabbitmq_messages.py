"""What travels to and from RabbitMQ: a queue's arguments, a message, the record of its deaths.

Idea      A body is JSON, headers are headers, our id is AMQP's message_id. What RabbitMQ adds in
          headers that begin with x- is read into receive_count and deaths, and kept from the user.
Lost      Of a death RabbitMQ keeps reason, queue, count and the time of the first. What the
          consumer said, and how often the message was received, it does not keep: "" and 0.
Source    RabbitMQ documentation, "Dead Letter Exchanges", "Quorum Queues", "Queue Length Limit".
"""

from collections.abc import Mapping
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any

from aio_pika import DeliveryMode
from aio_pika import Message as AmqpMessage

from minibroker.arguments import from_json
from minibroker.errors import InvalidArgument
from minibroker.message import Death, Message, Reason
from minibroker.settings import Overflow, QueueSettings

if TYPE_CHECKING:
    from aio_pika.abc import AbstractIncomingMessage

REASONS = {
    "rejected": Reason.REJECTED,
    "expired": Reason.EXPIRED,
    "maxlen": Reason.MAX_LENGTH,
    "delivery_limit": Reason.MAX_RECEIVE_COUNT,
}


def queue_arguments(settings: QueueSettings, dead_letter_queue: str | None) -> dict[str, Any]:
    """The x-arguments of a quorum queue that keeps these settings. InvalidArgument for what none can."""
    refuses = settings.overflow == Overflow.REJECT
    if settings.overflow == Overflow.DROP_OLDEST and dead_letter_queue is not None:
        raise InvalidArgument(
            "a RabbitMQ queue with a dead-letter queue gives it what it drops from its head: say "
            "overflow='dead-letter', or leave the dead-letter queue out"
        )
    arguments: dict[str, Any] = {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish" if refuses else "drop-head",
    }
    if settings.max_receive_count is not None:
        arguments["x-delivery-limit"] = settings.max_receive_count - 1  # it counts *re*deliveries
    if dead_letter_queue is not None:
        arguments["x-dead-letter-exchange"] = ""  # the default one: a routing key is a queue's name
        arguments["x-dead-letter-routing-key"] = dead_letter_queue
        arguments["x-dead-letter-strategy"] = "at-least-once" if refuses else "at-most-once"
    if settings.ttl is not None:
        arguments["x-message-ttl"] = round(settings.ttl * 1000)
    if settings.max_length is not None:
        arguments["x-max-length"] = settings.max_length
    return arguments


def outgoing(
    body: bytes, *, headers: Mapping[str, str], message_id: str, timestamp: float, ttl: float | None
) -> AmqpMessage:
    """A persistent message; `timestamp` in seconds since 1970, `ttl` in seconds."""
    return AmqpMessage(
        body,
        content_type="application/json",
        headers=dict(headers),
        message_id=message_id,
        timestamp=datetime.fromtimestamp(timestamp).astimezone(),
        expiration=ttl,
        delivery_mode=DeliveryMode.PERSISTENT,
    )


def lease(receipt: str, incoming: "AbstractIncomingMessage") -> dict[str, Any]:
    """What receive() answers for one message."""
    headers = incoming.headers
    message_id = incoming.message_id or ""
    message = Message(
        id=int(message_id) if message_id.isascii() and message_id.isdigit() else 0,  # 0: not sent from here
        body=_body(incoming.body),
        headers={k: v for k, v in headers.items() if not k.startswith("x-") and isinstance(v, str)},
        enqueued_at=incoming.timestamp.timestamp() if incoming.timestamp else 0.0,
        deaths=tuple(_death(entry) for entry in _entries(headers.get("x-death"))),
    )
    count = headers.get("x-delivery-count", 0)
    return {
        "message": message.to_json(),
        "receipt": receipt,
        "receive_count": (count if isinstance(count, int) else 0) + 1,
        "until": inf,
    }


def _body(data: bytes) -> Any:
    """The JSON value; of what somebody else sent, and is none, the text."""
    try:
        return from_json(data)
    except InvalidArgument:
        return data.decode(errors="replace")


def _entries(x_death: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in x_death if isinstance(entry, Mapping)] if isinstance(x_death, list) else []


def _death(entry: Mapping[str, Any]) -> Death:
    at = entry["time"].timestamp()
    reason = REASONS.get(entry["reason"], Reason.REJECTED)
    return Death(entry["queue"], reason, entry["count"], first_at=at, last_at=at, receive_count=0)
