"""refunds: payments' part in a saga. Money that was taken is given back, once.

Idea      A charge is never deleted: the refund is a row of its own, so that the ledger tells both. What an
          order has paid is its charge less its refund.
Card      Its charge goes out before the ledger knows of it, so a refund always asks the card network too,
          under the key of the charge: it gives back what it took, and if it never heard of that key, it
          will refuse it from then on.
Not here  Refunds in part; who pays the card network's fee.
Source    Stripe API reference, "Refunds", "Idempotent requests".
"""

from functools import partial
from typing import Any

from fastapi import FastAPI

from services.node import Database, Node
from services.saga.commands import Refused
from services.saga.endpoints import Locked, add_command
from services.saga.participant import SCHEMA as COMMANDS
from services.saga.participant import Commands
from services.saga.states import CommandState
from services.shop.card import Card, CardRefused, CardUnavailable

SCHEMA = ("CREATE TABLE IF NOT EXISTS refunds (order_id INTEGER PRIMARY KEY, amount INTEGER)", COMMANDS)


def add_refunds(
    app: FastAPI, node: Node, contract: type[Any], *, limit: int | None, card: Card | None
) -> None:
    """Add POST /payments and its compensation /payments/refund.

    limit: cents, above which a payment is declined. card: where the money is taken from; None: nowhere else.
    """
    db = node.database()
    commands = Commands(db)

    async def serve_pay(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        declined = too_much(order, limit)
        if card and not declined and await commands.state(key) is CommandState.UNKNOWN:
            declined = await _charge(card, key, order)
        new = await commands.do(key, body, partial(pay, db, order, declined=declined))
        node.record("charged", order=order.order, amount=order.amount, repeated=not new)
        return {"order": order.order, "charged": order.amount}

    async def serve_refund(key: str, body: dict[str, Any]) -> dict[str, Any]:
        order = contract.read(body)
        before = await commands.undo(key, body, partial(refund, db, order))  # from here on a late charge is
        if card:  # refused, so that nothing can follow what is given back now
            try:
                await card.refund(order.order, key=key)
            except CardUnavailable as error:
                raise Locked(f"card network: {error}") from error
        node.record("refunded", order=order.order, amount=order.amount, before=before)
        return {"order": order.order, "refunded": order.amount}

    add_command(app, "/payments", serve_pay)
    add_command(app, "/payments/refund", serve_refund)


async def _charge(card: Card, key: str, order: Any) -> str | None:
    """Charge the card; or say why the card network will not."""
    try:
        await card.charge(order.order, order.amount, key=key)
    except CardUnavailable as error:
        raise Locked(f"card network: {error}") from error
    except CardRefused as error:
        return str(error)
    return None


def too_much(order: Any, limit: int | None) -> str | None:
    """Why the card is declined; None if it is not."""
    if limit is None or order.amount <= limit:
        return None
    return f"the card of {order.customer} is declined: {order.amount} is above {limit}"


# -- the effects, each to be called in a transaction --------------------------------------------------------


async def pay(db: Database, order: Any, *, declined: str | None = None) -> None:
    """Write that the order is paid. Raises Refused if it is declined."""
    if declined is not None:
        raise Refused(declined)
    await db.execute("INSERT INTO charges VALUES (?, ?)", (order.order, order.amount))


async def refund(db: Database, order: Any) -> None:
    """Write that the money is given back."""
    await db.execute("INSERT INTO refunds VALUES (?, ?)", (order.order, order.amount))
