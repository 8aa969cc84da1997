"""BrokerApp driven by raw ASGI messages: no server, no HTTP library."""

import asyncio
import json
from typing import Any

import pytest

from minibroker import (
    Broker,
    BrokerApp,
    BrokerError,
    BrokerFault,
    InvalidArgument,
    NoAnswer,
    NoSuchQueue,
    Queue,
    QueueFull,
    StaleReceipt,
    http_call,
)


def app_on_this_loop(**options: Any) -> BrokerApp:
    broker = Broker(clock=asyncio.get_running_loop().time)
    broker.create_queue("charges", visibility_timeout=30, dead_letter_queue="charges-dead")
    return BrokerApp(broker, **options)


async def ask(
    app: BrokerApp, method: str, path: str, *chunks: bytes, hang_up_after: float | None = None
) -> tuple[int, Any, dict[str, str]]:
    """One request; the body in chunks. Status, JSON, headers; status 0 if no answer was sent."""
    incoming = [{"type": "http.request", "body": c, "more_body": True} for c in chunks]
    incoming.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Any] = []

    async def receive() -> Any:
        if incoming:
            return incoming.pop(0)
        if hang_up_after is None:
            await asyncio.get_running_loop().create_future()
        await asyncio.sleep(hang_up_after or 0)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "path": path}, receive, send)
    if not sent:
        return 0, None, {}
    start, body = sent
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(headers["content-length"]) == len(body["body"])
    return start["status"], json.loads(body["body"]), headers


def client(app: BrokerApp, queue: str = "charges") -> Queue:
    async def post(path: str, body: bytes) -> tuple[int, bytes]:
        status, answer, _ = await ask(app, "POST", path, body)
        return status, json.dumps(answer).encode()

    return Queue(queue, http_call(post), consumer="worker-1")


def answering(status: int, body: bytes) -> Queue:
    async def post(path: str, sent: bytes) -> tuple[int, bytes]:
        return status, body

    return Queue("charges", http_call(post))


# -- the client over HTTP --------------------------------------------------------------------------------


def test_a_message_lives_its_whole_life_over_http(virtually):
    async def scenario():
        app = app_on_this_loop()
        charges, dead = client(app), client(app, "charges-dead")
        message_id = await charges.send({"order": 7}, headers={"traceparent": "00-1-2-01"})
        [delivery] = await charges.receive(wait=1)
        assert (delivery.message.id, delivery.body, delivery.receipt) == (message_id, {"order": 7}, "1.1")
        assert delivery.headers == {"traceparent": "00-1-2-01"}
        await delivery.nack(reason="busy")
        [delivery] = await charges.receive()
        await delivery.extend(60)
        await delivery.reject("never")
        [letter] = await dead.peek()
        assert [death.error for death in letter.deaths] == ["never"]
        assert await dead.redrive() == {1: "charges"}
        [delivery] = await charges.receive(visibility_timeout=2)
        await delivery.ack()
        return await charges.snapshot()

    snapshot = virtually(scenario())
    assert (snapshot.depth, snapshot.acked, snapshot.dead_lettered) == (0, 1, 1)


def test_refusals_arrive_as_the_same_typed_errors(virtually):
    async def scenario():
        app = app_on_this_loop()
        with pytest.raises(NoSuchQueue, match="no queue 'chrages'; there are: charges, charges-dead"):
            await client(app, "chrages").send("lamp")
        with pytest.raises(InvalidArgument, match="delay must be"):
            await client(app).send("lamp", delay=-1)
        await client(app).send("lamp")
        [delivery] = await client(app).receive()
        await delivery.ack()
        with pytest.raises(StaleReceipt, match="has left queue"):
            await delivery.ack()
        with pytest.raises(InvalidArgument, match="only JSON values"):
            await client(app).send({1, 2})
        with pytest.raises(InvalidArgument, match="a queue's name"):
            await client(app, "a/b").send(1)

    virtually(scenario())


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (507, b'{"error": "queue_full", "message": "10 of 10"}', QueueFull),
        (418, b'{"error": "of_tomorrow", "message": "?"}', BrokerFault),
        (500, b'{"error": "broker_fault", "message": "?"}', BrokerFault),
        (200, b'{"id": 1', NoAnswer),
        (200, b"[]", NoAnswer),
        (502, b"<html>Bad Gateway</html>", NoAnswer),
        (404, b'{"detail": "Not Found"}', NoAnswer),
        (200, b"\xff\xfe", NoAnswer),
    ],
)
def test_an_answer_that_is_not_whole_or_not_a_brokers_is_no_answer(status, body, error):
    with pytest.raises(BrokerError) as raised:
        asyncio.run(answering(status, body).send("lamp"))

    assert type(raised.value) is error
    assert raised.value.definite == (error is QueueFull)


# -- the app -----------------------------------------------------------------------------------------------


