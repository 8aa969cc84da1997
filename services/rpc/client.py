"""The client of inventory: its stub with a deadline on each call, and its refusals as an exception.

Idea      A stub looks like an object next door, and is not: each call may have been done though no answer
          came. So each has a deadline; there is no default in gRPC: without one it waits for ever.
Codes     what a caller makes of them:

    FAILED_PRECONDITION   a refusal: OutOfStock. It did not happen; asking again does not help
    NOT_FOUND, INVALID_ARGUMENT, ALREADY_EXISTS   a mistake of ours
    UNAVAILABLE           nobody is there, or the connection broke: it may have happened, another try may help
    DEADLINE_EXCEEDED     no answer in time: it may have happened
    CANCELLED             we left

Not here  Retries: what may be tried again is services/resilience's to say.
Source    gRPC documentation, "Status Codes", "Deadlines".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any

import grpc
import grpc.aio

from services.rpc.generated.inventory_pb2 import Line, Outcome
from services.rpc.generated.inventory_pb2_grpc import InventoryStub

Metadata = Iterable[tuple[str, str]]


class OutOfStock(Exception):
    """Not so many are left; nothing was reserved."""


class InventoryClient:
    """inventory as its callers see it. `channel`: a grpc.aio.Channel, or a TunnelChannel.

    Other statuses than OutOfStock's are raised as gRPC has them: grpc.aio.AioRpcError, with `.code()`.
    """

    def __init__(self, channel: Any, *, timeout: float = 1.0) -> None:
        self._stub: Any = InventoryStub(channel)  # type: ignore[no-untyped-call]
        self._timeout = timeout

    async def reserve(
        self,
        order: int,
        item: str,
        quantity: int = 1,
        *,
        timeout: float | None = None,
        metadata: Metadata = (),
    ) -> int:
        """Reserve for `order`; how many are left then. timeout: seconds, instead of the client's."""
        line = Line(order=order, item=item, quantity=quantity)
        wait = self._timeout if timeout is None else timeout
        try:
            reply = await self._stub.Reserve(line, timeout=wait, metadata=tuple(metadata) or None)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
                raise OutOfStock(error.details()) from error
            raise
        left: int = reply.left
        return left

    async def reserve_all(
        self, lines: AsyncIterable[Line] | Iterable[Line], *, timeout: float | None = None
    ) -> AsyncIterator[Outcome]:
        """The outcome of each line, as it comes; `lines` may still be coming. What they raise is raised here.

        timeout: seconds for the whole stream.
        """
        wait = self._timeout if timeout is None else timeout
        broken: list[Exception] = []
        call = self._stub.ReserveAll(_watched(lines, broken), timeout=wait)
        try:
            async for outcome in call:
                yield outcome
        except asyncio.CancelledError:
            if broken:  # grpc.aio would say that we were cancelled
                raise broken[0] from None
            raise
        finally:
            call.cancel()  # whoever reads no further has left; of a call that is over it changes nothing


async def _watched(
    lines: AsyncIterable[Line] | Iterable[Line], broken: list[Exception]
) -> AsyncIterator[Line]:
    """`lines`, and what they raised into `broken`."""
    try:
        if isinstance(lines, AsyncIterable):
            async for line in lines:
                yield line
        else:
            for line in lines:
                yield line
    except Exception as error:
        broken.append(error)
        raise
