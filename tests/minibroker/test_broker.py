import asyncio
import contextvars
import tracemalloc

import pytest

from minibroker import Broker, InvalidArgument, NoSuchQueue, QueueExists, StaleReceipt
from tests.garbage import collect_garbage

where = contextvars.ContextVar("where", default="nowhere")


def broker_on_this_loop(observer=None) -> Broker:
    return Broker(clock=asyncio.get_running_loop().time, observer=observer)


# -- queues by name ------------------------------------------------------------------------------------


def test_a_typo_in_a_queues_name_is_told_with_the_names_that_there_are():
    broker = Broker(clock=lambda: 0.0)
    broker.create_queue("charges", dead_letter_queue="charges-dead")

    with pytest.raises(NoSuchQueue, match=r"^no queue 'chrages'; there are: charges, charges-dead$"):
        broker.queue("chrages")
    with pytest.raises(NoSuchQueue, match="there are: none yet"):
        Broker(clock=lambda: 0.0).send("charges", 1)


def test_creating_a_queue_creates_its_dead_letter_queue():
    broker = Broker(clock=lambda: 0.0)
    broker.create_queue("charges", max_receive_count=3, dead_letter_queue="dead")
    broker.create_queue("mails", max_receive_count=3, dead_letter_queue="dead")

    assert broker.queue_names() == ["charges", "dead", "mails"]


def test_creating_a_queue_again_is_harmless_with_the_same_settings_and_refused_with_others():
    broker = Broker(clock=lambda: 0.0)
    broker.create_queue("charges", visibility_timeout=5)
    broker.send("charges", "lamp")

    broker.create_queue("charges", visibility_timeout=5.0)
    with pytest.raises(
        QueueExists, match=r"'visibility_timeout': 5\.0.*asked for.*'visibility_timeout': 6\.0"
    ):
        broker.create_queue("charges", visibility_timeout=6, dead_letter_queue="dead")

    assert broker.snapshot("charges").ready == 1
    assert broker.queue_names() == ["charges"]


def test_a_queue_cannot_be_its_own_dead_letter_queue_nor_can_two_be_each_others():
    broker = Broker(clock=lambda: 0.0)
    with pytest.raises(InvalidArgument, match="its own dead-letter queue"):
        broker.create_queue("charges", dead_letter_queue="charges")

    broker.create_queue("a", dead_letter_queue="b")
    with pytest.raises(QueueExists):
        broker.create_queue("b", dead_letter_queue="a")


def test_ids_are_one_sequence_for_all_queues():
    broker = Broker(clock=lambda: 0.0)
    broker.create_queue("a")
    broker.create_queue("b")

    assert [broker.send("a", 1), broker.send("b", 1), broker.send("a", 1)] == [1, 2, 3]


# -- waiting -----------------------------------------------------------------------------------------------


def test_a_waiting_consumer_gets_a_message_in_the_moment_it_is_sent(virtually):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        waiting = asyncio.create_task(charges.receive(wait=20))
        await asyncio.sleep(3)
        await charges.send("lamp")
        [delivery] = await waiting
        return delivery.body, asyncio.get_running_loop().time()

    assert virtually(scenario()) == ("lamp", 3)


def test_a_wait_ends_empty_handed_when_its_time_is_up(virtually):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        return await charges.receive(wait=20), asyncio.get_running_loop().time()

    assert virtually(scenario()) == ([], 20)


def test_a_receive_that_finds_something_does_not_wait(virtually):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        await charges.send("lamp")
        return len(await charges.receive(wait=20, max_messages=10)), asyncio.get_running_loop().time()

    assert virtually(scenario()) == (1, 0)


