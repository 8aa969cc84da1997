"""A real gRPC server on a port: HTTP/2 on a socket, which only a real clock can serve.

Idea      `async with listening(Inventory(node)) as port:` and whoever has a channel to that port may call.
          At the end nobody new is let in, those within get `grace` seconds, and the port is closed.
Not here  A simulated world: gRPC's core has its own threads and clock (tunnel.py). TLS.
Source    gRPC Python, "AsyncIO API".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc.aio

from services.rpc.generated.inventory_pb2_grpc import InventoryServicer, add_InventoryServicer_to_server


@asynccontextmanager
async def listening(
    servicer: InventoryServicer,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    grace: float = 0.5,
) -> AsyncIterator[int]:
    """Serve `servicer`, and yield the port (0 takes a free one).

    grace: seconds for calls at the end. With 0 gRPC breaks connections off, and may say so on stderr.
    Raises RuntimeError if the port is taken.
    """
    alone = [("grpc.so_reuseport", 0)]  # or two servers would share a port, and nobody be told
    server = grpc.aio.server(interceptors=list(interceptors), options=alone)
    add_InventoryServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    bound = server.add_insecure_port(f"{host}:{port}")
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(grace)
