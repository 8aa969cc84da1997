"""A wire that can be cut: between a client and its broker, on 127.0.0.1; by TLS for the client, if asked.

Idea      What a connection's loss does can only be seen by losing one. cut() ends all that run
          through here, without a word of goodbye; new ones go through, unless it is closed. swallow()
          lets them stand, and nothing through: what is sent then is lost with the connection.
"""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Self


class Wire:
    """`async with Wire(port) as wire`: wire.port leads to `port`. tls: what the client shall see."""

    def __init__(self, to: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._to = to
        self._tls = tls
        self._ends: list[asyncio.StreamWriter] = []
        self._pumps: list[asyncio.Task[None]] = []
        self._swallows = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self) -> None:
        """Each connection is gone, what was under way with it."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    def swallow(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self._swallows = True

    def close(self) -> None:
        """Cut, and let no new one through."""
        self._server.close()
        self.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends += [writer, far_writer]
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._pumps.append(asyncio.create_task(self._pump(source, sink)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self._swallows:
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()
