"""A node: what services.node.Node promises, kept by a world, simulated or live."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from classroom.world.disk import WorldFile
from classroom.world.network import NoAnswerInTime, Refused, Request, Reset
from classroom.world.process import Process
from classroom.world.storage import WorldDatabase
from minibroker.client import Queue
from minibroker.errors import BrokerUnreachable, NoAnswer
from minibroker.http import http_call
from minibroker.log_client import Topic

if TYPE_CHECKING:
    import httpx

    from classroom.world.world import World

BROKER = "broker"  # the service that node.queue() talks to
BROKER_TIMEOUT = 5.0  # seconds for a broker's answer; what may wait there gets more
WAITING = ("/receive", "/fetch", "/sync")  # what may wait at the broker
LONGEST_WAIT = 20.0  # seconds that a receive, fetch or sync may wait, as with SQS


class WorldNode:
    """One incarnation's door to the world."""

    def __init__(self, world: World, process: Process) -> None:
        self.name = process.name
        self._world = world
        self._process = process

    def client(self, *, timeout: float | None = 5.0) -> httpx.AsyncClient:
        import httpx  # here, since it takes a third of a second that not every notebook needs

        from classroom.world.transport import WorldTransport

        if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
            raise ValueError(f"timeout is in seconds, more than 0, or None to wait for ever; got {timeout!r}")
        return httpx.AsyncClient(
            transport=WorldTransport(self._world.network, self._process), timeout=timeout
        )

    def queue(self, name: str) -> Queue:
        return Queue(name, http_call(self._post_to_broker), consumer=self.name)

    def topic(self, name: str) -> Topic:
        return Topic(name, http_call(self._post_to_broker, kind="topic"), consumer=self.name)

    def database(self, name: str | None = None) -> WorldDatabase:
        stored = self._world.database(name or self.name)
        return WorldDatabase(
            stored, self._process, self._world.effects, self.record, write_takes=self._world.write_takes
        )

    def file(self, name: str) -> WorldFile:
        return WorldFile(
            self._world.file(f"{self.name}/{name}"),
            self._process,
            self._world.effects,
            self.record,
            write_takes=self._world.write_takes,
            is_full=lambda: self._world.disk_is_full(self.name),
        )

    def rng(self, label: str) -> Random:
        again = f"/{self._process.incarnation}" if self._process.incarnation > 1 else ""
        return self._world.random_stream(f"{self.name}/{label}{again}")  # a restart does not repeat itself

    def now(self) -> float:
        return self._world.now()

    def record(self, kind: str, /, **data: Any) -> None:
        if self._process.alive:
            self._world.write(self.name, kind, **data)

    async def _post_to_broker(self, path: str, body: bytes) -> tuple[int, bytes]:
        timeout = BROKER_TIMEOUT + (LONGEST_WAIT if path.endswith(WAITING) else 0)
        request = Request("POST", path, ((b"content-type", b"application/json"),), body)
        try:
            reply = await self._world.network.exchange(self._process, BROKER, request, timeout=timeout)
        except Refused as error:
            raise BrokerUnreachable(str(error)) from None
        except (Reset, NoAnswerInTime) as error:
            raise NoAnswer(str(error)) from None
        return reply.status, reply.body
