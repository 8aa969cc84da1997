"""The card network: somebody else's service, which no transaction of ours can include.

Idea      It charges what it is told to. Asked twice with one idempotency key it charges once and
          gives the first answer again; asked twice without a key, or with two keys, it charges
          twice, as it must: it cannot know that we meant one order.
Refunds   name the key of the charge, and are rows below zero. For a key that was never seen a row of zero is
          written: a charge under it, if it comes yet, is refused.
Not here  Refunds in part; keys that are forgotten after a day, as real networks do.
Source    Stripe API reference, "Idempotent requests"; the IETF draft "The Idempotency-Key HTTP
          Header Field" (422 for a key that comes back with another request).
"""

from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from services.node import Node


class CardUnavailable(Exception):
    """No answer, or "try again later": nobody knows whether the card was charged. Another try may do."""


class CardRefused(Exception):
    """The request is wrong, and will be so tomorrow: another try cannot help."""


def card_network(node: Node) -> FastAPI:
    """The service. Its ledger is the table charges(key, order_id, amount) of its own database."""
    app = FastAPI()
    db = node.database()
    reads_commas = False  # what its next release will be able to do

    @app.post("/charges")
    async def charge(request: dict[str, Any]) -> Any:
        order, amount, key = request["order"], request["amount"], request.get("key")
        if isinstance(amount, str) and reads_commas:
            amount = round(float(amount.replace(",", ".")) * 100)
        if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
            return JSONResponse({"error": f"amount {amount!r} is not a whole number of cents"}, 422)
        async with db.transaction():
            await db.execute("CREATE TABLE IF NOT EXISTS charges (key TEXT UNIQUE, order_id, amount INTEGER)")
            known = await db.execute("SELECT order_id, amount FROM charges WHERE key = ?", (key,))
            if known and known != [{"order_id": order, "amount": amount}]:
                return JSONResponse({"error": f"key {key!r} was used for order {known[0]['order_id']}"}, 422)
            if not known:
                await db.execute("INSERT INTO charges VALUES (?, ?, ?)", (key, order, amount))
        node.record("charge", order=order, amount=amount, key=key, repeated=bool(known))
        return {"order": order, "charged": amount}

    @app.post("/refunds")
    async def refund(request: dict[str, Any]) -> Any:
        order, key = request["order"], request["key"]
        async with db.transaction():
            await db.execute("CREATE TABLE IF NOT EXISTS charges (key TEXT UNIQUE, order_id, amount INTEGER)")
            known = await db.execute("SELECT order_id, amount FROM charges WHERE key = ?", (key,))
            amount = known[0]["amount"] if known else 0
            row = (f"refund of {key}", order, -amount) if amount else (key, order, 0)
            new = await db.execute(
                "INSERT INTO charges VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1", row
            )
        node.record("refund", order=order, amount=amount, key=key, repeated=not new)
        return {"order": order, "refunded": amount}

    @app.post("/releases/commas")
    async def release() -> dict[str, bool]:
        nonlocal reads_commas
        reads_commas = True
        return {"reads_commas": True}

    return app


class Card:
    """What a payment worker holds of the card network."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def charge(self, order: int, amount: int, *, key: str | None = None) -> None:
        """Charge `amount` cents for an order. One `key` charges once, however often it is sent.

        Raises CardUnavailable (another try may do) or CardRefused (it cannot).
        """
        await self._post("charges", {"order": order, "amount": amount, "key": key})

    async def refund(self, order: int, *, key: str) -> None:
        """Give back what was charged under `key`; if nothing was, it never will be. Twice is no harm.

        Raises CardUnavailable (another try may do).
        """
        await self._post("refunds", {"order": order, "key": key})

    async def _post(self, path: str, request: dict[str, Any]) -> None:
        try:
            response = await self._client.post(f"http://card/{path}", json=request)
        except httpx.TransportError as error:
            raise CardUnavailable(str(error)) from error
        if response.status_code >= 500:
            raise CardUnavailable(f"the card network answered {response.status_code}")
        if response.status_code >= 400:
            raise CardRefused(
                f"the card network refused order {request['order']}: {response.json()['error']}"
            )
