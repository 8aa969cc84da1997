"""Exercise 08: a consumer that charges each order once, whatever befalls it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from classroom.adversary import Attack
from classroom.checks import Check, Violation, came_to_its_end, queue_contents
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.exercises.memory import Memory
from classroom.world.faults import Crash, Delay, Drop, Duplicate, ErrorRate, Fault, Pause
from classroom.world.history import Event
from classroom.world.run import Run
from classroom.world.simulated import Scenario
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from minibroker.client import Delivery, Queue
from minibroker.errors import BrokerUnreachable, NoAnswer
from services.messaging.worker import work
from services.node import Factory, Node

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

QUEUE, DEAD = "charges", "charges-dead"
LEASE = 30.0  # seconds, the queue's visibility_timeout
DELIVERIES = 5  # the queue's max_receive_count
AMOUNT = 1990  # cents; every valid order costs the same, so that an amount identifies nobody
POISON = 13
BAD_AMOUNT = "19,90"
WORKERS = ("worker-1", "worker-2")


# ---- the system under attack -----------------------------------------------------------


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
    """The card network's next release can read the amount; then the dead letters go back to their queue."""
    async with world.client("operator") as operator:
        await operator.post("http://card/releases/commas")
        world.record("mended", order=POISON)
        await shop.queue(DEAD).redrive()
        await world.run_for(3 * LEASE)


# ---- the promises ----------------------------------------------------------------------

PROMISES = (
    Promise(
        "ledger_once",
        "record_charge: an order stands in the ledger once, however often its message comes.",
        "Look at what record_charge knows when the same order comes again, perhaps to another worker, perhaps "
        "after a restart, perhaps in a message of its own. What of that is still there after a kill -9?",
    ),
    Promise(
        "nothing_lost",
        "handle: every order that was sent is charged in the end, at the card and in the ledger.",
        "Follow the order through handle and ask at each line: if the worker died here, who would still know "
        "that something is left to do? After the ack nobody does.",
    ),
    Promise(
        "card_once",
        "handle: no card is charged twice for one order.",
        "No transaction of ours can include the card network. It does know a key when it sees one again: "
        "ask what the key is made of, and whether it is the same after a crash, in another worker, in another message.",
    ),
    Promise(
        "patience",
        "handle: an order that meets a card network out of order is tried again, not buried and not forgotten.",
        "CardUnavailable and CardRefused mean different things. For which of them can another try help, and how long "
        "must there be between two tries, if there are five in all?",
    ),
    Promise(
        "dead_letters",
        "handle: the dead-letter queue holds exactly what cannot be charged.",
        "Ask for each way out of handle what becomes of the message: acked, given back, rejected, or its lease left to "
        "run out. The dead-letter queue is where a person will look for what is wrong, and for nothing else.",
    ),
    Promise(
        "redrive",
        "handle: after the cause is mended, a redrive empties the dead-letter queue, and order 13 is charged once.",
        "A redriven message is the same message again. Ask whether anything remembers it as done, or as hopeless.",
    ),
)


def money(orders: Iterable[int], *, lost_is: str = "nothing_lost", with_card: bool = True) -> Check:
    """Each order once in the ledger and once at the card."""

    def check(run: Run) -> list[Violation]:
        violations = []
        for order in orders:
            rows = [row for row in run.rows("ledger", "charges") if row["order_id"] == order]
            charges = run.of("charge", order=order, repeated=False)
            if len(rows) > 1:
                violations.append(
                    Violation("ledger_once", _why_twice_in_ledger(run, order, len(rows)), (order,))
                )
            if len(charges) > 1:
                numbers = tuple(event.number for event in charges)
                violations.append(
                    Violation("card_once", _why_charged_twice(run, order, charges), (order,), numbers)
                )
            if not rows or (with_card and not charges):
                where = _missing_where(rows, charges, with_card)
                violations.append(Violation(lost_is, f"{where} {_why_lost(run, order)}", (order,)))
            elif rows[0]["amount"] != AMOUNT and order != POISON:
                text = (
                    f"Order {order} stands in the ledger with {rows[0]['amount']!r}; {AMOUNT} were charged."
                )
                violations.append(Violation("ledger_once", text, (order,)))
        return violations

    return check


def dead_letters_hold(*poison: int) -> Check:
    """At the end, or at the moment when the cause was mended, the dead letters are these orders."""

    def check(run: Run) -> list[Violation]:
        before = _until(run, "mended")
        bodies = {event["message"]: event["body"]["order"] for event in before.of("sent", queue=QUEUE)}
        buried = [bodies.get(message) for message in queue_contents(before, DEAD)]
        violations = [
            Violation("dead_letters", _why_buried(before, order), (order,))
            for order in buried
            if order not in poison
        ]
        for order in poison:
            if buried.count(order) != 1:
                violations.append(Violation("dead_letters", _why_not_buried(before, order), (order,)))
        return violations

    return check


