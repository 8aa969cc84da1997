"""check: what it takes, what it says, and that a plan found by a search is shrunk."""

from dataclasses import replace
from typing import Any

import pytest

from classroom import Crash, PromiseBroken, Unfinished, check, exercises, replay, sweep
from classroom.adversary import SHRINK_RUNS, SWEEP_RUNS, Attack, Counterexample, find_attacks
from classroom.check import judge, named
from classroom.checks import (
    Violation,
    came_to_its_end,
    each_effect_once,
    in_order,
    no_message_lost,
    queue_contents,
)
from classroom.exercises.memory import Memory
from classroom.world.faults import Drop, Duplicate
from classroom.world.run import Run
from classroom.world.simulated import simulate
from minibroker import Broker, BrokerApp

# ---- what it takes -----------------------------------------------------------------------


async def handle(delivery: Any, db: Any, card: Any) -> None:
    raise NotImplementedError("your turn: handle")


async def record_charge(db: Any, message: Any) -> None:
    raise NotImplementedError("your turn: record_charge")


def test_an_unknown_exercise_is_named_with_those_that_exist() -> None:
    with pytest.raises(LookupError, match=r"no exercise '99'; there are: .*08"):
        check("99", handle)


def test_a_missing_answer_is_asked_for_by_the_line_to_write() -> None:
    with pytest.raises(TypeError, match=r'write check\("08", handle, record_charge\); 1 came'):
        check("08", handle)


def test_an_answer_that_is_not_async_is_told_how_it_begins() -> None:
    def plain(delivery: Any, db: Any, card: Any) -> None: ...

    with pytest.raises(TypeError, match=r"async def handle\(delivery, db, card\)"):
        check("08", plain, record_charge)


def test_an_answer_with_other_parameters_is_told_which_it_is_called_with() -> None:
    async def short(delivery: Any) -> None: ...

    with pytest.raises(TypeError, match=r"called with \(delivery, db, card\)"):
        check("08", short, record_charge)


def an_exercise(signature: str) -> Any:
    one = exercises.load("08")
    return replace(one, number="08", answers=("answer",), signatures={"answer": signature}, plain=("answer",))


@pytest.mark.parametrize(
    ("signature", "answer"),
    [
        ("a, b", lambda a, b: None),
        ("a, *, b, c", lambda a, *, b, c: None),
        ("*, rng", lambda *, rng: None),
        ("*, rng, [clock]", lambda *, rng: None),
        ("*, rng, [clock]", lambda *, rng, clock: None),
        ("*, rng", lambda **anything: None),
    ],
)
def test_a_plain_answer_is_taken_as_its_signature_says(signature: str, answer: Any) -> None:
    assert named(an_exercise(signature), (answer,)) == {"answer": answer}


@pytest.mark.parametrize(
    ("signature", "answer"),
    [
        ("a, *, b", lambda a, b, c: None),
        ("*, rng", lambda rng, /: None),
        ("*, rng, [clock]", lambda *, rng, clock, more: None),
    ],
)
def test_a_plain_answer_that_cannot_be_called_so_is_told_how(signature: str, answer: Any) -> None:
    with pytest.raises(TypeError, match="answer is called with"):
        named(an_exercise(signature), (answer,))


def test_a_plain_answer_must_not_be_async() -> None:
    async def answer(a: Any) -> None: ...

    with pytest.raises(TypeError, match="begins without `async`"):
        named(an_exercise("a"), (answer,))


def test_an_untouched_answer_is_unfinished_and_its_own_words_are_repeated(capsys: Any) -> None:
    with pytest.raises(Unfinished, match="your turn: record_charge"):
        check("08", handle, record_charge)

    assert "not finished yet" in capsys.readouterr().out


def test_a_broken_promise_is_raised_without_a_traceback_that_would_hide_it(capsys: Any) -> None:
    async def never(db: Any, message: Any) -> None: ...

    with pytest.raises(PromiseBroken) as caught:
        check("08", handle_well, never)

    assert caught.value._render_traceback_() == [f"PromiseBroken: {caught.value}"]
    assert "is missing in the ledger" in capsys.readouterr().out


def test_the_line_that_replays_it_makes_the_same_run() -> None:
    async def forgetful(db: Any, message: Any) -> None:
        await db.execute("INSERT INTO charges VALUES (?, ?)", (message.body["order"], message.body["amount"]))

    verdict = judge(exercises.load("08"), {"handle": handle_well, "record_charge": forgetful})
    names = {"replay": replay, "Crash": Crash, "handle": handle_well, "record_charge": forgetful}

    again = eval(verdict.replay_line, names)

    assert verdict.run is not None
    assert again.digest == verdict.run.digest


