import asyncio

import pytest

from minibroker import Broker, InvalidArgument


def shop(**settings):
    broker = Broker(clock=asyncio.get_running_loop().time)
    return broker, broker.create_queue("charges", **settings)


def test_at_most_prefetch_deliveries_are_unacked_and_each_ack_lets_one_more_in(virtually):
    async def scenario():
        _, charges = shop()
        for n in range(10):
            await charges.send(n)
        consumer = charges.consume(prefetch=3)
        held = [await anext(consumer) for _ in range(3)]
        fourth = asyncio.create_task(anext(consumer))
        await asyncio.sleep(5)
        seen = [(await charges.snapshot()).in_flight, fourth.done()]
        await held[1].ack()
        return [*seen, (await fourth).body, consumer.unacked]

    assert virtually(scenario()) == [3, False, 3, 3]


def test_a_loop_handles_each_message_once_in_order(virtually):
    async def scenario():
        _, charges = shop()
        for n in range(25):
            await charges.send(n)
        done = []
        consumer = charges.consume(prefetch=10)
        async for delivery in consumer:
            done.append(delivery.body)
            await delivery.ack()
            if len(done) == 25:
                await consumer.stop()
        return done, (await charges.snapshot()).acked

    assert virtually(scenario()) == (list(range(25)), 25)


def test_stop_gives_back_what_was_fetched_ahead_without_counting_it_and_waits_for_the_handler(virtually):
    async def scenario():
        _, charges = shop(max_receive_count=1, dead_letter_queue="dead")
        for n in range(5):
            await charges.send(n)
        consumer = charges.consume(prefetch=5)

        async def worker():
            async for delivery in consumer:
                await asyncio.sleep(4)
                await delivery.ack()

        working = asyncio.create_task(worker())
        await asyncio.sleep(1)
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.sleep(0)
        back = await charges.snapshot()
        left = await stopping
        await working
        [again] = await charges.receive()
        now = asyncio.get_running_loop().time()
        return back.ready, back.in_flight, left, now, again.receive_count, again.receipt

    assert virtually(scenario()) == (4, 1, 0, 4, 1, "2.2")


def test_with_drain_what_was_fetched_ahead_is_handled_first(virtually):
    async def scenario():
        _, charges = shop()
        for n in range(5):
            await charges.send(n)
        consumer, done = charges.consume(prefetch=3), []

        async def worker():
            async for delivery in consumer:
                await asyncio.sleep(1)
                done.append(delivery.body)
                await delivery.ack()

        working = asyncio.create_task(worker())
        await asyncio.sleep(0.5)
        assert await consumer.stop(drain=True) == 0
        await working
        return done, (await charges.snapshot()).ready

    assert virtually(scenario()) == ([0, 1, 2], 2)


def test_stop_gives_up_after_its_timeout_and_says_how_many_are_left(virtually):
    async def scenario():
        _, charges = shop()
        await charges.send("lamp")
        consumer = charges.consume()
        await anext(consumer)
        return await consumer.stop(timeout=7), asyncio.get_running_loop().time()

    assert virtually(scenario()) == (1, 7)


def test_stop_lets_a_poll_end_and_gives_back_what_it_got(virtually):
    async def scenario():
        broker, charges = shop()
        consumer = charges.consume(wait=10)
        waiting = asyncio.create_task(anext(consumer))
        await asyncio.sleep(1)
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.sleep(1)
        broker.send("charges", "late")
        assert await stopping == 0
        with pytest.raises(StopAsyncIteration):
            await waiting
        return (await charges.snapshot()).ready, asyncio.get_running_loop().time()

    assert virtually(scenario()) == (1, 2)


def test_a_delivery_that_nobody_settles_leaves_the_window_when_its_lease_is_over(virtually):
    async def scenario():
        _, charges = shop(visibility_timeout=5)
        await charges.send("lamp")
        consumer = charges.consume(prefetch=1)
        first, second = await anext(consumer), await anext(consumer)
        return first.receive_count, second.receive_count, asyncio.get_running_loop().time()

    assert virtually(scenario()) == (1, 2, 5)


def test_what_ran_out_while_it_waited_here_is_not_handed_out(virtually):
    async def scenario():
        _, charges = shop(visibility_timeout=5)
        await charges.send("a")
        await charges.send("b")
        consumer = charges.consume(prefetch=2)
        first = await anext(consumer)
        await first.extend(100)
        await asyncio.sleep(6)
        second = await anext(consumer)
        return second.body, second.receive_count

    assert virtually(scenario()) == ("b", 2)


def test_leaving_the_block_gives_back_what_was_fetched_ahead(virtually):
    async def scenario():
        _, charges = shop()
        for n in range(3):
            await charges.send(n)
        async with charges.consume(prefetch=3) as consumer:
            async for delivery in consumer:
                await delivery.ack()
                break
        return [m.body for m in await charges.peek()]

    assert virtually(scenario()) == [1, 2]


@pytest.mark.parametrize("bad", [0, -1, 1.5, "3"])
def test_prefetch_is_a_whole_number_from_1(virtually, bad):
    async def scenario():
        with pytest.raises(InvalidArgument, match="prefetch must be a whole number, 1 or more"):
            shop()[1].consume(prefetch=bad)

    virtually(scenario())
