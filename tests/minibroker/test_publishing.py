import asyncio
import json

import pytest

from minibroker import Broker, InvalidArgument, NoSuchQueue, NoSuchTopic, Publisher, http_ask
from minibroker.mqtt.packets import Publish
from tests.minibroker.mqtt.raw import World
from tests.minibroker.test_http import app_on_this_loop, ask


@pytest.fixture
def broker():
    broker = Broker(clock=lambda: 1.0)
    for name in ("billing", "audit"):
        broker.create_queue(name)
    broker.create_topic("history")
    return broker


def test_what_is_bound_by_a_filter_that_fits_gets_it(broker):
    broker.bind("orders/+/placed", queue="billing")
    broker.bind("orders/#", queue="audit")
    broker.bind("#", topic="history")

    lines = broker.publish("orders/7/placed", {"order": 7}, key="7", headers={"trace": "t"})

    assert lines == [
        {"queue": "billing", "id": 1},
        {"queue": "audit", "id": 2},
        {"topic": "history", "partition": 0, "offset": 0},
    ]
    [message] = broker.peek("billing")
    assert (message.body, dict(message.headers)) == (
        {"order": 7},
        {"trace": "t", "subject": "orders/7/placed"},
    )
    assert broker.logs.find("history").fetch(0, 0)[0].key == "7"
    assert broker.publish("stock", 1) == [{"topic": "history", "partition": 0, "offset": 1}]


def test_one_that_is_full_keeps_nobody_else_from_it(broker):
    broker.create_queue("small", max_length=1)
    broker.bind("a", queue="small")
    broker.bind("a", queue="audit")

    assert [line.get("error") for line in broker.publish("a", 1)] == [None, None]
    first, second = broker.publish("a", 2)
    assert (first["queue"], first["error"]) == ("small", "queue_full")
    assert second == {"queue": "audit", "id": 3}


def test_bindings_are_listed_in_order_and_taken_back(broker):
    assert broker.bind("b", queue="audit")
    assert broker.bind("a", topic="history")
    assert not broker.bind("b", queue="audit")
    assert broker.bindings() == [{"filter": "b", "queue": "audit"}, {"filter": "a", "topic": "history"}]
    assert broker.unbind("b", queue="audit")
    assert not broker.unbind("b", queue="audit")
    assert broker.publish("b", 1) == []


def test_a_binding_needs_an_end_that_is_there(broker):
    with pytest.raises(NoSuchQueue):
        broker.bind("a", queue="nobody")
    with pytest.raises(NoSuchTopic):
        broker.bind("a", topic="nothing")
    with pytest.raises(InvalidArgument, match="one end"):
        broker.bind("a")
    with pytest.raises(InvalidArgument, match="one end"):
        broker.bind("a", queue="audit", topic="history")
    with pytest.raises(InvalidArgument, match="last level"):
        broker.bind("a/#/b", queue="audit")
    with pytest.raises(InvalidArgument, match="no wildcards"):
        broker.publish("a/#", 1)
    assert broker.bindings() == []


def test_a_queue_that_is_removed_takes_its_bindings_with_it(broker):
    broker.bind("a", queue="audit")
    broker.bind("a", queue="billing")
    broker.remove_queue("audit")
    assert broker.bindings() == [{"filter": "a", "queue": "billing"}]


def test_a_restart_knows_the_bindings(tmp_path):
    async def run():
        async with Broker(path=tmp_path) as broker:
            broker.create_queue("audit")
            broker.create_topic("history")
            broker.bind("a/#", queue="audit")
            broker.bind("b", topic="history")
            broker.bind("c", queue="audit")
            broker.unbind("c", queue="audit")
        async with Broker(path=tmp_path) as broker:
            assert broker.bindings() == [
                {"filter": "a/#", "queue": "audit"},
                {"filter": "b", "topic": "history"},
            ]
            assert len(broker.publish("a/x", 1)) == 1

    asyncio.run(run())


def test_mqtts_clients_and_the_brokers_own_subjects_are_one_world(virtually):
    async def run():
        world = World()
        world.broker.create_queue("audit")
        world.broker.bind("orders/#", queue="audit")
        ada = await world.connect("ada")
        await ada.subscribe("orders/+", qos=1)
        assert world.broker.publish("orders/7", {"order": 7}) == [{"queue": "audit", "id": 1}]
        assert await ada.payloads() == [b'{"order":7}']
        ada.say(Publish("orders/x/1", b'{"order": 8}'), Publish("orders/x/2", b"text"), Publish("else", b"1"))
        assert [m.body for m in world.broker.peek("audit")] == [{"order": 7}, {"order": 8}, "text"]

    virtually(run())


def test_over_http_one_publishes_binds_and_lists(virtually):
    async def run():
        app = app_on_this_loop()
        status, answer, _ = await ask(app, "POST", "/bind", b'{"filter": "a/#", "queue": "charges"}')
        assert (status, answer) == (200, {"changed": True})
        status, answer, _ = await ask(app, "POST", "/publish", b'{"subject": "a/b", "body": [1]}')
        assert (status, answer) == (200, {"delivered": [{"queue": "charges", "id": 1}]})
        status, answer, _ = await ask(app, "GET", "/bindings")
        assert answer == {"bindings": [{"filter": "a/#", "queue": "charges"}]}
        _, answer, _ = await ask(app, "POST", "/unbind", b'{"filter": "a/#", "queue": "charges"}')
        assert answer == {"changed": True}
        assert (await ask(app, "GET", "/publish"))[0] == 405
        status, answer, _ = await ask(app, "POST", "/publish", b'{"subject": "a/+", "body": 1}')
        assert (status, answer["error"]) == (400, "invalid_argument")
        status, answer, _ = await ask(app, "POST", "/publish", b'{"subject": "a"}')
        assert status == 400 and "needs 'body'" in answer["message"]

    virtually(run())


@pytest.mark.parametrize("over", ["in process", "http"])
def test_a_publisher_does_the_same_in_process_and_over_http(virtually, over):
    async def run():
        app = app_on_this_loop()

        async def post(path: str, body: bytes) -> tuple[int, bytes]:
            status, answer, _ = await ask(app, "POST", path, body)
            return status, json.dumps(answer).encode()

        publisher = app.broker.publisher() if over == "in process" else Publisher(http_ask(post))
        assert await publisher.bind("a/#", queue="charges")
        assert not await publisher.bind("a/#", queue="charges")
        assert await publisher.publish("a", {"n": 1}, headers={"h": "1"}) == [{"queue": "charges", "id": 1}]
        assert await publisher.unbind("a/#", queue="charges")
        assert await publisher.publish("a", 2) == []
        with pytest.raises(NoSuchQueue, match="no queue 'nobody'"):
            await publisher.bind("a", queue="nobody")

    virtually(run())