async def handle_well(delivery: Any, db: Any, card: Any) -> None:
    order = delivery.body["order"]
    await card.charge(order, delivery.body["amount"], key=str(order))
    await delivery.ack()


# ---- the adversary -----------------------------------------------------------------------


async def counting(world: Any) -> None:
    """Ada asks twice; the service counts the requests that reached it."""

    async def count(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    world.start("counter", lambda node: count)
    async with world.client("ada", timeout=1.0) as ada:
        for _ in range(2):
            try:
                await ada.post("http://counter/")
            except Exception as error:
                world.record("trouble", error=type(error).__name__)


def trouble(run: Run) -> list[Violation]:
    return [Violation("quiet", "something went wrong")] if run.of("trouble") else []


def arrivals(most: int) -> Any:
    def check_arrivals(run: Run) -> list[Violation]:
        return [Violation("few", "too many came")] if len(run.of("arrive")) > most else []

    return check_arrivals


def test_a_sweep_strikes_before_and_after_each_effect_of_a_node() -> None:
    struck = sweep(counting, "counter", check=trouble)

    assert [(effect.number, when) for effect, when, _ in struck] == [
        (number, when) for number in (1, 2, 3, 4) for when in ("before", "after")
    ]
    assert [bool(wrong) for _, _, wrong in struck] == [True] * 7 + [False]


def test_a_sweep_of_more_points_than_its_budget_is_thinned_out_evenly() -> None:
    async def long(world: Any) -> None:
        database = world.node("ada").database("big")
        await database.execute("CREATE TABLE t (n)")
        world.start("writer", writer)
        await world.run_for(60)

    async def writer(node: Any) -> None:
        for number in range(150):
            await node.database("big").execute("INSERT INTO t VALUES (?)", (number,))

    findings = find_attacks((Attack("long", long, (), sweep=("writer",)),))

    assert 0.7 * SWEEP_RUNS <= len(findings.swept) <= SWEEP_RUNS


def test_a_sweep_leaves_out_the_polls_of_a_consumer_that_has_nothing_left_to_read() -> None:
    def log(node: Any) -> BrokerApp:
        holder = Broker(clock=node.now, observer=node.record)
        holder.create_topic("t", partitions=1)
        return BrokerApp(holder)

    async def reader(node: Any) -> None:
        async with node.topic("t").consumer("readers", start="earliest", session_timeout=6) as consumer:
            async for record in consumer:
                node.record("read", offset=record.offset)
                await consumer.commit()

    def reading(*, idle: float) -> Any:
        async def scenario(world: Any) -> None:
            world.start("broker", log)
            await world.node("ada").topic("t").append("ada", 1)
            world.start("reader", reader)
            await world.run_for(idle)

        return scenario

    def read(run: Run) -> list[str]:
        return [] if run.of("read", node="reader") else ["nothing was read"]

    short = sweep(reading(idle=10), "reader", check=read)
    long = sweep(reading(idle=60), "reader", check=read)

    assert [(effect.number, when) for effect, when, _ in short] == [
        (effect.number, when) for effect, when, _ in long
    ]
    assert "/commit" in short[-1][0].what


def test_a_plan_of_several_faults_is_shrunk_to_the_one_that_matters() -> None:
    def plans() -> Any:
        from hypothesis import strategies as st

        harmless = st.builds(lambda nth: Drop("ada", "counter", nth=nth, part="reply"), st.integers(3, 9))
        harmful = st.builds(lambda nth: Duplicate("ada", "counter", nth=nth), st.integers(1, 2))
        return st.lists(st.one_of(harmless, harmful), min_size=3, max_size=5, unique=True).map(tuple)

    attack = Attack("twice", counting, (arrivals(2),), plans=plans)

    findings = find_attacks((attack,))

    found: Counterexample = findings.broken["few"]
    assert sum(isinstance(fault, Duplicate) for fault in found.more) == 1
    assert len(found.more) == 3, "the strategy gives three or more: no fewer can be left"
    assert findings.runs <= 1 + 50 + SHRINK_RUNS + 10


def test_an_attack_says_the_same_every_time() -> None:
    attack = Attack("swept", counting, (trouble,), sweep=("counter",))

    first, second = find_attacks((attack,)), find_attacks((attack,))

    assert first.broken["quiet"].run.digest == second.broken["quiet"].run.digest
    assert first.swept == second.swept


def test_a_run_that_makes_work_for_itself_without_end_is_broken_off_after_a_count_of_steps() -> None:
    async def restless(world: Any) -> None:
        world.start("broker", broker)
        queue = world.node("ada").queue("q")
        await queue.send("again")
        while True:
            for delivery in await queue.receive(wait=1):
                await queue.send(delivery.body)
                await delivery.ack()

    attack = Attack("restless", restless, (came_to_its_end("quiet"),))

    findings = find_attacks((attack,))

    assert "Restless" in findings.broken["quiet"].violation.message


# ---- checks ------------------------------------------------------------------------------


def broker(node: Any) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue("q", max_receive_count=2, dead_letter_queue="dead")
    return BrokerApp(holder)


def sent_and(what: str) -> Run:
    async def scenario(world: Any) -> None:
        world.start("broker", broker)
        queue = world.node("ada").queue("q")
        await queue.send({"n": 1})
        for delivery in await queue.receive():
            await getattr(delivery, what)(*(("bad",) if what == "reject" else ()))

    return simulate(scenario)


def test_a_message_that_is_given_back_still_lies_in_its_queue() -> None:
    assert list(queue_contents(sent_and("nack"), "q")) == [1]


def test_a_rejected_message_lies_among_the_dead_letters_alone() -> None:
    run = sent_and("reject")

    assert list(queue_contents(run, "dead")) == [1]
    assert list(queue_contents(run, "q")) == []


@pytest.mark.parametrize("what", ["ack", "nack", "reject"])
def test_a_message_that_was_settled_in_any_way_is_not_lost(what: str) -> None:
    assert no_message_lost("q")(sent_and(what)) == []


def test_the_history_alone_does_not_show_that_a_broker_forgot_a_message_when_it_died() -> None:
    async def scenario(world: Any) -> None:
        world.start("broker", broker)
        await world.node("ada").queue("q").send({"n": 1})
        world.crash("broker", down=1)
        await world.run_for(5)
        await world.node("ada").queue("q").snapshot()

    run = simulate(scenario)

    # minibroker is not durable yet: only its own count tells a forgotten message from one that waits
    assert no_message_lost("q")(run) == []
    assert run.of("reply", node="broker")[-1]["body"]["ready"] == 0


def effects(*pairs: tuple[int, int]) -> Run:
    async def scenario(world: Any) -> None:
        for key, value in pairs:
            world.record("done", order=key, step=value)

    return simulate(scenario)


def test_an_effect_that_happened_twice_is_told_with_its_times() -> None:
    violations = each_effect_once("done", "order")(effects((1, 1), (2, 1), (1, 2)))

    assert [violation.about for violation in violations] == [(1,)]
    assert "happened 2 times" in violations[0].message


def test_an_effect_that_never_happened_is_missed() -> None:
    violations = each_effect_once("done", "order", expected=(1, 2))(effects((1, 1)))

    assert [violation.message for violation in violations] == ["order 2: done never happened"]


def test_order_is_kept_for_each_key_apart() -> None:
    kept = in_order("done", key="order", by="step")

    assert kept(effects((1, 1), (2, 5), (1, 2))) == []
    assert [violation.about for violation in kept(effects((1, 2), (2, 5), (1, 1)))] == [(1,)]


# ---- memory ------------------------------------------------------------------------------

seen: set[int] = set()


async def remembers(db: Any, message: Any) -> int:
    seen.add(message)
    return helper()


def helper() -> int:
    return len(seen)


def run_it(function: Any, message: int) -> int:
    step = function(None, message)
    try:
        step.send(None)
    except StopIteration as stopped:
        return int(stopped.value)
    raise AssertionError("it waited")


def test_a_fresh_process_has_forgotten_what_another_put_into_a_global() -> None:
    memory = Memory({"f": remembers})
    one, two = memory.fresh()["f"], memory.fresh()["f"]

    assert [run_it(one, 1), run_it(one, 2)] == [1, 2], (
        "one process remembers, and its helpers share what it knows"
    )
    assert run_it(two, 3) == 1
    assert seen == set(), "the notebook's own global is untouched"


def test_a_fresh_process_has_forgotten_what_a_closure_and_a_default_held() -> None:
    def make() -> Any:
        held: list[int] = []

        async def counts(db: Any, message: Any, known: list[int] = []) -> int:  # noqa: B006
            held.append(message)
            known.append(message)
            return len(held) + len(known)

        return counts

    memory = Memory({"f": make()})

    assert run_it(memory.fresh()["f"], 1) == 2
    assert run_it(memory.fresh()["f"], 1) == 2
