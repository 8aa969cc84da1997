"""inventory, asked by gRPC: the servicer.

Idea      A method of the contract is a coroutine: a message comes, a message goes; of a stream, as many as
          there are. That it went wrong is no field of an answer but a *status*: a code that every client
          in every language knows, and a sentence. ReserveAll cannot say it so for one line, since a status
          ends the stream; there a refusal is an answer.
Deadline  comes with the call. When it is over, or when the caller has gone, this coroutine is cancelled:
          nobody waits, so nobody works. `context.time_remaining()` says how long there is.
Twice     Reserving is idempotent: the order's number is the key. A caller who got no answer may ask again.
Not here  How the bytes come in (listening.py, tunnel.py). To give a reservation back.
Source    gRPC documentation, "Status Codes", "Deadlines", "Cancellation"; the code of each refusal is as
          google.rpc.Code describes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from fastapi import HTTPException

from services.node import Node
from services.rpc.generated.inventory_pb2 import Line, Outcome, Reserved
from services.rpc.generated.inventory_pb2_grpc import InventoryServicer
from services.shop.inventory import SCHEMA, STOCK
from services.shop.once import write_once

if TYPE_CHECKING:
    from grpc.aio import ServicerContext


class Refused(Exception):
    """A line that will not be reserved, and the status that says so."""

    def __init__(self, code: grpc.StatusCode, why: str) -> None:
        super().__init__(why)
        self.code = code


class Inventory(InventoryServicer):
    """The servicer; durable are the tables `stock` and `reservations` of the node's database.

    stock    pieces of each item on the first day
    takes    seconds that somebody walks to the shelf, before anything is reserved
    """

    def __init__(self, node: Node, *, stock: Mapping[str, int] = STOCK, takes: float = 0.0) -> None:
        self._node = node
        self._db = node.database()
        self._stock = stock
        self._takes = takes
        self._ready = False

    async def Reserve(self, request: Line, context: ServicerContext[Any, Any]) -> Reserved:
        """FAILED_PRECONDITION: not so many are left. NOT_FOUND: no such item. INVALID_ARGUMENT: quantity 0.

        ALREADY_EXISTS: the order has reserved something else before.
        """
        with self._watched(request.order, context):
            try:
                left = await self._reserve(request)
            except Refused as refusal:
                await context.abort(refusal.code, str(refusal))
            context.set_trailing_metadata((("served-by", self._node.name),))
            return Reserved(order=request.order, left=left)

    async def ReserveAll(
        self, request_iterator: AsyncIterator[Line], context: ServicerContext[Any, Any]
    ) -> AsyncIterator[Outcome]:
        """One outcome for each line, in their order."""
        with self._watched(None, context):
            async for line in request_iterator:
                try:
                    yield Outcome(order=line.order, left=await self._reserve(line))
                except Refused as refusal:
                    yield Outcome(order=line.order, refused=str(refusal))

    async def _reserve(self, line: Line) -> int:
        """How many are left of it then."""
        if line.quantity < 1:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"quantity counts from 1; got {line.quantity}")
        await self._open()
        if self._takes:
            await asyncio.sleep(self._takes)
        async with self._db.transaction():
            try:
                new = await write_once(
                    self._db, "reservations", order_id=line.order, item=line.item, quantity=line.quantity
                )
            except HTTPException as error:  # the same order, and another wish
                raise Refused(grpc.StatusCode.ALREADY_EXISTS, error.detail) from error
            rows = await self._db.execute("SELECT available FROM stock WHERE item = ?", (line.item,))
            if not rows:  # raised within the transaction: the reservation goes too
                raise Refused(grpc.StatusCode.NOT_FOUND, f"there is no item {line.item!r}")
            left: int = rows[0]["available"]
            if new:
                if left < line.quantity:
                    why = f"{line.quantity} {line.item} ordered, {left} left"
                    raise Refused(grpc.StatusCode.FAILED_PRECONDITION, why)
                left -= line.quantity
                await self._db.execute("UPDATE stock SET available = ? WHERE item = ?", (left, line.item))
        self._node.record("reserved", order=line.order, item=line.item, left=left, repeated=not new)
        return left

    async def _open(self) -> None:
        if self._ready:
            return
        async with self._db.transaction():
            for statement in SCHEMA:
                await self._db.execute(statement)
            for row in self._stock.items():
                await self._db.execute("INSERT INTO stock VALUES (?, ?) ON CONFLICT DO NOTHING", row)
        self._ready = True

    @contextmanager
    def _watched(self, order: int | None, context: ServicerContext[Any, Any]) -> Iterator[None]:
        """Write down that a call was cancelled under our hands."""
        try:
            yield
        except asyncio.CancelledError:
            remaining = context.time_remaining()
            why = "deadline" if remaining is not None and remaining <= 0 else "the caller has gone"
            self._node.record("cancelled", order=order, why=why)
            raise
