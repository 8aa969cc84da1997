"""What every queue keeps to, whoever runs it: each test runs on each engine that has queues."""

import asyncio

import pytest

from minibroker import InvalidArgument, NoSuchQueue, QueueExists, QueueFull, Reason, StaleReceipt

SOON = 5.0  # seconds that a receive may wait for what must come


async def bodies(queue, how_many, *, wait=SOON):
    """The next `how_many` bodies, acked; fewer if no more come."""
    found = []
    while len(found) < how_many:
        deliveries = await queue.receive(wait=wait)
        if not deliveries:
            break
        found.append(deliveries[0].body)
        await deliveries[0].ack()
    return found


async def with_dead_letters(broker, queues, **settings):
    """A queue, and the queue of its dead letters."""
    name, dead = queues.name("charges"), queues.name("dead")
    charges = await broker.create_queue(name, dead_letter_queue=dead, **settings)
    return charges, broker.queue(dead)


# -- send, receive, ack -------------------------------------------------------------------------------


def test_a_message_arrives_as_it_was_sent_and_is_gone_once_acked(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        sent = {"order": 7, "amount": 1990, "note": "für Ada", "items": [None, True, 0.5]}
        message_id = await charges.send(sent, headers={"traceparent": "00-1"})
        [delivery] = await charges.receive(wait=SOON)
        assert (delivery.body, dict(delivery.headers)) == (sent, {"traceparent": "00-1"})
        assert (delivery.message.id, delivery.receive_count) == (message_id, 1)
        assert delivery.message.deaths == ()
        await delivery.ack()
        return await charges.receive(wait=queues.moment)

    assert queues.run(scenario) == []


@pytest.mark.parametrize("body", [None, "", 0, [], {}, "text", -1.5, {"nested": [{"deep": None}]}])
def test_any_json_value_can_be_a_body(queues, body):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        await charges.send(body)
        return await bodies(charges, 1)

    assert queues.run(scenario) == [body]


def test_messages_are_received_in_the_order_in_which_they_were_sent(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        for n in range(10):
            await charges.send(n)
        return await bodies(charges, 10)

    assert queues.run(scenario) == list(range(10))


def test_one_receive_leases_at_most_max_messages(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        for n in range(5):
            await charges.send(n)
        first = await charges.receive(max_messages=3, wait=SOON)
        rest = await charges.receive(max_messages=3, wait=SOON)
        for delivery in first + rest:
            await delivery.ack()
        return len(first), len(rest)

    assert queues.run(scenario) == (3, 2)


def test_what_one_consumer_holds_no_other_gets(queues):
    async def scenario(broker):
        name = queues.name("charges")
        await broker.create_queue(name)
        ada, bob = broker.queue(name, consumer="ada"), broker.queue(name, consumer="bob")
        await ada.send("lamp")
        [held] = await ada.receive(wait=SOON)
        assert await bob.receive(wait=queues.moment) == []
        await held.ack()

    queues.run(scenario)


def test_a_receive_waits_for_the_message_that_is_to_come(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        waiting = asyncio.create_task(charges.receive(wait=SOON))
        await asyncio.sleep(0)
        await charges.send("lamp")
        [delivery] = await waiting
        await delivery.ack()
        return delivery.body

    assert queues.run(scenario) == "lamp"


def test_a_receive_that_is_cancelled_holds_nothing(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        waiting = asyncio.create_task(charges.receive(wait=SOON))
        await asyncio.sleep(queues.moment)
        waiting.cancel()
        await asyncio.wait([waiting])
        await charges.send("lamp")
        return await bodies(charges, 1)

    assert queues.run(scenario) == ["lamp"]


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20, 100])
def test_a_cancelled_receive_ends_no_lease_that_another_holds(queues, turns):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        await charges.send("lamp")
        [held] = await charges.receive(wait=SOON)
        waiting = asyncio.create_task(charges.receive(wait=SOON))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await held.ack()
        return await charges.receive(wait=queues.moment)

    assert queues.run(scenario) == []


def test_receives_that_wait_at_the_same_time_share_the_messages(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        waiting = [asyncio.create_task(charges.receive(wait=SOON)) for _ in range(3)]
        await asyncio.sleep(0)
        for n in range(3):
            await charges.send(n)
        found = [delivery for deliveries in await asyncio.gather(*waiting) for delivery in deliveries]
        for delivery in found:
            await delivery.ack()
        return sorted(delivery.body for delivery in found)

    assert queues.run(scenario) == [0, 1, 2]


# -- nack, and receipts that are over -------------------------------------------------------------------


def test_a_nacked_message_is_delivered_again_and_counted(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        await charges.send("lamp")
        counts = []
        for _ in range(3):
            [delivery] = await charges.receive(wait=SOON)
            counts.append(delivery.receive_count)
            await delivery.nack()
        return counts

    assert queues.run(scenario) == [1, 2, 3]


def test_a_nacked_message_comes_before_those_that_were_sent_after_it(queues):
    async def scenario(broker):
        charges, _ = await with_dead_letters(broker, queues, max_receive_count=5)
        for word in ("first", "second", "third"):
            await charges.send(word)
        [delivery] = await charges.receive(wait=SOON)
        await delivery.nack()
        return await bodies(charges, 3)

    assert queues.run(scenario) == ["first", "second", "third"]


@pytest.mark.parametrize("again", ["ack", "nack"])
def test_a_delivery_can_be_settled_once(queues, again):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        await charges.send("lamp")
        [delivery] = await charges.receive(wait=SOON)
        await delivery.ack()
        with pytest.raises(StaleReceipt):
            await getattr(delivery, again)()

    queues.run(scenario)


# -- dead letters ------------------------------------------------------------------------------------------


def test_after_max_receive_count_deliveries_a_message_is_dead_lettered_with_its_reason(queues):
    async def scenario(broker):
        charges, dead = await with_dead_letters(broker, queues, max_receive_count=3)
        message_id = await charges.send("poison", headers={"traceparent": "00-1"})
        delivered = 0
        while deliveries := await charges.receive(wait=queues.moment):
            delivered += 1
            await deliveries[0].nack()
        [letter] = await dead.receive(wait=SOON)
        await letter.ack()
        [death] = letter.message.deaths
        assert (letter.body, letter.message.id, letter.receive_count) == ("poison", message_id, 1)
        assert dict(letter.headers) == {"traceparent": "00-1"}
        assert (death.queue, death.reason, death.count) == (charges.name, Reason.MAX_RECEIVE_COUNT, 1)
        return delivered

    assert queues.run(scenario) == 3


def test_one_delivery_can_be_the_only_one(queues):
    async def scenario(broker):
        charges, dead = await with_dead_letters(broker, queues, max_receive_count=1)
        await charges.send("poison")
        [delivery] = await charges.receive(wait=SOON)
        await delivery.nack()
        return await bodies(dead, 1)

    assert queues.run(scenario) == ["poison"]


def test_a_rejected_message_is_dead_lettered_at_once(queues):
    async def scenario(broker):
        charges, dead = await with_dead_letters(broker, queues, max_receive_count=5)
        await charges.send("poison")
        [delivery] = await charges.receive(wait=SOON)
        await delivery.reject("this cannot be charged")
        [letter] = await dead.receive(wait=SOON)
        [death] = letter.message.deaths
        await letter.ack()
        assert await charges.receive(wait=queues.moment) == []
        return death.reason, death.queue == charges.name

    assert queues.run(scenario) == (Reason.REJECTED, True)


def test_what_nobody_received_within_its_ttl_is_dead_lettered_as_expired(queues):
    async def scenario(broker):
        charges, dead = await with_dead_letters(broker, queues)
        await charges.send("late", ttl=0.2)
        [letter] = await dead.receive(wait=SOON)
        await letter.ack()
        return letter.body, letter.message.deaths[0].reason, await charges.receive()

    assert queues.run(scenario) == ("late", Reason.EXPIRED, [])


def test_the_lower_of_the_queues_ttl_and_the_messages_holds(queues):
    async def scenario(broker):
        charges, dead = await with_dead_letters(broker, queues, ttl=0.2)
        await charges.send("late", ttl=3600)
        [letter] = await dead.receive(wait=SOON)
        await letter.ack()
        return letter.message.deaths[0].reason

    assert queues.run(scenario) == Reason.EXPIRED


def test_a_full_queue_may_dead_letter_its_oldest(queues):
    async def scenario(broker):
        charges, dead = await with_dead_letters(broker, queues, max_length=2, overflow="dead-letter")
        for n in range(3):
            await charges.send(n)
        [letter] = await dead.receive(wait=SOON)
        await letter.ack()
        return letter.body, letter.message.deaths[0].reason, await bodies(charges, 2)

    assert queues.run(scenario) == (0, Reason.MAX_LENGTH, [1, 2])


def test_a_full_queue_may_drop_its_oldest(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"), max_length=2, overflow="drop-oldest")
        for n in range(3):
            await charges.send(n)
        return await bodies(charges, 2)

    assert queues.run(scenario) == [1, 2]


def test_a_full_queue_that_refuses_says_so_and_takes_messages_again_once_there_is_room(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"), max_length=2)
        sent = []
        with pytest.raises(QueueFull):
            for n in range(50):
                await charges.send(n)
                sent.append(n)
        taken = await bodies(charges, len(sent))
        await charges.send("again")
        return taken == sent, await bodies(charges, 1)

    assert queues.run(scenario) == (True, ["again"])


# -- a consumer with a window --------------------------------------------------------------------------------


def test_a_consumer_holds_at_most_prefetch_deliveries_and_each_ack_lets_one_more_in(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        for n in range(10):
            await charges.send(n)
        consumer = charges.consume(prefetch=3, wait=queues.moment)
        held = [await anext(consumer) for _ in range(3)]
        fourth = asyncio.create_task(anext(consumer))
        done, _ = await asyncio.wait([fourth], timeout=queues.moment)
        left_for_others = await broker.queue(charges.name).receive(max_messages=10, wait=SOON)
        assert (done, consumer.unacked, len(left_for_others)) == (set(), 3, 7)
        await left_for_others[0].nack()
        await held[1].ack()
        return held[0].body, (await fourth).body == left_for_others[0].body, consumer.unacked

    assert queues.run(scenario) == (0, True, 3)


def test_a_loop_handles_each_message_once_in_order(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        for n in range(12):
            await charges.send(n)
        done, consumer = [], charges.consume(prefetch=5, wait=queues.moment)
        async for delivery in consumer:
            done.append(delivery.body)
            await delivery.ack()
            if len(done) == 12:
                await consumer.stop()
        return done

    assert queues.run(scenario) == list(range(12))


def test_a_stop_gives_back_what_was_fetched_ahead_and_waits_for_what_is_in_hands(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        for n in range(5):
            await charges.send(n)
        consumer = charges.consume(prefetch=5, wait=queues.moment)
        in_hands = await anext(consumer)
        stopping = asyncio.create_task(consumer.stop())
        back = [await broker.queue(charges.name).receive(wait=SOON) for _ in range(4)]
        assert not stopping.done()
        await in_hands.ack()
        return await stopping, sorted(delivery.body for [delivery] in back)

    assert queues.run(scenario) == (0, [1, 2, 3, 4])


def test_with_drain_a_stop_lets_what_was_fetched_ahead_be_handled(queues):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        for n in range(3):
            await charges.send(n)
        consumer, done = charges.consume(prefetch=3, wait=queues.moment), []
        first = await anext(consumer)
        stopping = asyncio.create_task(consumer.stop(drain=True))
        await first.ack()
        async for delivery in consumer:
            done.append(delivery.body)
            await delivery.ack()
        return await stopping, done

    assert queues.run(scenario) == (0, [1, 2])


# -- names and arguments -------------------------------------------------------------------------------


def test_a_queue_that_was_never_created_is_refused_by_name(queues):
    async def scenario(broker):
        name = queues.name("nobody")
        with pytest.raises(NoSuchQueue, match=name):
            await broker.queue(name).send("lamp")
        with pytest.raises(NoSuchQueue, match=name):
            await broker.queue(name).receive()

    queues.run(scenario)


def test_a_queue_can_be_created_again_with_the_same_settings_only(queues):
    async def scenario(broker):
        charges, dead = await with_dead_letters(broker, queues, max_receive_count=3)
        settings = {"max_receive_count": 3, "dead_letter_queue": dead.name}
        await broker.create_queue(charges.name, **settings)
        await charges.create(**settings)  # the same, by the queue's own client
        with pytest.raises(QueueExists, match=charges.name):
            await broker.create_queue(charges.name, max_length=7)
        with pytest.raises(QueueExists, match=charges.name):
            await charges.create(max_length=7)
        with pytest.raises(InvalidArgument, match="no operation 'sned'"):
            await charges.ask("sned", {"body": 1})
        await charges.send("still there")
        return await bodies(charges, 1)

    assert queues.run(scenario) == ["still there"]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_receive_count": 0, "dead_letter_queue": "dead"},
        {"max_receive_count": 3},
        {"ttl": -1},
        {"max_length": 0},
        {"overflow": "reject-gently"},
        {"overflow": "dead-letter", "max_length": 3},
        {"dead_letter_queue": "itself"},
        {"prefetch": 3},
    ],
)
def test_settings_that_cannot_hold_are_refused_before_there_is_a_queue(queues, settings):
    async def scenario(broker):
        with pytest.raises((InvalidArgument, TypeError)):
            await broker.create_queue("itself", **settings)

    queues.run(scenario)


@pytest.mark.parametrize(
    "use",
    [
        lambda queue: queue.send({1, 2}),
        lambda queue: queue.send("lamp", headers={"attempt": 1}),
        lambda queue: queue.send("lamp", ttl=-1),
        lambda queue: queue.send("lamp", delay=float("nan")),
        lambda queue: queue.receive(max_messages=0),
        lambda queue: queue.receive(wait=-1),
    ],
    ids=["a body that is not JSON", "a header that is no string", "ttl", "delay", "max_messages", "wait"],
)
def test_a_wrong_argument_is_refused_on_this_side_of_the_wire(queues, use):
    async def scenario(broker):
        charges = await broker.create_queue(queues.name("charges"))
        with pytest.raises(InvalidArgument):
            await use(charges)
        await charges.send("lamp")
        return await bodies(charges, 1)

    assert queues.run(scenario) == ["lamp"]
