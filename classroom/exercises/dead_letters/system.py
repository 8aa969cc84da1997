"""The system that exercise 08 attacks: a broker, a card network, and workers with the learner's answers.

Not here  What is promised of it (checks.py), and who strikes at it (e08_dead_letters.py).
"""

from collections.abc import Iterable
from typing import Any

from classroom.exercises.memory import Memory
from classroom.world.simulated import Scenario
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from minibroker.client import Delivery, Queue
from minibroker.errors import BrokerUnreachable, NoAnswer
from services.messaging.worker import work
from services.node import Factory, Node

QUEUE, DEAD = "charges", "charges-dead"
LEASE = 30.0  # seconds, the queue's visibility_timeout
DELIVERIES = 5  # the queue's max_receive_count
AMOUNT = 1990  # cents; every valid order costs the same, so that an amount identifies nobody
POISON = 13
BAD_AMOUNT = "19,90"
WORKERS = ("worker-1", "worker-2")


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue(QUEUE, visibility_timeout=LEASE, max_receive_count=DELIVERIES, dead_letter_queue=DEAD)
    return BrokerApp(holder)


def ledger_worker(memory: Memory) -> Factory:
    """Gives each message to record_charge alone, then acks it."""

    async def worker(node: Node) -> None:
        record_charge = memory.fresh()["record_charge"]
        db = node.database("ledger")

        async def handle(delivery: Delivery) -> None:
            await _notice_unfinished(node, "record_charge", record_charge(db, delivery.message))
            await delivery.ack()

        await work(node, node.queue(QUEUE), handle)

    return worker


def payment_worker(memory: Memory) -> Factory:
    """Gives each delivery to the learner's handle, with the ledger and the card network."""

    async def worker(node: Node) -> None:
        from services.shop.card import Card

        handle_it = memory.fresh()["handle"]
        db = node.database("ledger")
        card = Card(node.client(timeout=5.0))

        async def handle(delivery: Delivery) -> None:
            await _notice_unfinished(node, "handle", handle_it(delivery, db, card))

        await work(node, node.queue(QUEUE), handle)

    return worker


async def _notice_unfinished(node: Node, answer: str, result: Any) -> None:
    try:
        await result
    except NotImplementedError as error:
        node.record("unfinished", answer=answer, text=str(error))
        raise


def scenario(
    worker: Factory,
    *,
    orders: Iterable[int] = (1, 2),
    workers: Iterable[str] = WORKERS,
    sent_twice: Iterable[int] = (),
    poison: bool = False,
    lasts: float = 130.0,
) -> Scenario:
    """Orders are sent; workers charge them; with poison, an operator later mends its cause and redrives."""

    async def charges(world: World) -> None:
        from services.shop.card import card_network

        world.start("broker", broker)
        world.start("card", card_network)
        shop = world.node("orders")
        ledger = shop.database("ledger")
        await ledger.execute("CREATE TABLE IF NOT EXISTS charges (order_id INTEGER, amount INTEGER)")
        for name in workers:
            world.start(name, worker)
        queue = shop.queue(QUEUE)
        if poison:
            await send(world, queue, POISON, BAD_AMOUNT)
        for order in orders:
            await send(world, queue, order, AMOUNT)
            if order in sent_twice:
                await world.run_for(1.0)
                await send(world, queue, order, AMOUNT)
        await world.run_for(lasts)
        if poison:
            await mend_and_redrive(world, shop)

    return charges


async def send(world: World, queue: Queue, order: int, amount: int | str) -> None:
    """Send until the broker has said yes: no answer is not "no", so an order may be sent twice."""
    while True:
        try:
            await queue.send({"order": order, "amount": amount, "sent_at": round(world.now(), 3)})
            return
        except (BrokerUnreachable, NoAnswer):
            await world.run_for(1.0)


async def mend_and_redrive(world: World, shop: Node) -> None:
    """The operator reads the books, mends what made the dead letters, and sends them back."""
    rows = await shop.database("ledger").execute("SELECT order_id FROM charges ORDER BY rowid")
    world.record("books", orders=[row["order_id"] for row in rows])
    async with world.client("operator") as operator:
        await operator.post("http://card/releases/commas")
        world.record("mended", order=POISON)
        await shop.queue(DEAD).redrive()
        await world.run_for(3 * LEASE)
