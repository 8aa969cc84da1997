"""A whole traced shop under load and faults, and what its messages may look like."""

from __future__ import annotations

import asyncio

import pytest

from classroom import Crash, Drop, simulate
from classroom.pictures.spans import spans_of as spans
from services.messaging.outbox import Outbox, relay, to_queue
from services.tracing import (
    TRACEPARENT,
    TracedQueue,
    TracedTopic,
    Tracing,
    current_headers,
    processing,
    sender,
    traced_client,
)
from tests.services.tracing.shop import broker, open_shop, the


async def one_order(world):
    open_shop(world)
    tracing = Tracing(world.node("ada"))
    async with traced_client(world.client("ada"), tracing) as ada:
        await ada.post("http://orders/orders/7")
    await world.run_for(5)


@pytest.fixture(scope="module")
def run():
    run = simulate(one_order, seed=7)
    run.raise_error()
    return run


def test_no_name_of_a_span_holds_an_id(run):
    assert not [span.name for span in spans(run) if any(sign.isdigit() for sign in span.name)]


def test_attributes_follow_the_conventions(run):
    assert the(run, "POST /charges/{order}").attributes == {
        "http.request.method": "POST", "http.response.status_code": 200, "http.route": "/charges/{order}",
        "server.address": "payments", "server.port": 80, "url.path": "/charges/7", "url.scheme": "http",
    }  # fmt: skip
    assert the(run, "process emails").attributes == {
        "messaging.system": "minibroker", "messaging.operation.name": "process",
        "messaging.operation.type": "process", "messaging.destination.name": "emails",
        "messaging.message.id": "1",
    }  # fmt: skip


def test_without_the_header_nothing_of_the_caller_reaches_the_callee():
    """An untraced client in a traced caller: in one process, and still no trace."""

    async def scenario(world):
        open_shop(world)
        tracing = Tracing(world.node("ada"))
        with tracing.span("shopping"):
            async with world.client("ada") as ada:
                await ada.post("http://payments/charges/7")

    run = simulate(scenario)
    served, shopping = the(run, "POST /charges/{order}"), the(run, "shopping")
    assert served.parent_id is None
    assert served.trace_id != shopping.trace_id


def test_two_requests_that_are_served_at_once_stay_apart():
    async def scenario(world):
        open_shop(world)
        tracing = Tracing(world.node("ada"))
        async with traced_client(world.client("ada"), tracing) as ada:
            await asyncio.gather(*(ada.post(f"http://orders/orders/{n}") for n in range(20)))
        await world.run_for(5)

    run = simulate(scenario)
    run.raise_error()
    traces = {}
    for span in spans(run):
        if span.name.startswith("POST /"):
            traces.setdefault(span.trace_id, set()).add(span.attributes["url.path"].rpartition("/")[2])
    assert len(traces) == 20
    assert all(len(orders) == 1 for orders in traces.values())


def test_a_lost_answer_is_the_clients_error_and_none_of_the_servers():
    run = simulate(one_order, faults=[Drop("orders", "payments", part="reply", nth=1)])
    client = next(span for span in spans(run) if span.kind == "client" and span.service == "orders")
    assert client.attributes["error.type"] == "ReadTimeout"
    assert the(run, "POST /charges/{order}").error is None


def test_a_500_is_the_servers_error_and_a_404_only_the_clients():
    async def scenario(world):
        open_shop(world)
        async with traced_client(world.client("ada"), Tracing(world.node("ada"))) as ada:
            await ada.get("http://orders/nothing")
            await world.run_for(1)
            await ada.post("http://orders/orders/7")

    run = simulate(scenario, faults=[Crash("payments", at=0.5, down=100)])
    served, asked = the(run, "GET", "server"), the(run, "GET", "client")
    assert (served.error, asked.error) == (None, "404")
    failed = the(run, "POST /orders/{order}")
    ada, orders = (span for span in spans(run) if span.name == "POST")
    assert (failed.attributes["http.response.status_code"], ada.error) == (500, "500")
    assert failed.error.startswith(orders.attributes["error.type"])
    assert orders.attributes["error.type"] == "ConnectError"


def test_a_batch_links_every_source():
    """All 200 of them: the SDK would keep 128 by default."""

    async def scenario(world):
        world.start("broker", broker)
        node = world.node("ada")
        tracing = Tracing(node)
        queue, log = TracedQueue(node.queue("emails"), tracing), TracedTopic(node.topic("orders"), tracing)
        for n in range(5):
            await queue.send(n)
        await log.append_many([(str(n), n) for n in range(200)], partition=0)
        deliveries = await queue.receive(max_messages=5)
        with processing(tracing, "emails", *deliveries):
            pass
        with processing(tracing, "orders", *await log.fetch(0, 0)):
            pass

    run = simulate(scenario)
    for name, made_by, count in (("emails", "send emails", 5), ("orders", "create orders", 200)):
        processed = the(run, f"process {name}")
        sources = {(s.trace_id, s.span_id) for s in spans(run) if s.name == made_by}
        assert {(one.trace_id, one.span_id) for one in processed.links} == sources
        assert len(sources) == processed.attributes["messaging.batch.message_count"] == count
        assert processed.parent_id is None
    assert the(run, "send orders").kind == "client"
    assert len(the(run, "send orders").links) == 200


def test_a_single_message_may_have_its_sender_as_parent():
    async def scenario(world):
        world.start("broker", broker)
        node = world.node("ada")
        tracing = Tracing(node)
        queue = TracedQueue(node.queue("emails"), tracing)
        await queue.send("a")
        (delivery,) = await queue.receive()
        with tracing.span("around"), processing(tracing, "emails", delivery, as_parent=True):
            pass

    run = simulate(scenario)
    sent, processed, around = the(run, "send emails"), the(run, "process emails"), the(run, "around")
    assert (processed.trace_id, processed.parent_id) == (sent.trace_id, sent.span_id)
    assert [one.span_id for one in processed.links] == [sent.span_id, around.span_id]


def test_a_message_without_headers_or_with_malformed_ones_is_handled_all_the_same():
    async def scenario(world):
        tracing = Tracing(world.node("ada"))
        with processing(tracing, "emails", {}, {TRACEPARENT: "x"}):
            pass

    assert the(simulate(scenario), "process emails").links == ()


def test_a_message_from_an_outbox_keeps_the_trace_that_wrote_it():
    async def orders(node):
        tracing = Tracing(node)
        db, outbox = node.database(), Outbox(node.database(), source="orders")
        await outbox.create()
        with tracing.span("place"):
            async with db.transaction():
                await outbox.add("7", {"order": 7}, headers=current_headers())
        await relay(node, outbox, to_queue(TracedQueue(node.queue("emails"), tracing)))

    async def scenario(world):
        world.start("broker", broker)
        world.start("orders", orders)
        await world.run_for(2)
        (message,) = await world.node("ada").queue("emails").peek()
        return f"{sender(message.headers).span_id:016x}"

    run = simulate(scenario)
    placed, sent = the(run, "place"), the(run, "send emails")
    assert run.result == placed.span_id
    assert sent.kind == "client"
    assert [one.span_id for one in sent.links] == [placed.span_id]
