"""What a service may ask of the world that it runs in.

Idea      A service is a factory: it is given a Node and returns an ASGI app, or it is a
          worker, ``async def worker(node)``. The Node is its only door to the network, to
          storage, to the clock and to chance. So the same code runs in a simulated world
          and over real sockets, and nothing in it knows which.
Not here  The two worlds (classroom.world.simulated, classroom.world.live).
Source    The "ports" of A. Cockburn, "Hexagonal Architecture", 2005.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import httpx

    from minibroker.client import Queue
    from minibroker.log_client import Topic
    from minibroker.storage import Storage

Row: TypeAlias = dict[str, Any]


class Database(Protocol):
    """A SQLite database that outlives its service. What was not committed dies with it.

    Outside of a transaction each statement commits by itself. While one task is in a
    transaction every other one waits, so a transaction is always alone (serializable).
    """

    async def execute(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        """Run one statement; the rows it returned, each a dict from column to value.

        Raises sqlite3.Error for what SQLite refuses, and for SQL that reads the wall
        clock ("now", CURRENT_TIMESTAMP, random()): pass such values in instead.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """``async with db.transaction():`` commits all of its statements, or none."""
        ...


class Node(Protocol):
    """One process of the system, as seen from its inside."""

    name: str

    def client(self, *, timeout: float | None = 5.0) -> httpx.AsyncClient:
        """An HTTP client; services have their names as hosts, ``http://payments/charges``.

        timeout: seconds to wait for an answer; None waits for ever.
        """
        ...

    def queue(self, name: str) -> Queue:
        """A queue of the broker, reached over the network like all else."""
        ...

    def topic(self, name: str) -> Topic:
        """A topic of the broker's log; consumers made from it have this node's name."""
        ...

    def database(self, name: str | None = None) -> Database:
        """The database `name`; by default this node's own, which no other node opens."""
        ...

    def file(self, name: str) -> Storage:
        """A file on this node's disk, that only grows: for a broker's journal. It outlives the process."""
        ...

    def rng(self, label: str) -> Random:
        """A stream of chance of its own for each label, drawn from the run's seed."""
        ...

    def now(self) -> float:
        """Seconds since the run began."""
        ...

    def record(self, kind: str, /, **data: object) -> None:
        """Write one event into the history."""
        ...


Worker: TypeAlias = Callable[[Node], Awaitable[None]]
AppFactory: TypeAlias = Callable[[Node], Callable[..., Awaitable[None]]]
Factory: TypeAlias = AppFactory | Worker