def test_get_lists_the_queues_and_shows_one(virtually):
    async def scenario():
        app = app_on_this_loop()
        await client(app).send("lamp")
        return (await ask(app, "GET", "/queues"))[:2], (await ask(app, "GET", "/queues/charges"))[:2]

    listed, shown = virtually(scenario())
    assert listed == (200, {"queues": ["charges", "charges-dead"]})
    assert (shown[0], shown[1]["ready"]) == (200, 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", "/queues/charges/send", b"{", 400, "this is not JSON"),
        ("POST", "/queues/charges/send", b"\xff", 400, "this is not JSON"),
        ("POST", "/queues/charges/send", b"[" * 100_000, 400, "this is not JSON"),
        ("POST", "/queues/charges/send", b'{"body": NaN}', 400, "NaN is not a JSON value"),
        ("POST", "/queues/charges/send", b'{"body": ' + b"9" * 9999 + b"}", 400, "this is not JSON"),
        ("POST", "/queues/charges/send", b"[]", 400, "a JSON object; got a list"),
        ("POST", "/queues/charges/send", b"", 400, "send needs 'body'"),
        ("POST", "/queues/charges/receive", b'{"wait": "x"}', 400, "wait must be a number"),
        ("POST", "/queues/charges/ack", b'{"receipt": "9.9"}', 409, "has left queue"),
        ("POST", "/queues/chrages/send", b'{"body": 1}', 404, "there are: charges, charges-dead"),
        ("POST", "/queues/charges/sned", b"{}", 404, "no operation 'sned'; there are: create, send"),
        ("GET", "/queues/chrages", b"", 404, "no queue 'chrages'"),
        ("GET", "/", b"", 404, "there are: /queues"),
        ("POST", "/queues/a/b/c", b"", 404, "there are: /queues"),
        ("GET", "/queues/charges/send", b"", 405, "this path takes POST, not GET"),
        ("DELETE", "/queues/charges", b"", 405, "this path takes GET, not DELETE"),
    ],
)
def test_a_bad_request_gets_a_status_and_a_sentence(virtually, method, path, body, status, sentence):
    async def scenario():
        return await ask(app_on_this_loop(), method, path, body)

    got, answer, headers = virtually(scenario())
    assert (got, set(answer)) == (status, {"error", "message"})
    assert sentence in answer["message"]
    assert ("allow" in headers) == (status == 405)


def test_a_body_above_the_limit_is_refused_before_all_of_it_is_read(virtually):
    async def scenario():
        app = app_on_this_loop(max_body=1000)
        status, answer, _ = await ask(app, "POST", "/queues/charges/send", *[b" " * 400] * 1000)
        return status, answer["message"], await client(app).send("x" * 900)

    status, sentence, message_id = virtually(scenario())
    assert (status, message_id) == (413, 1)
    assert "at most 1000 bytes" in sentence


def test_a_body_may_come_in_pieces(virtually):
    async def scenario():
        app = app_on_this_loop()
        await ask(app, "POST", "/queues/charges/send", b'{"bo', b'dy": "l', b'amp"}')
        return (await client(app).peek())[0].body

    assert virtually(scenario()) == "lamp"


def test_a_caller_that_hangs_up_while_it_waits_is_not_leased_the_next_message(virtually):
    async def scenario():
        app = app_on_this_loop()
        gone = asyncio.create_task(
            ask(app, "POST", "/queues/charges/receive", b'{"wait": 20}', hang_up_after=1)
        )
        await asyncio.sleep(2)
        await client(app).send("lamp")
        await asyncio.sleep(1)
        [delivery] = await client(app).receive()
        return (await gone)[0], delivery.receive_count

    assert virtually(scenario()) == (0, 1)


def test_a_caller_that_hangs_up_amid_its_body_sends_nothing(virtually):
    async def scenario():
        app = app_on_this_loop()
        incoming = [{"type": "http.request", "body": b'{"body": 1}', "more_body": True}]

        async def receive():
            return incoming.pop() if incoming else {"type": "http.disconnect"}

        await app({"type": "http", "method": "POST", "path": "/queues/charges/send"}, receive, None)
        return (await client(app).snapshot()).depth

    assert virtually(scenario()) == 0


def test_a_bug_in_the_broker_is_a_500_without_a_stack_trace_and_the_server_sees_the_exception(virtually):
    async def scenario():
        app = app_on_this_loop()
        sent = []

        async def receive():
            return {"type": "http.request", "body": b'{"body": 1}'}

        async def send(message):
            sent.append(message)

        async def broken(*_):
            raise ZeroDivisionError("secret")

        app.broker.call = broken
        with pytest.raises(ZeroDivisionError):
            await app({"type": "http", "method": "POST", "path": "/queues/charges/send"}, receive, send)
        return sent[0]["status"], json.loads(sent[1]["body"])

    status, answer = virtually(scenario())
    assert (status, answer["error"]) == (500, "broker_fault")
    assert "secret" not in answer["message"]


def test_lifespan_is_answered_and_shutdown_closes_the_broker(virtually):
    async def scenario():
        app = app_on_this_loop()
        waiting = asyncio.create_task(app.broker.receive("charges", wait=1000))
        incoming = [{"type": "lifespan.shutdown"}, {"type": "lifespan.startup"}]
        sent = []

        async def receive():
            await asyncio.sleep(1)
            return incoming.pop()

        async def send(message):
            sent.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        return sent, await waiting, asyncio.get_running_loop().time()

    assert virtually(scenario()) == (["lifespan.startup.complete", "lifespan.shutdown.complete"], [], 2)
