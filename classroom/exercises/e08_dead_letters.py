"""Exercise 08: a consumer that charges each order once, whatever befalls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classroom.adversary import Attack
from classroom.checks import came_to_its_end
from classroom.exercises.dead_letters.checks import books_are_true, dead_letters_hold, money, redriven
from classroom.exercises.dead_letters.system import POISON, WORKERS, ledger_worker, payment_worker, scenario
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.exercises.memory import Memory
from classroom.world.faults import Crash, Delay, Drop, Duplicate, ErrorRate, Fault, Pause

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

PROMISES = (
    Promise(
        "ledger_once",
        "record_charge: an order stands in the ledger once, however often its message comes.",
        "Look at what record_charge knows when the same order comes again, perhaps to another worker, "
        "perhaps after a restart, perhaps in a message of its own. What of that is still there after a "
        "kill -9?",
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
        "ask what the key is made of, and whether it is the same after a crash, in another worker, in "
        "another message.",
    ),
    Promise(
        "books",
        "handle: the ledger holds no order that the card has not charged.",
        "A row in the ledger says that the money has come. Ask of each line of handle what the ledger "
        "says if the next line fails: too little can be made good by the next delivery, too much is "
        "believed.",
    ),
    Promise(
        "patience",
        "handle: an order that meets a card network out of order is tried again, not buried and not "
        "forgotten.",
        "The card network may be out of order for 45 s. CardUnavailable and CardRefused mean different "
        "things. For which of them can another try help, and how long must there be between two tries, "
        "if there are five in all?",
    ),
    Promise(
        "dead_letters",
        "handle: the dead-letter queue holds exactly what cannot be charged.",
        "Ask for each way out of handle what becomes of the message: acked, given back, rejected, or its "
        "lease left to run out. The dead-letter queue is where a person will look for what is wrong, and "
        "for nothing else.",
    ),
    Promise(
        "redrive",
        "handle: after the cause is mended, a redrive empties the dead-letter queue, and order 13 is "
        "charged once.",
        "A redriven message is the same message again. Ask whether anything remembers it as done, or as "
        "hopeless.",
    ),
)


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
            (books_are_true, dead_letters_hold(POISON), redriven, came_to_its_end("dead_letters")),
        ),
    )


def plans() -> SearchStrategy[tuple[Fault, ...]]:
    """Up to three faults at once: with more, five deliveries would not be enough for a right answer."""
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
        "For the ledger, look at db.transaction() and at what is committed together. For the card, look "
        "at the key= of card.charge, and at what the message says that will be the same in every "
        "delivery. For the queue, look at what becomes of a delivery when handle raises.",
        "Let the ledger itself be the memory: in one transaction look whether the order stands there, "
        "and write it if not. Derive the card's key from the order alone. The card first, then the "
        "ledger, and the ack last. Do not catch CardUnavailable: the lease then runs out, and another "
        "try comes. Catch CardRefused, and reject with its reason.",
    ),
)
