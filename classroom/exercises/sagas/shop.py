"""The shop of exercise 13: four services, and the steps by which an order passes through them.

Idea      Each service does its part in one transaction with the command's key: a command that comes twice is
          done once, and one that comes after its compensation is refused (services/saga/participant.py).
          An order is *pending* until it is confirmed or off. That is the semantic lock: whoever reads it
          knows that the rest is not settled yet. Once it is off, Ada is told so, and expects her money.
Not here  Who sends the commands: the answer.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from services.node import Database, Factory, Node
from services.saga.commands import KEY, Refused
from services.saga.participant import SCHEMA, Commands
from services.saga.steps import Kind, Saga, Step

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

ORDER: dict[str, Any] = {"order": 7, "item": "lamp", "pieces": 2, "amount": 1990}
PIECES, MONEY = 5, 5000  # in stock, and in Ada's account, on the first day

SAGA = Saga(
    "an order",
    (
        Step("open", "http://orders/open", "http://orders/call_off"),
        Step("reserve", "http://inventory/reserve", "http://inventory/release"),
        Step("charge", "http://payments/charge", "http://payments/refund"),
        Step("ship", "http://shipping/ship", kind=Kind.PIVOT),
        Step("confirm", "http://orders/confirm", kind=Kind.RETRIABLE),
    ),
)
SERVICES = ("orders", "inventory", "payments", "shipping")

TABLES = {
    "orders": "CREATE TABLE IF NOT EXISTS orders (order_id INTEGER PRIMARY KEY, state TEXT)",
    "inventory": "CREATE TABLE IF NOT EXISTS stock (item TEXT PRIMARY KEY, pieces INTEGER)",
    "payments": "CREATE TABLE IF NOT EXISTS accounts (customer TEXT PRIMARY KEY, money INTEGER)",
    "shipping": "CREATE TABLE IF NOT EXISTS parcels (order_id INTEGER)",
}
FIRST_DAY = {
    "inventory": f"INSERT INTO stock VALUES ('lamp', {PIECES}) ON CONFLICT DO NOTHING",
    "payments": f"INSERT INTO accounts VALUES ('Ada', {MONEY}) ON CONFLICT DO NOTHING",
}
# What each command does in its service's database, in one transaction with its key.
EFFECTS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "open": "INSERT INTO orders VALUES (:order, 'pending')",
        "call_off": "UPDATE orders SET state = 'off' WHERE order_id = :order",
        "confirm": "UPDATE orders SET state = 'confirmed' WHERE order_id = :order",
    },
    "inventory": {
        "reserve": "UPDATE stock SET pieces = pieces - :pieces",
        "release": "UPDATE stock SET pieces = pieces + :pieces",
    },
    "payments": {
        "charge": "UPDATE accounts SET money = money - :amount",
        "refund": "UPDATE accounts SET money = money + :amount",
    },
    "shipping": {"ship": "INSERT INTO parcels VALUES (:order)"},
}
NO = {"charge": "the card is declined", "ship": "no carrier drives to Ada"}  # what may be refused, and why
UNDO = {"call_off": "open", "release": "reserve", "refund": "charge"}  # what each compensation undoes


def shop(*, refuses: str | None = None) -> dict[str, Factory]:
    """The services by name. refuses: the path whose command is refused, whoever asks."""
    return {name: partial(service, name, refuses=refuses) for name in SERVICES}


def service(name: str, node: Node, *, refuses: str | None = None) -> "Starlette":
    """The service of this name; durable are its table of TABLES, and `commands`."""
    from starlette.applications import Starlette  # what FastAPI is built on: there is no signature to read
    from starlette.routing import Route

    from services.shop.tables import tables

    db = node.database()
    create = [SCHEMA, TABLES[name], *([FIRST_DAY[name]] if name in FIRST_DAY else [])]
    routes = [
        Route(f"/{path}", _endpoint(db, path, effect, path == refuses), methods=["POST"])
        for path, effect in EFFECTS[name].items()
    ]
    return Starlette(routes=routes, lifespan=tables(db, *create))


def _endpoint(
    db: Database, path: str, statement: str, refuses: bool
) -> "Callable[[Request], Awaitable[Response]]":
    from starlette.responses import JSONResponse

    commands = Commands(db)

    async def answer(request: "Request") -> "Response":
        body = await request.json()

        async def act() -> None:
            if refuses:
                raise Refused(NO[path])
            rows = {name: value for name, value in body.items() if f":{name}" in statement}
            await db.execute(statement, rows)

        try:
            await (commands.undo if path in UNDO else commands.do)(request.headers[KEY], body, act)
        except Refused as no:
            return JSONResponse({"detail": str(no)}, 409)
        return JSONResponse({"path": path})

    return answer


def held(*, completed: bool) -> dict[str, object]:
    """What each service holds when an order is completed, or was never there."""
    pieces, amount = (ORDER["pieces"], ORDER["amount"]) if completed else (0, 0)
    return {
        "orders": "confirmed" if completed else None,
        "inventory": PIECES - pieces,
        "payments": MONEY - amount,
        "shipping": int(completed),
    }