def redriven(run: Run) -> list[Violation]:
    """After the cause was mended, nothing is dead any more and the poison has been charged, once."""
    left = queue_contents(run, DEAD)
    if left:
        again = run.of("dead", to=DEAD)[-1]
        text = (
            f"The cause was mended at {_when(run, 'mended')} and the dead letters were redriven; at the end "
            f"{len(left)} of them {'is' if len(left) == 1 else 'are'} dead again, "
            f"since {again.at:.0f} s, because of: {again['reason']}."
        )
        return [Violation("redrive", text, (POISON,))]
    violations = money((POISON,), lost_is="redrive")(run)
    return [
        Violation("redrive", violation.message, violation.about, violation.events) for violation in violations
    ]


# ---- what is said of a broken promise: computed from the run that broke it ---------------


def _why_twice_in_ledger(run: Run, order: int, rows: int) -> str:
    seen = f"Order {order} stands {rows} times in the ledger."
    messages = _messages(run, order)
    if len(messages) > 1 and not run.of("crash", "pause"):
        return (
            f"{seen} It was sent twice, as messages {' and '.join(map(str, messages))}, because the shop had got no answer the "
            "first time: another id and another sent_at, but the same order. The second was taken for a new one."
        )
    leases = _leases(run, order)
    if run.of("crash") and len(leases) > 1:
        return (
            f"{seen} {leases[0]['consumer']} wrote it and died before the ack; the message came again "
            f"at {leases[-1].at:.1f} s, and whoever got it knew nothing of the first row."
        )
    if run.of("pause") and len(leases) > 1:
        return (
            f"{seen} {leases[0]['consumer']} stood still in the midst of its work; its lease ended, "
            f"{leases[1]['consumer']} did the work, and then the first one woke and went on where it had stopped: "
            "between its look and its write somebody else had written."
        )
    return f"{seen} Its message was delivered {_times(len(leases))}, and each delivery wrote a row."


def _why_charged_twice(run: Run, order: int, charges: list[Event]) -> str:
    keys = [event["key"] for event in charges]
    cents = sum(event["amount"] for event in charges)
    seen = f"The card was charged {_times(len(charges))} for order {order}, {cents} cents in all."
    if None in keys:
        return f"{seen} No key was given, so the network had to take every request for a new purchase."
    return f"{seen} The keys were {' and '.join(map(repr, keys))}: two keys are two purchases."


def _missing_where(rows: list[Any], charges: list[Event], with_card: bool) -> str:
    if not with_card:
        return "It is missing in the ledger."
    if rows:
        return "It stands in the ledger, but the card was never charged."
    return "The card was charged, but it is missing in the ledger." if charges else "It was charged nowhere."


def _why_lost(run: Run, order: int) -> str:
    messages = _messages(run, order)
    if not messages:
        return f"Order {order} never came to the queue."
    acks = [event for event in run.of("acked", queue=QUEUE) if event["message"] in messages]
    leases = _leases(run, order)
    troubles = [
        event["outcome"]
        for event in run.of("handled")
        if event["message"] in messages and event["outcome"] != "ok"
    ]
    last = f" The last error was {troubles[-1].rstrip('.')}." if troubles else ""
    others = {row["order_id"] for row in run.rows("ledger", "charges")} - {order}
    if acks and others and len(leases) == 1 and not run.of("charge", "crash", "pause"):
        return (
            f"Order {order} was delivered once, handled without an error and acked, and yet nothing was written. "
            f"{_orders(others)} there, at the same price: what does record_charge take for the identity of an order?"
        )
    if acks and len(leases) == 1:
        return f"Order {order} was acked at {acks[0].at:.3f} s, at its only delivery; after that nobody owns it.{last}"
    if acks:
        return (
            f"Order {order} was delivered {_times(len(leases))}; the last delivery, at {leases[-1].at:.1f} s, was acked "
            f"as if the work had been done. What made it look done?{last}"
        )
    dead = [event for event in run.of("dead", queue=QUEUE) if event["message"] in messages]
    if dead:
        return (
            f"Order {order} was buried among the dead letters at {dead[-1].at:.1f} s, delivered "
            f"{_times(len(leases))} by then ({dead[-1]['reason']}).{last}"
        )
    return f"Order {order} was delivered {_times(len(leases))} and never acked; it still goes round.{last}"


def _why_buried(run: Run, order: int | None) -> str:
    messages = _messages(run, order) if order is not None else []
    dead = [event for event in run.of("dead", queue=QUEUE) if event["message"] in messages]
    why = f"because of: {dead[-1]['reason']}, at {dead[-1].at:.1f} s" if dead else "sent there by hand"
    charged = run.of("charge", order=order, repeated=False)
    done = " although its card had been charged: was it never acked?" if charged else "."
    return f"Order {order} is a good one, and it lies among the dead letters ({why}){done}"