@pytest.mark.parametrize(
    ("what", "when"), [("expiry", 5), ("nack", 2), ("delayed nack", 6), ("delayed send", 7), ("redrive", 3)]
)
def test_a_waiting_consumer_is_woken_by_all_that_makes_a_message_ready(virtually, what, when):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue("charges", visibility_timeout=5, dead_letter_queue="dead")
        if what == "delayed send":
            await charges.send("lamp", delay=7)
        else:
            await charges.send("lamp")
            [first] = await charges.receive()
        waiting = asyncio.create_task(charges.receive(wait=20))
        await asyncio.sleep(2)
        if what == "nack":
            await first.nack()
        elif what == "delayed nack":
            await first.nack(delay=4)
        elif what == "redrive":
            await first.reject("no")
            await asyncio.sleep(1)
            await broker.queue("dead").redrive()
        [delivery] = await waiting
        return delivery.body, asyncio.get_running_loop().time()

    assert virtually(scenario()) == ("lamp", when)


def test_a_consumer_that_waits_at_the_dead_letter_queue_is_woken_by_a_rejection(virtually):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue("charges", dead_letter_queue="dead")
        await charges.send("poison")
        [delivery] = await charges.receive()
        waiting = asyncio.create_task(broker.queue("dead").receive(wait=20))
        await asyncio.sleep(3)
        await delivery.reject("no")
        [letter] = await waiting
        return letter.body, asyncio.get_running_loop().time()

    assert virtually(scenario()) == ("poison", 3)


def test_a_consumer_that_waits_at_the_dead_letter_queue_is_woken_by_a_last_expiry(virtually):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue(
            "charges", visibility_timeout=5, max_receive_count=1, dead_letter_queue="dead"
        )
        await charges.send("poison")
        await charges.receive()
        [letter] = await broker.queue("dead").receive(wait=20)
        return letter.body, asyncio.get_running_loop().time()

    assert virtually(scenario()) == ("poison", 5)


def test_a_lease_expires_on_time_though_nobody_asks(virtually):
    async def scenario():
        seen = []

        def observer(kind, **data):
            seen.append((kind, asyncio.get_running_loop().time()))

        charges = broker_on_this_loop(observer).create_queue("charges", visibility_timeout=5)
        await charges.send("lamp")
        await charges.receive()
        await asyncio.sleep(100)
        return seen

    assert virtually(scenario()) == [("sent", 0), ("leased", 0), ("expired", 5)]


def test_a_shorter_lease_that_is_taken_later_also_expires_on_time(virtually):
    async def scenario():
        loop = asyncio.get_running_loop()
        expired = []

        def observer(kind, **data):
            if kind == "expired":
                expired.append((data["message"], loop.time()))

        charges = broker_on_this_loop(observer).create_queue("charges")
        for body in "ab":
            await charges.send(body)
        await charges.receive(visibility_timeout=30)
        await charges.receive(visibility_timeout=5)
        await asyncio.sleep(100)
        return expired

    assert virtually(scenario()) == [(2, 5), (1, 30)]


def test_consumers_are_served_in_the_order_in_which_they_came(virtually):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        served = []

        async def consumer(name):
            [delivery] = await charges.receive(wait=20)
            served.append((name, delivery.body))

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(consumer(name))
            await asyncio.sleep(1)
            for body in (1, 2, 3):
                await charges.send(body)
        return served

    assert virtually(scenario()) == [("a", 1), ("b", 2), ("c", 3)]


def test_a_consumer_that_was_overtaken_keeps_its_place_in_line(virtually):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue("charges")
        served = []

        async def consumer(name):
            if await charges.receive(wait=20):
                served.append(name)

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(consumer(name))
            await asyncio.sleep(1)
            broker.send("charges", 1)
            await broker.receive("charges")  # before the one who was woken had its turn
            await asyncio.sleep(1)
            for body in (2, 3, 4):
                await charges.send(body)
        return served

    assert virtually(scenario()) == ["a", "b", "c"]


