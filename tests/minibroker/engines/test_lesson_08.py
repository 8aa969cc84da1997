"""Lesson 08's functions, as they stand, on another broker by one argument: its url.

Idea      The answers are imported from the solution and from tests/answers, the worker and the card
          network are the course's own. What differs between minibroker and RabbitMQ is how a lease
          ends when a handler raised: after visibility_timeout, or with the worker's connection. A
          worker that dies and is started again gives both.
"""

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from classroom.grading.notebook import answer_cells, read
from minibroker import Reason, Unsupported, connect
from services.messaging.worker import work
from services.shop.card import Card, CardRefused, CardUnavailable, card_network
from tests.exercises.test_answers import load
from tests.repository import ROOT

ORDERS = [
    *({"order": n, "amount": 1990} for n in (1, 2, 3, 4, 5)),
    {"order": 13, "amount": "19,90"},  # the card network refuses it: a poison message
    {"order": 2, "amount": 1990},  # the shop got no answer, and sent it again
]


def solution():
    """handle and record_charge of the solution's notebook."""
    cells = answer_cells(read(ROOT / "solutions" / "08_dead_letters.ipynb"))
    scope = {"CardRefused": CardRefused, "CardUnavailable": CardUnavailable}  # which the notebook imports
    for cell in cells.values():
        exec(cell.source, scope)
    return SimpleNamespace(**{name: scope[name] for name in cells})


def odd(name):
    return load(Path(ROOT / "tests" / "answers" / "08" / f"odd_{name}.py"))


class Database:
    """SQLite in memory, as the contract of a node says."""

    def __init__(self):
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._turn = asyncio.Lock()

    async def execute(self, sql, parameters=()):
        return [dict(row) for row in self._connection.execute(sql, parameters)]

    @asynccontextmanager
    async def transaction(self):
        async with self._turn:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")


class Shop:
    """What the two workers share: the ledger, and a card network whose first answer for order 3 is lost."""

    def __init__(self):
        self.ledger, self.at_the_card = Database(), Database()
        self.outcomes = []
        node = SimpleNamespace(
            name="card", database=lambda: self.at_the_card, record=lambda kind, **data: None
        )
        self._network = httpx.ASGITransport(card_network(node))
        self._lost = False
        self.card = Card(httpx.AsyncClient(transport=httpx.MockTransport(self._answer)))

    async def _answer(self, request):
        response = await self._network.handle_async_request(request)
        body = await response.aread()
        if b'"order":3' in request.content and not self._lost:
            self._lost = True
            raise httpx.ReadTimeout("no answer", request=request)
        return httpx.Response(response.status_code, content=body)

    def record(self, kind, **data):
        if kind == "handled":
            self.outcomes.append(data["outcome"])


async def until(condition):
    while not await condition():  # noqa: ASYNC110  # nobody sets an event when a database changes
        await asyncio.sleep(0.05)


@asynccontextmanager
async def a_connection(broker, bench):
    """One more way to the same broker; RabbitMQ takes it for another process."""
    if bench.engine == "memory":
        yield broker
    else:
        async with connect(bench.url) as other:
            yield other


async def serve(queue, shop, handle, *, done):
    """A worker, until `done` is true; then it dies."""

    async def handler(delivery):
        await handle(delivery, shop.ledger, shop.card)

    working = asyncio.create_task(work(shop, queue, handler, wait=1.0))
    try:
        await until(done)
    finally:
        working.cancel()
        await asyncio.wait([working])


async def the_night_of_lesson_08(broker, bench, answer):
    """Seven messages, two workers one after the other; the first dies once it has seen them all."""
    name, dead = bench.name("charges"), bench.name("dead")
    charges = await broker.create_queue(name, max_receive_count=5, dead_letter_queue=dead)
    for order in ORDERS:
        await charges.send(order)
    shop = Shop()
    await shop.ledger.execute("CREATE TABLE charges (order_id INTEGER, amount INTEGER)")

    async def seen_all():
        return len(shop.outcomes) >= len(ORDERS)

    async def all_charged():
        return len(await shop.ledger.execute("SELECT DISTINCT order_id FROM charges")) == 5

    async with a_connection(broker, bench) as first:
        await serve(first.queue(name, consumer="first"), shop, answer.handle, done=seen_all)
    async with a_connection(broker, bench) as second:
        await serve(second.queue(name, consumer="second"), shop, answer.handle, done=all_charged)
    letters = await broker.queue(dead).receive(max_messages=10, wait=5.0)
    return shop, letters


@pytest.mark.parametrize("answer", ["solution", "inbox_table", "version_compare", "unique_index"])
def test_each_order_is_charged_once_and_the_poison_lies_in_the_dead_letter_queue(queues, answer):
    async def scenario(broker):
        shop, letters = await the_night_of_lesson_08(
            broker, queues, solution() if answer == "solution" else odd(answer)
        )
        ledger = await shop.ledger.execute("SELECT order_id, amount FROM charges ORDER BY order_id")
        card = await shop.at_the_card.execute("SELECT order_id, amount FROM charges ORDER BY order_id")
        assert any(outcome.startswith("CardUnavailable") for outcome in shop.outcomes)
        [letter] = letters
        return ledger, card, letter.body["order"], letter.message.deaths[0].reason

    once = [{"order_id": n, "amount": 1990} for n in (1, 2, 3, 4, 5)]
    assert queues.run(scenario) == (once, once, 13, Reason.REJECTED)


@pytest.mark.engines("rabbitmq-server")
def test_an_answer_that_gives_back_with_a_delay_is_told_that_rabbitmq_has_none(rabbit):
    async def scenario(broker):
        charges = await broker.create_queue(rabbit.name("charges"))
        await charges.send({"order": 3, "amount": 1990})
        [delivery] = await charges.receive(wait=5.0)
        shop = Shop()
        with pytest.raises(Unsupported, match="RabbitMQ does not have delay"):
            await odd("gives_back_with_a_delay").handle(delivery, shop.ledger, shop.card)

    rabbit.run(scenario)