def _why_not_buried(run: Run, order: int) -> str:
    messages = _messages(run, order)
    leases = _leases(run, order)
    acks = [event for event in run.of("acked", queue=QUEUE) if event["message"] in messages]
    if len(leases) > DELIVERIES:
        span = leases[-1].at - leases[0].at
        return (
            f"Order {order} can never be charged, and it was delivered {len(leases)} times within {span:.0f} s: it comes "
            f"back for ever, where {DELIVERIES} tries are the limit. Sending or redriving it before its cause is mended "
            "makes a loop."
        )
    if acks:
        return (
            f"Order {order} cannot be charged; it was acked at {acks[0].at:.1f} s and is gone, and nobody will ever "
            "learn of it. An ack says 'done'."
        )
    return (
        f"Order {order} cannot be charged, and after {run.duration:.0f} s it is not among the dead letters."
    )


def _messages(run: Run, order: int | None) -> list[int]:
    return [event["message"] for event in run.of("sent", queue=QUEUE) if event["body"].get("order") == order]


def _leases(run: Run, order: int) -> list[Event]:
    messages = _messages(run, order)
    return [event for event in run.of("leased", queue=QUEUE) if event["message"] in messages]


def _until(run: Run, kind: str) -> Run:
    """The run as it stood when this first happened."""
    moment = run.of(kind)
    return Run(run.history[: moment[0].number], duration=moment[0].at) if moment else run


def _when(run: Run, kind: str) -> str:
    moment = run.of(kind)
    return f"{moment[0].at:.0f} s" if moment else "no time"


def _orders(numbers: Iterable[int]) -> str:
    listed = sorted(numbers)
    many = len(listed) > 1
    return f"Order{'s' if many else ''} {' and '.join(map(str, listed))} {'stand' if many else 'stands'}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


# ---- the attacks -----------------------------------------------------------------------


def attacks(answers: Answers) -> tuple[Attack, ...]:
    memory = Memory(answers)
    ledger, payment = ledger_worker(memory), payment_worker(memory)
    only_ledger = (came_to_its_end("ledger_once"), money((1, 2), with_card=False))
    both = (came_to_its_end("nothing_lost"), money((1, 2)), dead_letters_hold())
    return (
        Attack("ledger", scenario(ledger), only_ledger, sweep=WORKERS, pauses=WORKERS),
        Attack("ledger, sent twice", scenario(ledger, sent_twice=(2,)), only_ledger),
        Attack("orders", scenario(payment), both, sweep=WORKERS, pauses=WORKERS, plans=plans),
        Attack("sent twice", scenario(payment, sent_twice=(2,)), both),
        Attack(
            "card out of order",
            scenario(payment, lasts=200.0),
            (came_to_its_end("patience"), money((1, 2), lost_is="patience")),
            faults=(ErrorRate("*", "card", at=0.0, lasts=45.0),),
        ),
        Attack(
            "order 13",
            scenario(payment, poison=True, lasts=200.0),
            (dead_letters_hold(POISON), redriven, came_to_its_end("dead_letters")),
        ),
    )


def plans() -> SearchStrategy[tuple[Fault, ...]]:
    """Up to three faults at once: no more, or five deliveries would not be enough for a right answer either."""
    from hypothesis import strategies as st

    worker = st.sampled_from(WORKERS)
    number = st.integers(1, 16)
    sender = st.sampled_from([*WORKERS, "orders"])
    crash = st.builds(
        lambda node, n, down: Crash(node, before=n, down=down), worker, number, st.sampled_from([1.0, 40.0])
    )
    pause = st.builds(lambda node, n: Pause(node, before=n, lasts=40.0), worker, number)
    nth = st.integers(1, 6)
    part = st.sampled_from(["request", "reply"])
    to_broker = st.builds(lambda a, n, p: Drop(a, "broker", nth=n, part=p), sender, nth, part)
    to_card = st.builds(lambda a, n, p: Drop(a, "card", nth=n, part=p), worker, nth, part)
    double = st.builds(
        lambda a, b, n: Duplicate(a, b, nth=n), worker, st.sampled_from(["broker", "card"]), nth
    )
    late = st.builds(lambda a, n, p: Delay(a, "card", nth=n, by=35.0, part=p), worker, nth, part)
    fault = st.one_of(crash, pause, to_broker, to_card, double, late)
    return st.lists(fault, min_size=1, max_size=3, unique=True).map(tuple)


EXERCISE = Exercise(
    number="08",
    title="Dead letters and idempotent consumers",
    answers=("handle", "record_charge"),
    signatures={"handle": "delivery, db, card", "record_charge": "db, message"},
    promises=PROMISES,
    attacks=attacks,
    hints=(
        "Order 1 has been charged, and the worker dies before it can ack. The message comes again. "
        "What could the second delivery look at to know that the work is done?",
        "For the ledger, look at db.transaction() and at what is committed together. For the card, look at the "
        "key= of card.charge, and at what the message says that will be the same in every delivery.",
        "Let the ledger itself be the memory: in one transaction look whether the order stands there, and write it if "
        "not. Derive the card's key from the order alone. Ack last, after both. Let CardUnavailable pass, so that the "
        "lease runs out and another try comes; reject on CardRefused, with its reason.",
    ),
)