def test_a_cancelled_consumer_loses_no_message(virtually):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        waiting = asyncio.create_task(charges.receive(wait=20))
        await asyncio.sleep(1)
        waiting.cancel()
        await charges.send("lamp")
        [delivery] = await charges.receive(wait=20)
        return delivery.receive_count, asyncio.get_running_loop().time()

    assert virtually(scenario()) == (1, 1)


@pytest.mark.parametrize("cancel_first", [True, False])
def test_a_consumer_that_is_cancelled_as_it_is_woken_leaves_the_message_to_the_next_in_line(
    virtually, cancel_first
):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue("charges")
        first = asyncio.create_task(charges.receive(wait=20))
        second = asyncio.create_task(charges.receive(wait=20))
        await asyncio.sleep(1)
        if cancel_first:
            first.cancel()
        broker.send("charges", "lamp")
        first.cancel()
        [delivery] = await second
        with pytest.raises(asyncio.CancelledError):
            await first
        return delivery.receive_count, asyncio.get_running_loop().time()

    assert virtually(scenario()) == (1, 1)


def test_a_message_that_comes_when_a_wait_is_just_over_goes_to_that_consumer_or_the_next(virtually):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        impatient = asyncio.create_task(charges.receive(wait=5))
        patient = asyncio.create_task(charges.receive(wait=20))
        await asyncio.sleep(5)
        await charges.send("lamp")
        return [len(await impatient) + len(await patient), asyncio.get_running_loop().time()]

    assert virtually(scenario()) in ([1, 5], [1, 20])


def test_consumers_that_wait_in_vain_again_and_again_leave_nothing_behind(virtually):
    async def scenario():
        broker = broker_on_this_loop()
        broker.create_queue("charges")
        for _ in range(50):
            await broker.receive("charges", wait=1)
        return len(broker._lines["charges"])

    assert virtually(scenario()) == 0


def test_the_brokers_timer_does_not_run_in_the_context_of_the_caller_that_set_it(virtually):
    async def scenario():
        seen = []
        where.set("broker")
        broker = broker_on_this_loop(lambda kind, **data: seen.append((kind, where.get())))
        charges = broker.create_queue("charges", visibility_timeout=5)

        async def worker():
            where.set("worker")
            await charges.send("lamp")
            await charges.receive()

        await asyncio.create_task(worker())
        await asyncio.sleep(10)
        return seen

    assert virtually(scenario()) == [("sent", "worker"), ("leased", "worker"), ("expired", "broker")]


def test_closing_sends_waiting_consumers_home_and_keeps_the_messages(virtually):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue("charges")
        waiting = asyncio.create_task(charges.receive(wait=20))
        await asyncio.sleep(1)
        broker.close()
        empty = await waiting
        await charges.send("lamp", delay=0)
        now = asyncio.get_running_loop().time()
        return empty, len(await charges.receive(wait=20)), await charges.receive(wait=20), now

    assert virtually(scenario()) == ([], 1, [], 1)


# -- the client in this process ------------------------------------------------------------------------------


def test_a_delivery_can_be_acked_given_back_rejected_and_extended(virtually):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue("charges", dead_letter_queue="dead")
        for body in "abcd":
            await charges.send(body, headers={"n": body})
        a, b, c, d = await charges.receive(max_messages=4)
        await a.ack()
        await b.nack(delay=5, reason="busy")
        await c.reject("never")
        await asyncio.sleep(10)
        assert await d.extend(40) == d.lease_until == 50
        with pytest.raises(StaleReceipt):
            await a.ack()
        snapshot = await charges.snapshot()
        [letter] = await broker.queue("dead").peek()
        return (snapshot.ready, snapshot.in_flight, snapshot.acked, letter.deaths[0].error, dict(d.headers))

    assert virtually(scenario()) == (1, 1, 1, "never", {"n": "d"})


def test_a_consumers_name_is_in_the_history(virtually, history):
    async def scenario():
        broker = broker_on_this_loop(history)
        broker.create_queue("charges")
        worker = broker.queue("charges", consumer="worker-1")
        await worker.send("lamp")
        await worker.receive()

    virtually(scenario())
    assert history.last("leased")["consumer"] == "worker-1"


