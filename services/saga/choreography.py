"""Choreography: the same flow without a coordinator. Each service hears what happened, and does its part.

Idea      Events on a log, in the order of their saga. A service reads all of them, and passes over what it
          does not react to. Event, effect and what it says about that are one transaction: the inbox knows
          the event, the outbox holds what is said, and a relay publishes it. So nothing is lost, nothing is
          done twice, and nobody waits for anybody.
Seen      here: that no service needs to know who comes next. Hard to see: the flow, which stands in no file;
          where an order is just now; how to call it off, since nobody knows how far it has come.
Not here  The shop's flow (services/shop/order_events.py). Events that the reaction cannot stomach: the worker
          ends with the error.
Source    C. Richardson, microservices.io, "Saga"; its inbox and outbox are those of services/messaging.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from minibroker.errors import TRY_AGAIN, FencedMember, StaleGeneration
from minibroker.record import Record
from services.messaging.inbox import once
from services.messaging.outbox import EVENT_ID, Outbox, relay, to_topic
from services.node import Database, Node

TOPIC = "sagas"
# reaction(db, data): what this service does, in a transaction. Returns the name of the event that tells so.
Reaction: TypeAlias = Callable[[Database, Any], Awaitable[str]]


async def say(outbox: Outbox, saga: str, event: str, data: Any) -> None:
    """Write an event of a saga into the outbox, within the transaction that writes what it tells of."""
    await outbox.add(saga, {"saga": saga, "event": event, "data": data})


async def dance(
    node: Node, reactions: Mapping[str, Reaction], *, wait: float = 5.0, rest: float = 0.5
) -> None:
    """Hear every event of TOPIC and react to those named in `reactions`, for ever; publish what is said.

    wait: seconds of a long poll; rest: until the next try after the broker could not be reached.
    """
    outbox = Outbox(node.database(), source=node.name)
    await outbox.create()
    async with asyncio.TaskGroup() as group:
        group.create_task(relay(node, outbox, to_topic(node.topic(TOPIC)), poll=0.05))
        group.create_task(_hear(node, outbox, reactions, wait=wait, rest=rest))


async def _hear(
    node: Node, outbox: Outbox, reactions: Mapping[str, Reaction], *, wait: float, rest: float
) -> None:
    consumer = node.topic(TOPIC).consumer(node.name, start="earliest", session_timeout=10.0)
    while True:
        try:
            records = await consumer.poll(max_records=20, wait=wait)
            for record in records:
                await _react(node, outbox, reactions, record)
            if records:
                await consumer.commit()
        except (FencedMember, StaleGeneration):
            continue  # the inbox knows what comes again
        except TRY_AGAIN:
            await asyncio.sleep(rest)


async def _react(node: Node, outbox: Outbox, reactions: Mapping[str, Reaction], record: Record) -> None:
    saga, event, data = (record.value[name] for name in ("saga", "event", "data"))
    if event not in reactions:
        return
    db = node.database()
    async with once(db, record.headers[EVENT_ID]) as first:
        if first:
            said = await reactions[event](db, data)
            await say(outbox, saga, said, data)
    if first:
        node.record("reacted", saga=saga, to=event, said=said)
