"""Exercise 01: a checkout that goes on selling while what the buyer need not wait for is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classroom.adversary import Attack
from classroom.checks import came_to_its_end
from classroom.exercises.distributed_monolith.checks import (
    all_done,
    honest,
    quick,
    right_shares,
    sells,
    stands,
    truthful,
)
from classroom.exercises.distributed_monolith.show import picture, story
from classroom.exercises.distributed_monolith.system import DONE, OPTIONAL, OUTAGES, PLAYED, cases, shop
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.exercises.memory import Memory
from classroom.scale.outages import crashes
from classroom.world.faults import Crash, Drop, ErrorRate, Fault, Partition, Pause, Slow

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

PROMISES = (
    Promise(
        "warm_up",
        "availability: the share of time in which all are up, and what is shared counts once.",
        "Draw the days of a year, and strike out those on which one of the parts is down. Which days strike "
        "out the shop? And how often do you strike out a day on which the shared part is down?",
    ),
    Promise(
        "honest",
        "checkout: nothing is confirmed, shipped or announced without stock and payment.",
        "Two of the four must have said yes before Ada may be told yes, and before a parcel goes out. Ask "
        "of each line of checkout what is known when it is reached, and what becomes of an error above.",
    ),
    Promise(
        "sells",
        "checkout: at least 99.75 % of the orders are sold, though each of the four is down in turn.",
        "Ask of each of the four: must Ada know its answer before she can have bought? What becomes of the "
        "order if it is down?",
    ),
    Promise(
        "later",
        "checkout: whatever was not done at once is done within 60 s of the outage's end.",
        "For each way out of checkout that confirms, ask who still knows that something is left to do. What "
        "only a task or a variable of this process knows is gone when it dies; the queue does not forget "
        "what it has taken.",
    ),
    Promise(
        "truthful",
        "checkout: the confirmation says truthfully what is pending.",
        "pending names what is not yet known to be done, and nothing else. Where in checkout is it decided, "
        "and is it decided for shipping and for notifications apart?",
    ),
    Promise(
        "hang",
        "checkout: an optional service that hangs costs Ada at most 0.2 s.",
        "A service that is down says so at once; one that hangs says nothing. The client that you were given "
        "waits for a second. You may wait for less, or not at all.",
    ),
)

QUESTIONS: tuple[tuple[dict[str, float], dict[str, float]], ...] = (
    ({"orders": 0.9, "payments": 0.8, "inventory": 0.95}, {}),
    ({"orders": 0.9, "payments": 0.9, "inventory": 0.9}, {"database": 0.8}),
    ({"orders": 1.0, "payments": 1.0}, {"host": 0.9}),
    ({"orders": 0.95, "payments": 0.9}, {"database": 0.9, "host": 0.95}),
    ({"orders": 0.9}, {}),
)
SINCE = 2.0  # seconds until a service begins to hang


def attacks(answers: Answers) -> tuple[Attack, ...]:
    memory = Memory(answers)
    always = (stands, honest, all_done, truthful)
    few, day = shop(memory, orders=2), shop(memory, orders=PLAYED)
    no_card = (ErrorRate("orders", "payments", status=402),)
    outage: tuple[Fault, ...] = tuple(Crash(name, at=0.0, down=8.0) for name in OPTIONAL)
    hanging = [
        Attack(
            f"{name} hangs",
            shop(memory, orders=5),
            (quick(name, since=SINCE), *always),
            faults=(Pause(name, at=SINCE, lasts=10.0),),
        )
        for name in OPTIONAL
    ]
    return (
        Attack("warm-up", cases(memory, *QUESTIONS), (came_to_its_end("warm_up"), right_shares)),
        Attack("card declined", few, always, faults=no_card),
        Attack("sold out", shop(memory, orders=2, stock=1), always),
        Attack("orders restarts", few, always, faults=(*outage, Crash("orders", at=3.0))),
        Attack("no queue", few, always, faults=(*outage, Partition("orders", "broker", lasts=8.0))),
        *hanging,
        Attack("each in turn", day, (came_to_its_end("sells"), *always, sells), faults=(*crashes(OUTAGES),)),
        Attack("one order", shop(memory, orders=1), always, sweep=("orders",), plans=plans),
    )


def plans() -> SearchStrategy[tuple[Fault, ...]]:
    """Up to three faults at once, none of which costs the queue what it has taken."""
    from hypothesis import strategies as st

    name = st.sampled_from([*DONE, "orders"])
    optional = st.sampled_from(OPTIONAL)
    at = st.sampled_from([0.0, 0.5, 0.505, 0.51, 1.0])
    down = st.builds(lambda n, a, d: Crash(n, at=a, down=d), name, at, st.sampled_from([0.5, 20.0]))
    slow = st.builds(lambda n, by: Slow(n, by=by, lasts=20.0), name, st.sampled_from([0.15, 0.3, 2.0]))
    hang = st.builds(lambda n, a: Pause(n, at=a, lasts=15.0), optional, at)
    part = st.sampled_from(["request", "reply"])
    to = st.sampled_from([*DONE, "broker"])
    lost = st.builds(lambda n, nth, p: Drop("orders", n, nth=nth, part=p), to, st.integers(1, 3), part)
    return st.lists(st.one_of(down, slow, hang, lost), min_size=1, max_size=3, unique=True).map(tuple)


EXERCISE = Exercise(
    number="01",
    title="The distributed monolith",
    answers=("availability", "checkout"),
    signatures={
        "availability": "required, shared",
        "checkout": "order, *, inventory, payments, shipping, notifications, later",
    },
    plain=("availability",),
    promises=PROMISES,
    attacks=attacks,
    picture=picture,
    story=story,
    hints=(
        "Ada has a lamp, and it is paid. shipping is down. What exactly would you tell her, if you stood "
        "behind the counter?",
        "For the warm-up, look at the lesson's two services on one database. For the checkout, look at "
        "what becomes of Unavailable at each of the four, at what later.send may raise, and at how long a "
        "service that hangs is waited for.",
        "Ask inventory and payments, and let their errors through. For shipping and notifications "
        "either send the order to later and call it pending; or ask with a timeout of a tenth of a second, "
        "and if that fails send it to later and call it pending. Let an error of later.send through, too.",
    ),
)