def test_what_the_sender_or_a_receiver_does_to_a_body_afterwards_changes_no_message(virtually):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        order = {"items": ["lamp"]}
        await charges.send(order)
        order["items"].append("sofa")
        [first] = await charges.receive()
        first.body["items"].clear()
        await first.nack()
        [second] = await charges.receive()
        return second.body

    assert virtually(scenario()) == {"items": ["lamp"]}


@pytest.mark.parametrize("body", [{1, 2}, float("nan"), object(), b"bytes", {("a",): 1}])
def test_a_body_that_is_no_json_is_refused_where_it_is_sent(virtually, body):
    async def scenario():
        charges = broker_on_this_loop().create_queue("charges")
        with pytest.raises(InvalidArgument, match="only JSON values can travel"):
            await charges.send(body)
        return (await charges.snapshot()).depth

    assert virtually(scenario()) == 0


def test_redrive_over_the_client_can_name_the_messages(virtually):
    async def scenario():
        broker = broker_on_this_loop()
        charges = broker.create_queue("charges", dead_letter_queue="dead")
        for n in range(4):
            await charges.send(n)
        for delivery in await charges.receive(max_messages=4):
            await delivery.reject("no")
        return await broker.queue("dead").redrive(messages=[2, 4, 99])

    assert virtually(scenario()) == {2: "charges", 4: "charges"}


@pytest.mark.parametrize(
    ("operation", "arguments", "sentence"),
    [
        ("sned", {}, "no operation 'sned'; there are: create, send, receive, ack"),
        ("send", [], "the arguments of send are a JSON object; got a list"),
        ("send", {}, "send needs 'body'; it takes: body, headers, delay"),
        ("send", {"body": 1, "dealy": 2}, "send does not know 'dealy'; it takes"),
        ("ack", {"receipt": 7}, "receipt must be a string; got 7"),
        ("receive", {"wait": -1}, "wait must be a number of seconds, 0 or more; got -1"),
        ("receive", {"consumer": None}, "consumer must be a string"),
        ("nack", {"receipt": "1.1", "reason": 3}, "reason must be a string"),
        ("peek", {"state": "asleep"}, "no state 'asleep'; there are: new, delayed, ready"),
        ("redrive", {"messages": "all"}, "messages is a list of message ids"),
        ("redrive", {"messages": [[1]]}, "a message's id must be a whole number"),
        ("snapshot", {"x": 1}, "it takes: nothing"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(virtually, operation, arguments, sentence):
    async def scenario():
        broker = broker_on_this_loop()
        broker.create_queue("charges")
        with pytest.raises(InvalidArgument) as refusal:
            await broker.call("charges", operation, arguments)
        return str(refusal.value)

    assert sentence in virtually(scenario())


def test_who_waits_for_a_queue_that_is_taken_away_is_told(virtually):
    async def scenario():
        broker = Broker(clock=asyncio.get_running_loop().time)
        waiting = asyncio.ensure_future(broker.create_queue("charges").receive(wait=60))
        await asyncio.sleep(1)
        broker.remove_queue("charges")
        with pytest.raises(NoSuchQueue):
            await waiting
        return asyncio.get_running_loop().time()

    assert virtually(scenario()) == 1


def test_queues_that_come_and_go_leave_nothing_behind():
    broker = Broker(clock=lambda: 0.0)

    def come_and_go(letter, times):
        for number in range(times):
            broker.create_queue(f"{letter}{number}")
            broker.send(f"{letter}{number}", "x")
            broker.remove_queue(f"{letter}{number}")
        collect_garbage()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = come_and_go("a", 100)
        after = come_and_go("b", 2_000)
    finally:
        tracemalloc.stop()

    assert after - before < 20_000
