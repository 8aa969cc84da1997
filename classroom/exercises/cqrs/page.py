"""What the answers of exercise 11 are given, and what a read gives back.

Not here  The services behind it (system.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from services.node import Database, Node

if TYPE_CHECKING:
    pass

Page: TypeAlias = Mapping[str, Any]  # order_id, version, address, items, total
ROW = ("order_id", "version", "address", "items", "total")


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one order: the `version`-th, counted from 1 without a gap.

    address: the new one, or None if it stays. amount: cents of an item that was added, or None.
    """

    order_id: int
    version: int
    address: str | None
    amount: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """What a reader is told.

    order:   its row, a dict of order_id, version, address, items and total; None if there is none.
    pending: "your change is safe, and cannot be shown yet"; then `order` is looked at by nobody.
    """

    order: Page | None = None
    pending: bool = False


class WriterUnavailable(Exception):
    """The orders service refused, failed, or gave no answer in time."""


class View:
    """The read model. `db` is its database; its table is orders(order_id, version, address, items, total)."""

    def __init__(self, db: Database) -> None:
        self.db = db

    async def get(self, order_id: int) -> Page | None:
        """The row of an order, as the view has it now; None if there is none."""
        rows = await self.db.execute("SELECT * FROM orders WHERE order_id = ?", (order_id,))
        return rows[0] if rows else None


class Writer:
    """The write model: always right, and busy. Each call is counted."""

    def __init__(self, node: Node, asked: Callable[[], None]) -> None:
        self._node = node
        self._asked = asked

    async def get(self, order_id: int, *, timeout: float = 5.0) -> Page | None:
        """The order as it is written now; None if there is none. timeout: seconds.

        Raises WriterUnavailable.
        """
        page: Page | None = await self._ask(f"/orders/{order_id}", timeout)
        return page

    async def events(self, order_id: int, *, after: int = 0, timeout: float = 5.0) -> list[Event]:
        """The changes of an order beyond version `after`, in their order. Raises WriterUnavailable."""
        found = await self._ask(f"/orders/{order_id}/events?after={after}", timeout)
        return [Event(**event) for event in found]

    async def _ask(self, path: str, timeout: float) -> Any:
        import httpx  # here, since it takes a third of a second that not every notebook needs

        self._asked()
        client: httpx.AsyncClient = self._node.client(timeout=timeout)
        try:
            answer = await client.get(f"http://orders{path}")
        except httpx.HTTPError as error:
            raise WriterUnavailable(str(error) or type(error).__name__) from None
        if answer.status_code != 200:
            raise WriterUnavailable(f"the orders service answered {answer.status_code}")
        return answer.json()
