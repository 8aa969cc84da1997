"""Who leads back to whom: over HTTP, a queue and a log, by the header and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

from classroom import simulate
from classroom.world.run import Run
from minibroker import Broker, BrokerApp
from services.messaging.worker import work
from services.tracing import (
    NEW_TRACE,
    FinishedSpan,
    TracedNode,
    Tracing,
    conventions,
    extract,
    inject,
    link,
    processing,
    sender,
    traced,
    traced_handler,
)

GOOD = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"


def broker(node: Any) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue("parcels")
    holder.create_topic("paid", partitions=1)
    return BrokerApp(holder)


def orders(node: Any) -> FastAPI:
    app, http, queue, topic = FastAPI(), node.client(), node.queue("parcels"), node.topic("paid")

    @app.post("/orders/{order}")
    async def place(order: int) -> None:
        await http.post(f"http://payments/charges/{order}")
        await topic.append("ada", {"order": order})
        await queue.send({"order": order})

    return app


def payments(node: Any) -> FastAPI:
    app = FastAPI()

    @app.post("/charges/{order}")
    async def charge(order: int) -> None:
        if order == 13:
            raise HTTPException(503, "no")

    return app


async def shipping(node: Any) -> None:
    async def handle(delivery: Any) -> None:
        await delivery.ack()

    await work(node, node.queue("parcels"), traced_handler(node.tracing, handle))


async def mail(node: Any) -> None:
    consumer = node.topic("paid").consumer("mail", start="earliest")
    while True:
        if records := await consumer.poll(max_records=10, wait=1.0):
            with processing(node.tracing, "paid", *records, group="mail"):
                pass
            await consumer.commit(records[-1])


def run_of(
    *placed: int, headers: dict[str, str] | None = None, **options: Any
) -> tuple[Run, list[FinishedSpan]]:
    async def selling(world: Any) -> list[int]:
        world.start("broker", broker)
        for name, factory in {
            "orders": orders,
            "payments": payments,
            "shipping": shipping,
            "mail": mail,
        }.items():
            world.start(name, traced(factory, **options))
        ada = world.node("ada") if headers is not None else TracedNode(Tracing(world.node("ada"), **options))
        http, answers = ada.client(), []
        for order in placed:
            answer = await http.post(f"http://orders/orders/{order}", headers=headers or {})
            answers.append(answer.status_code)
        await world.run_for(3)
        return answers

    run = simulate(selling)
    run.raise_error()
    return run, [FinishedSpan.from_json(event.data, service=event.node) for event in run.of("span")]


def named(spans: list[FinishedSpan], service: str, name: str) -> FinishedSpan:
    (found,) = [span for span in spans if (span.service, span.name) == (service, name)]
    return found


def test_each_request_is_the_child_of_the_one_that_made_it() -> None:
    _, spans = run_of(7)
    ada, placed = named(spans, "ada", "POST"), named(spans, "orders", "POST /orders/{order}")
    call, charged = named(spans, "orders", "POST"), named(spans, "payments", "POST /charges/{order}")

    assert ada.parent_id is None
    assert [placed.parent_id, call.parent_id, charged.parent_id] == [
        ada.span_id,
        placed.span_id,
        call.span_id,
    ]
    assert len({span.trace_id for span in (ada, placed, call, charged)}) == 1
    assert [span.kind for span in (ada, placed, call, charged)] == ["client", "server", "client", "server"]


@pytest.mark.parametrize(("consumer", "where"), [("shipping", "parcels"), ("mail", "paid")])
def test_a_message_leads_back_to_its_sender_by_a_link_from_a_trace_of_its_own(
    consumer: str, where: str
) -> None:
    _, spans = run_of(7)
    sent, done = named(spans, "orders", f"send {where}"), named(spans, consumer, f"process {where}")

    assert [(one.trace_id, one.span_id) for one in done.links] == [(sent.trace_id, sent.span_id)]
    assert done.parent_id is None and done.trace_id != sent.trace_id
    assert (sent.kind, done.kind) == ("producer", "consumer")


def test_a_batch_links_the_sender_of_each_record() -> None:
    _, spans = run_of(1, 2, 3)
    sent = {span.span_id for span in spans if span.name == "send paid"}
    linked = [one.span_id for span in spans if span.name == "process paid" for one in span.links]
    assert sorted(linked) == sorted(sent) and len(sent) == 3


def test_a_span_lasts_for_as_long_as_its_work_in_the_runs_time() -> None:
    run, spans = run_of(7)
    ada = named(spans, "ada", "POST")
    assert 0 < ada.duration < 1
    assert all(0 <= span.start <= span.end <= run.duration for span in spans)


def test_a_failed_call_fails_the_spans_of_both_and_of_nobody_else() -> None:
    _, spans = run_of(13)
    assert named(spans, "payments", "POST /charges/{order}").error == "503"
    assert named(spans, "orders", "POST").error == "503"
    assert named(spans, "orders", "POST /orders/{order}").error is None


def test_the_same_run_has_the_same_ids_and_no_two_spans_have_one() -> None:
    (one, spans), (other, _) = run_of(7), run_of(7)
    assert one.digest == other.digest
    assert len({span.span_id for span in spans}) == len(spans)


# ---------------------------------------------------------------- what comes from strangers


def test_a_partners_trace_is_gone_on_with() -> None:
    _, spans = run_of(7, headers={"traceparent": GOOD})
    placed = named(spans, "orders", "POST /orders/{order}")
    assert (placed.trace_id, placed.parent_id) == (GOOD[3:35], GOOD[36:52])


@pytest.mark.parametrize("flags", ["00", "02", "fe"])
def test_what_the_first_one_does_not_keep_nobody_keeps(flags: str) -> None:
    _, spans = run_of(7, headers={"traceparent": GOOD[:-2] + flags})
    assert {span.service for span in spans if span.trace_id == GOOD[3:35]} == set()


@pytest.mark.parametrize("flags", ["01", "03", "81"])
def test_one_bit_says_that_it_is_kept(flags: str) -> None:
    _, spans = run_of(7, headers={"traceparent": GOOD[:-2] + flags})
    assert {span.service for span in spans if span.trace_id == GOOD[3:35]} == {"orders", "payments"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        GOOD[:-3],
        f"ff{GOOD[2:]}",
        f"{GOOD}-more",
        GOOD.replace("0af", "xyz"),
        "00-" + "0" * 50,
    ],
)
def test_a_header_that_makes_no_sense_begins_a_trace_and_fails_nothing(header: str) -> None:
    run, spans = run_of(7, headers={"traceparent": header})
    assert run.result == [200]
    assert named(spans, "orders", "POST /orders/{order}").parent_id is None


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name", [name for name in conventions.__all__ if name.startswith(("MESSAGING", "RPC"))]
)
def test_a_name_that_may_still_change_is_the_one_that_the_package_has_today(name: str) -> None:
    group = "messaging" if name.startswith("MESSAGING") else "rpc"
    package = import_module(f"opentelemetry.semconv._incubating.attributes.{group}_attributes")
    assert getattr(conventions, name) == getattr(package, name)


# ---------------------------------------------------------------- a process by itself


@contextmanager
def one_process(inside: Callable[[Tracing], None], **options: Any) -> Iterator[list[FinishedSpan]]:
    async def alone(world: Any) -> None:
        inside(Tracing(world.node("ada"), **options))

    run = simulate(alone)
    run.raise_error()
    yield [FinishedSpan.from_json(event.data, service=event.node) for event in run.of("span")]


def test_a_span_in_a_span_is_its_child_unless_it_shall_be_none() -> None:
    def inside(tracing: Tracing) -> None:
        with tracing.span("outer"):
            with tracing.span("inner"):
                pass
            with tracing.span("apart", parent=NEW_TRACE):
                pass

    with one_process(inside) as spans:
        inner, apart, outer = spans
        assert (inner.parent_id, apart.parent_id) == (outer.span_id, None)


def test_what_a_block_raises_is_the_spans_error() -> None:
    def inside(tracing: Tracing) -> None:
        with pytest.raises(ValueError, match="no lamp"), tracing.span("reserve"):
            raise ValueError("no lamp")

    with one_process(inside) as (span,):
        assert span.error == "ValueError: no lamp"


def test_a_sampler_that_keeps_nothing_leaves_no_span() -> None:
    def inside(tracing: Tracing) -> None:
        with tracing.span("unseen"):
            pass

    with one_process(inside, sampler=ParentBased(ALWAYS_OFF)) as spans:
        assert spans == []


def test_headers_go_out_and_come_back_whoever_holds_them() -> None:
    seen: list[Any] = []

    def inside(tracing: Tracing) -> None:
        with tracing.span("call") as span:
            headers: dict[str, str] = {"tenant": "hotel"}
            inject(headers)
            seen.extend([headers, span.get_span_context()])

    with one_process(inside):
        headers, context = seen
        assert headers["tenant"] == "hotel"
        pairs = [(key.upper().encode(), value.encode()) for key, value in headers.items()]
        for found in (sender(headers), sender(pairs)):
            assert found is not None
            assert (found.trace_id, found.span_id) == (context.trace_id, context.span_id)
        assert sender([*pairs, *pairs]) is None  # which of the two would be the parent?
        assert link({}) is None and extract({}) == {}


def test_several_messages_have_no_one_parent() -> None:
    def inside(tracing: Tracing) -> None:
        with (
            pytest.raises(ValueError, match="2 messages have as many senders"),
            processing(tracing, "parcels", {}, {}, as_parent=True),
        ):
            pass

    with one_process(inside):
        pass
