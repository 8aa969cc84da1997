"""What a checkout holds: the services that it may ask, a queue for later, and the answer that it gives.

Idea      `await inventory.ask(order)` asks, and waits for the answer. `await later.send("shipping", order)`
          writes the question down: deferred() asks it, and asks again until the service has said yes,
          however long that one is down. Which of the two it is for whom is the checkout's to decide.
Twice     is no harm: each service does its part once for an order. So whoever got no answer in time may
          ask again, or later.
Not here  The checkout (exercise 01). A task that is lost since nobody came to write it down: lesson 09.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from minibroker.client import Delivery, Queue
from minibroker.errors import BrokerFault, BrokerUnreachable, NoAnswer, QueueFull
from services.messaging.worker import work
from services.node import Node

PARTS = {
    "inventory": "http://inventory/reservations",
    "payments": "http://payments/charges",
    "shipping": "http://shipping/shipments",
    "notifications": "http://notifications/messages",
}
LATER = "later"  # the queue of what is done when there is time


class Unavailable(Exception):
    """It is down, or gave no answer in time, and then it may have done it. Another try may help."""


class Refused(Exception):
    """It says no, and will say no tomorrow: sold out, the card is declined, no such order."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the buyer is told: the order is placed; what is `pending` (names of services) is not yet done."""

    order: int
    pending: tuple[str, ...] = ()


class Service:
    """One service of the shop, as its caller sees it. `name` is one of PARTS."""

    def __init__(self, name: str, http: httpx.AsyncClient) -> None:
        self.name = name
        self._http = http

    async def ask(self, order: Mapping[str, Any]) -> None:
        """Let it do its part for this order, and wait until it has. Raises Unavailable or Refused."""
        try:
            response = await self._http.post(PARTS[self.name], json=dict(order))
        except httpx.TransportError as error:
            raise Unavailable(f"{self.name}: {error}") from error
        if response.status_code >= 500:
            raise Unavailable(f"{self.name} answered {response.status_code}")
        if response.is_error:
            raise Refused(f"{self.name} answered {response.status_code}: {response.text}")


class Later:
    """The queue of what is done later. What it has taken is done in the end."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def send(self, name: str, body: Mapping[str, Any]) -> None:
        """Have the service `name` asked to do its part for the order `body`, soon and until it has.

        Raises Unavailable if the queue did not say that it has it; ValueError for an unknown name.
        """
        if name not in PARTS:
            raise ValueError(f"no service {name!r}; there are: {', '.join(PARTS)}")
        try:
            await self._queue.send({"service": name, "body": dict(body)})
        except (BrokerUnreachable, NoAnswer, BrokerFault, QueueFull) as error:
            raise Unavailable(f"the queue {LATER!r} did not take it: {error}") from error


async def deferred(node: Node) -> None:
    """The worker behind it: asks, and acks when the service has done it. Else the lease runs out: again."""
    http = node.client(timeout=1.0)

    async def ask(delivery: Delivery) -> None:
        await Service(delivery.body["service"], http).ask(delivery.body["body"])
        await delivery.ack()

    await work(node, node.queue(LATER), ask)
