"""order_saga: the shop's order as a saga, and the service that takes orders and coordinates them.

Idea      Hold the pieces, take the money, send the parcel: the parcel is the pivot, for it cannot be called
          back. Then sell what was held, and write to the customer, until both are done. The customer is
          answered as soon as the order is in the log: 202, pending. What becomes of it he can look up.
Lock      An order is pending until its saga has ended. Meanwhile it can be cancelled, if that is not too
          late, and nothing else.
Not here  How a saga is driven (services/saga/coordinator.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException

from services.node import Node
from services.saga.coordinator import Coordinator, TooLate
from services.saga.progress import Progress
from services.saga.saga_log import NoSuchSaga, SagaExists
from services.saga.states import SagaState
from services.saga.steps import Kind, Saga, Step
from services.shop.contracts import OrderV1

ORDER = Saga(
    "order",
    (
        Step("hold", "http://inventory/holds", undo="http://inventory/holds/release"),
        Step("pay", "http://payments/payments", undo="http://payments/payments/refund"),
        Step("ship", "http://shipping/parcels", kind=Kind.PIVOT),
        Step("sell", "http://inventory/holds/sell", kind=Kind.RETRIABLE),
        Step("mail", "http://notifications/mails", kind=Kind.RETRIABLE),
    ),
)
CALLED = {SagaState.COMPLETED: "confirmed", SagaState.COMPENSATED: "cancelled"}  # else an order is pending


def order_desk(node: Node, *, saga: Saga = ORDER, contract: type[Any] = OrderV1, **options: Any) -> FastAPI:
    """The service; durable is the table `saga_log` of its database. Start it as "orders".

    POST /orders takes an order, GET /orders/{order} tells of it, POST /orders/{order}/cancel calls it off.
    options: of the Coordinator, such as timeout=, attempts=, cap=.
    """
    coordinator = Coordinator(node, saga, **options)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await coordinator.resume()
        yield
        await coordinator.stop()

    app = FastAPI(lifespan=lifespan)

    @app.post("/orders", status_code=202)
    async def place(body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        try:
            return _told(order.order, await coordinator.begin(_id(order.order), order.wire()))
        except SagaExists as error:
            raise HTTPException(422, str(error)) from error

    @app.get("/orders/{order}")
    async def look(order: int) -> dict[str, Any]:
        return _told(order, await _found(coordinator.progress(_id(order))))

    @app.post("/orders/{order}/cancel")
    async def cancel(order: int) -> dict[str, Any]:
        try:
            return _told(order, await _found(coordinator.cancel(_id(order), "by the customer")))
        except TooLate as error:
            raise HTTPException(409, str(error)) from error

    return app


def _id(order: int) -> str:
    return f"order-{order}"


async def _found(progress: Any) -> Progress:
    try:
        found: Progress = await progress
    except NoSuchSaga as error:
        raise HTTPException(404, str(error)) from error
    return found


def _told(order: int, progress: Progress) -> dict[str, Any]:
    return {
        "order": order,
        "state": CALLED.get(progress.state, "pending"),
        "saga": progress.state,
        "steps": progress.steps,
        "reason": progress.reason,
    }
