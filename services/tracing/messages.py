"""Tracing through a queue and a log: a producer span goes out in the message, a link comes back to it.

Idea      Who sends does not wait for who works, so a trace that held both would last for as long as the
          queue is long. The consumer begins a trace of its own, and *links* the span that sent the
          message: two traces, and a bridge. A batch has many senders and one span can have one parent
          only, so it links each of them.
Parent    For a single message the conventions allow the sender as parent instead: one trace, at the
          price above. `as_parent=True`; it links all the same, as they ask.
Custom    A message that carries a traceparent already (an outbox wrote it) keeps it: its cause is there,
          not in the relay. The relay's span links it.
Mind      Messaging conventions have the status "Development": names may change (conventions.py).
Sampling  A new trace draws anew whether it is kept: behind a link the sender's flag does not bind.
Not here  Spans of receives and acks: "waited 20 s for nothing" would be most of all spans.
Source    OpenTelemetry, "Semantic conventions for messaging spans" (Development), "Trace structure".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry.trace import Link, Span, SpanKind, get_current_span

from minibroker.client import Delivery, Queue
from minibroker.log_client import Topic
from minibroker.record import Record
from services.messaging.worker import Handler
from services.tracing.conventions import (
    MESSAGING_BATCH_MESSAGE_COUNT,
    MESSAGING_CONSUMER_GROUP_NAME,
    MESSAGING_DESTINATION_NAME,
    MESSAGING_DESTINATION_PARTITION_ID,
    MESSAGING_MESSAGE_ID,
    MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE,
    MESSAGING_SYSTEM,
)
from services.tracing.propagation import extract, inject, link, sender
from services.tracing.tracer import Tracing

SYSTEM = "minibroker"


class TracedQueue(Queue):
    """`queue`, whose sends are spans and carry them."""

    def __init__(self, queue: Queue, tracing: Tracing) -> None:
        async def call(name: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            return await queue.ask(operation, arguments)

        super().__init__(queue.name, call, consumer=queue.consumer)
        self._tracing = tracing

    async def send(self, body: Any, *, headers: Mapping[str, str] | None = None, **options: Any) -> int:
        with sending(self._tracing, self.name, headers) as (span, carrier):
            message_id = await super().send(body, headers=carrier, **options)
            span.set_attribute(MESSAGING_MESSAGE_ID, str(message_id))
            return message_id


class TracedTopic(Topic):
    """`topic`, whose appends are spans and carry them; of a batch, each record has one of its own."""

    def __init__(self, topic: Topic, tracing: Tracing) -> None:
        async def call(name: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            return await topic.ask(operation, arguments)

        super().__init__(topic.name, call, consumer=topic.member)
        self._tracing = tracing

    async def append(
        self, key: str | None, value: Any, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Record:
        with sending(self._tracing, self.name, headers) as (span, carrier):
            record = await super().append(key, value, headers=carrier, **options)
            span.set_attribute(MESSAGING_DESTINATION_PARTITION_ID, str(record.partition))
            return record

    async def append_many(self, records: Iterable[Any], **options: Any) -> dict[int, range]:
        rows = []
        for key, value, *rest in records:
            headers = dict(rest[0]) if rest else {}
            if sender(headers) is None:
                with _span(self._tracing, "create", self.name, SpanKind.PRODUCER):
                    inject(headers)
            rows.append((key, value, headers))
        links = [found for _, _, headers in rows if (found := link(headers))]
        count = {MESSAGING_BATCH_MESSAGE_COUNT: len(rows)}
        with _span(self._tracing, "send", self.name, SpanKind.CLIENT, links, count):
            return await super().append_many(rows, **options)


@contextmanager
def sending(
    tracing: Tracing, destination: str, headers: Mapping[str, str] | None = None, *, system: str = SYSTEM
) -> Iterator[tuple[Span, dict[str, str]]]:
    """The span around the sending of one message, and the headers to send it with."""
    carrier = dict(headers or {})
    custom = link(carrier)
    kind = SpanKind.PRODUCER if custom is None else SpanKind.CLIENT
    with _span(tracing, "send", destination, kind, [custom] if custom else [], system=system) as span:
        if custom is None:
            inject(carrier)
        yield span, carrier


@contextmanager
def processing(
    tracing: Tracing,
    destination: str,
    *messages: Delivery | Record | Mapping[str, str],
    as_parent: bool = False,
    group: str | None = None,
    system: str = SYSTEM,
) -> Iterator[Span]:
    """The span around the handling of one message or of a batch, with a link to the sender of each.

    messages: deliveries, records, or the bare headers of what came from elsewhere.
    as_parent: of a single message, see Parent above.
    """
    if as_parent and len(messages) != 1:
        raise ValueError(
            f"a span has one parent, and {len(messages)} messages have as many senders: they are links"
        )
    links = [found for message in messages if (found := link(_headers(message), **_facts(message)))]
    attributes = {} if group is None else {MESSAGING_CONSUMER_GROUP_NAME: group}
    facts = _facts(messages[0]) if len(messages) == 1 else {MESSAGING_BATCH_MESSAGE_COUNT: len(messages)}
    parent = None
    if as_parent and links:
        around = get_current_span().get_span_context()
        links += [Link(around)] if around.is_valid else []
        parent = extract(_headers(messages[0]))
    with _span(
        tracing, "process", destination, SpanKind.CONSUMER, links, {**attributes, **facts},
        system=system, parent=parent,
    ) as span:  # fmt: skip
        yield span


def traced_handler(tracing: Tracing, handle: Handler, *, as_parent: bool = False) -> Handler:
    """A worker's handler, each delivery of which is handled in a span of its own."""

    async def handler(delivery: Delivery) -> None:
        with processing(tracing, delivery.queue.name, delivery, as_parent=as_parent):
            await handle(delivery)

    return handler


def _span(
    tracing: Tracing,
    operation: str,
    destination: str,
    kind: SpanKind,
    links: Iterable[Link] = (),
    attributes: Mapping[str, Any] | None = None,
    *,
    system: str = SYSTEM,
    parent: Any = None,
) -> AbstractContextManager[Span]:
    known = {
        MESSAGING_SYSTEM: system,
        MESSAGING_OPERATION_NAME: operation,
        MESSAGING_OPERATION_TYPE: operation,
        MESSAGING_DESTINATION_NAME: destination,
    }
    return tracing.span(
        f"{operation} {destination}",
        kind=kind,
        parent=parent,
        links=list(links),
        attributes={**known, **(attributes or {})},
    )


def _headers(message: Delivery | Record | Mapping[str, str]) -> Mapping[str, str]:
    return message.headers if isinstance(message, Delivery | Record) else message


def _facts(message: Delivery | Record | Mapping[str, str]) -> dict[str, str]:
    """What is known of one message: its id, or its partition."""
    if isinstance(message, Delivery):
        return {MESSAGING_MESSAGE_ID: str(message.message.id)}
    if isinstance(message, Record):
        return {MESSAGING_DESTINATION_PARTITION_ID: str(message.partition)}
    return {}
