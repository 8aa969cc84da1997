import asyncio

import pytest

from minibroker import Broker, InvalidArgument


def shop(**settings):
    broker = Broker(clock=asyncio.get_running_loop().time)
    return broker, broker.create_queue("charges", **settings)


def test_neither_sender_nor_consumer_can_change_what_is_stored(virtually):
    async def scenario():
        _, charges = shop(visibility_timeout=1)
        body, headers = {"items": ["lamp"]}, {"n": "1"}
        await charges.send(body, headers=headers)
        body["items"].append("sender")
        headers["n"] = "sender"
        [first] = await charges.receive()
        first.body["items"].append("consumer")
        first.headers["n"] = "consumer"
        [peeked] = await charges.peek(state="in_flight")
        peeked.body["items"].append("looker")
        await asyncio.sleep(1)
        [again] = await charges.receive()
        return again.body, dict(again.headers)

    assert virtually(scenario()) == ({"items": ["lamp"]}, {"n": "1"})


@pytest.mark.parametrize("body", [{1, 2}, float("nan"), object(), b"bytes"])
def test_what_could_not_travel_is_refused_in_process_too(virtually, body):
    async def scenario():
        with pytest.raises(InvalidArgument, match="only JSON values can travel"):
            await shop()[1].send(body)

    virtually(scenario())


def test_dead_letters_go_back_at_a_rate_and_by_a_predicate(virtually):
    async def scenario():
        broker, charges = shop(dead_letter_queue="dead")
        for n in range(6):
            await charges.send(n)
        for delivery in await charges.receive(max_messages=6):
            await delivery.reject("no")
        moved = await broker.queue("dead").redrive(match=lambda m: m.body != 3, rate=2)
        now = asyncio.get_running_loop().time()
        return [m.body for m in await charges.peek()], len(moved), now

    assert virtually(scenario()) == ([0, 1, 2, 4, 5], 5, 2)


def test_a_redrive_at_a_rate_ends_though_what_it_moves_dies_again(virtually):
    async def scenario():
        broker, charges = shop(dead_letter_queue="dead", ttl=0.5)
        for n in range(3):
            await charges.send(n)
        await asyncio.sleep(1)
        moved = await broker.queue("dead").redrive(rate=1)
        await asyncio.sleep(1)
        return len(moved), [m.deaths[0].count for m in await broker.queue("dead").peek()]

    assert virtually(scenario()) == (3, [2, 2, 2])


def test_a_notebook_shows_a_broker_and_a_snapshot_as_tables(virtually):
    async def scenario():
        broker, charges = shop(dead_letter_queue="dead")
        await charges.send("lamp")
        return repr(broker), broker._repr_html_(), (await charges.snapshot())._repr_html_()

    text, broker, snapshot = virtually(scenario())
    assert text == "Broker(charges: 1, dead: 0)"
    assert '<td style="text-align:left">charges</td><td style="text-align:right">0</td>' in broker
    assert "<caption>Queue charges</caption>" in snapshot
