"""A topic of a broker in this process: the same client, without the way through JSON.

Idea      As for queues (local.py): keys and texts pass as they are, since nobody can change them; any
          other value is copied through JSON when it comes in, and again whenever it goes out.
Not here  The operations that are rare: they take the way of all others (log_client.py).
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from minibroker.arguments import from_json, json_copy, to_json
from minibroker.client import Call
from minibroker.log_client import Topic
from minibroker.record import Record

if TYPE_CHECKING:
    from minibroker.broker import Broker


class LocalTopic(Topic):
    """As Topic; `broker` is in this process and event loop."""

    def __init__(self, name: str, broker: "Broker", call: Call, *, consumer: str = "") -> None:
        super().__init__(name, call, consumer=consumer)
        self._broker = broker

    async def append(
        self,
        key: str | None,
        value: Any,
        *,
        headers: Mapping[str, str] | None = None,
        partition: int | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> Record:
        journal = self._broker.journal
        if journal is not None:
            journal.check()
        record = self._broker.logs.append(
            self.name,
            key,
            json_copy(value),
            headers=headers,
            partition=partition,
            producer=producer,
            sequence=sequence,
        )
        if journal is not None:
            await journal.written()
        return _handed_out(record)

    async def append_many(
        self,
        records: Iterable[Any],
        *,
        partition: int | None = None,
        producer: str | None = None,
        sequence: int | None = None,
    ) -> dict[int, range]:
        self._broker.check_topic("append_many")
        batch = list(records)
        if not _are_texts(batch):
            batch = from_json(to_json(batch))
        offsets = self._broker.logs.append_many(
            self.name, batch, partition=partition, producer=producer, sequence=sequence
        )
        if self._broker.journal is not None:
            await self._broker.journal.written()
        return {number: got for number, got in offsets.items() if got}

    async def fetch_many(
        self, offsets: Mapping[int, int], *, max_records: int = 500, wait: float = 0.0
    ) -> list[Record]:
        records = await self._broker.logs.fetch(self.name, offsets, max_records=max_records, wait=wait)
        if self._broker.journal is not None:
            await self._broker.journal.written()
        return [_handed_out(record) for record in records]


def _are_texts(batch: list[Any]) -> bool:
    """Are these all pairs of a key and a text, which nobody can change?"""
    try:
        return {type(value) for _, value in batch} <= {str}
    except (TypeError, ValueError):  # one with headers, or none at all
        return False


def _handed_out(record: Record) -> Record:
    """`record` such that nothing of it leads back into the broker."""
    if type(record.value) is str and not record.headers:
        return record  # nearly always
    value = json_copy(record.value)
    if value is record.value and not record.headers:
        return record
    return record._replace(value=value, headers=dict(record.headers))
