"""The outbox: what shall be published is written with what it tells of, in one transaction.

Idea      A database and a broker share no transaction: a crash between the two writes leaves a row that
          nobody heard of, or news of a row that is not there. So only the database is written to: the row
          and, in the table `outbox`, the event. A relay publishes what stands there, and then marks it.
Promise   Every committed event is published at least once, none that was not committed, and those of one key
          first in their order. Twice, if the relay dies between the publish and the mark, or gets no
          answer: whoever receives them needs an inbox (inbox.py).
Polling   asks the table again and again. Log tailing (Debezium) reads the database's own log instead: no
          load while nothing happens, and the order of commits; but it needs the right to read that log.
Mind      A relay asks for what is not marked, never for `id > last`. In Postgres an id is drawn at the insert
          and seen at the commit, so 8 may be seen before 7: who has gone past 8 never sees 7. (SQLite
          has one writer at a time, so that here both would do.)
Not here  Two relays at once: they would publish twice and out of order. To delete what is marked.
Source    C. Richardson, microservices.io, "Transactional outbox", "Polling publisher", "Transaction log
          tailing"; Debezium documentation, "Outbox Event Router".
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from minibroker.client import Queue
from minibroker.errors import TRY_AGAIN, QueueFull
from minibroker.log_client import Topic
from services.node import Database, Node

EVENT_ID = "event-id"  # the header by which a receiver knows an event again
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, body TEXT, headers TEXT, published_at REAL)""",
    "CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox (id) WHERE published_at IS NULL",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it stands in the outbox. Events of one `key` stay in order."""

    id: int
    event_id: str
    key: str
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


Publish: TypeAlias = Callable[[Entry], Awaitable[object]]


class Outbox:
    """The table `outbox` of a database. `source` names it, so that its event ids are nobody else's."""

    def __init__(self, db: Database, *, source: str) -> None:
        self._db = db
        self._source = source

    async def create(self) -> None:
        """Make the table, unless it is there."""
        async with self._db.transaction():
            for statement in SCHEMA:
                await self._db.execute(statement)

    async def add(self, key: str, body: Any, *, headers: Mapping[str, str] | None = None) -> None:
        """Write an event (a JSON value). Call it within the transaction that writes what it tells of."""
        await self._db.execute(
            "INSERT INTO outbox (key, body, headers) VALUES (?, ?, ?)",
            (key, json.dumps(body), json.dumps(dict(headers or {}))),
        )

    async def waiting(self, *, limit: int = 100) -> list[Entry]:
        """The first `limit` events that are not marked as published, in the order of their writing."""
        rows = await self._db.execute(
            "SELECT id, key, body, headers FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT ?",
            (limit,),
        )
        return [
            Entry(
                id=row["id"],
                event_id=f"{self._source}-{row['id']}",
                key=row["key"],
                body=json.loads(row["body"]),
                headers=json.loads(row["headers"]),
            )
            for row in rows
        ]

    async def mark(self, entry: Entry, *, now: float) -> None:
        """It is published, since `now` (seconds)."""
        await self._db.execute("UPDATE outbox SET published_at = ? WHERE id = ?", (now, entry.id))


def to_topic(topic: Topic) -> Publish:
    """Publish to a topic: what has one key goes to one partition, and so stays in order."""

    async def publish(entry: Entry) -> None:
        await topic.append(entry.key, entry.body, headers={**entry.headers, EVENT_ID: entry.event_id})

    return publish


def to_queue(queue: Queue) -> Publish:
    """Publish to a queue: what has one key is one group, and so is delivered in order."""

    async def publish(entry: Entry) -> None:
        await queue.send(entry.body, group=entry.key, headers={**entry.headers, EVENT_ID: entry.event_id})

    return publish


async def relay(
    node: Node, outbox: Outbox, publish: Publish, *, poll: float = 0.5, rest: float = 1.0, batch: int = 100
) -> None:
    """Publish what waits in the outbox, for ever.

    poll: seconds until it looks again after it found nothing; rest: after the broker did not take one.
    batch: events that it reads at a time; it publishes and marks them one by one, in order.

    What the broker did not take is tried again, and holds up all that is behind it: nothing overtakes. What
    the broker will never take (InvalidArgument, NoSuchTopic, ...) is raised: a person must look at it.
    """
    await outbox.create()
    while True:
        entries = await outbox.waiting(limit=batch)
        for entry in entries:
            try:
                await publish(entry)
            except (*TRY_AGAIN, QueueFull) as error:
                node.record("unpublished", event=entry.event_id, key=entry.key, error=error.code)
                await asyncio.sleep(rest)
                break
            await outbox.mark(entry, now=node.now())
            node.record("published", event=entry.event_id, key=entry.key)
        if not entries:
            await asyncio.sleep(poll)
