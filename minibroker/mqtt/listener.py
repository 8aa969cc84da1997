"""The listener: MQTT on a port, over TCP or TLS.

Idea      `async with broker.listen_mqtt(port=0) as listener:` and `listener.port` is where it listens: on
          this machine alone, unless another host is named, for without hooks (access.py) everybody may
          come in.
Not here  All else: this is the socket.
Source    MQTT 5.0, 4.2 "Network Connections". Port 1883 is MQTT's, 8883 with TLS.
"""

import asyncio
import ssl as tls
from types import TracebackType

from minibroker.mqtt.connection import Connection
from minibroker.mqtt.server import Server


class Listener:
    """One port of `server`. `port=0` takes a free one; `ssl` makes it TLS."""

    def __init__(
        self, server: Server, *, host: str = "127.0.0.1", port: int = 0, ssl: tls.SSLContext | None = None
    ) -> None:
        self.server = server
        self.host = host
        self.port = port
        self._ssl = ssl
        self._sockets: asyncio.Server | None = None
        self._connections: dict[Connection, None] = {}  # in order of arrival
        self._empty: asyncio.Future[None] | None = None

    async def __aenter__(self) -> "Listener":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen. OSError if the port is taken."""
        loop = asyncio.get_running_loop()
        self._sockets = await loop.create_server(
            self.accept, self.host, self.port, ssl=self._ssl, backlog=1_024
        )
        self.port = self._sockets.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, tell the clients, and wait until they are gone (for `linger` s at most)."""
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None
        for connection in list(self._connections):
            connection.shut_down()
        if self._connections:
            self._empty = asyncio.get_running_loop().create_future()
            await self._empty

    # -- its connections --------------------------------------------------------------------------------

    def accept(self) -> Connection:
        """A protocol for the next one."""
        return Connection(self.server, self)

    def arrived(self, connection: Connection) -> bool:
        """It is there. False if there are too many."""
        if self.server.connections >= self.server.limits.max_connections:
            return False
        self.server.connections += 1
        self._connections[connection] = None
        return True

    def left(self, connection: Connection) -> None:
        """It is lost."""
        if connection in self._connections:
            del self._connections[connection]
            self.server.connections -= 1
        if not self._connections and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)
