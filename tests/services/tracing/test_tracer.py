"""Spans of one service: their times, ids, ends, errors, and where they go."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, TraceIdRatioBased

from classroom import Crash
from classroom.pictures.spans import spans_of as spans
from classroom.pictures.spans import tree
from classroom.world.history import digest
from classroom.world.simulated import simulate
from services.tracing import FinishedSpan, Tracing, current_trace_id


def run_of(body, **options):
    """A run in which `body(tracing)` was awaited in one client's name."""

    async def scenario(world):
        return await body(Tracing(world.node("ada"), **options))

    return simulate(scenario, seed=7)


def test_a_span_lasts_as_long_as_its_block_on_the_virtual_clock():
    async def body(tracing):
        await asyncio.sleep(1)
        with tracing.span("work"):
            await asyncio.sleep(2.5)

    (span,) = spans(run_of(body))
    assert (span.start, span.end) == pytest.approx((1, 3.5), abs=1e-6)
    assert (span.service, span.name, span.kind, span.parent_id) == ("ada", "work", "internal", None)


def test_a_span_within_a_span_is_its_child_and_so_is_one_in_a_task():
    async def body(tracing):
        async def task():
            with tracing.span("task"):
                await asyncio.sleep(1)

        with tracing.span("outer"):
            with tracing.span("inner"):
                pass
            await asyncio.create_task(task())

    found = {span.name: span for span in spans(run_of(body))}
    assert found["inner"].parent_id == found["task"].parent_id == found["outer"].span_id
    assert len({span.trace_id for span in found.values()}) == 1


def test_what_a_block_raises_is_its_error_and_is_raised():
    async def body(tracing):
        with tracing.span("work"):
            raise LookupError("no lamp")

    run = run_of(body)
    assert isinstance(run.error, LookupError)
    (span,) = spans(run)
    assert span.error == "LookupError: no lamp"
    assert span.attributes["error.type"] == "LookupError"


def test_a_cancelled_block_ends_its_span():
    async def body(tracing):
        async def work():
            with tracing.span("work"):
                await asyncio.sleep(100)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work(), 2)

    (span,) = spans(run_of(body))
    assert span.duration == pytest.approx(2, abs=1e-6)
    assert span.attributes["error.type"] == "CancelledError"


def test_a_generator_that_is_left_early_ends_its_span_and_gives_the_context_back():
    async def body(tracing):
        async def numbers():
            with tracing.span("numbers"):
                yield 1
                yield 2

        with tracing.span("around"):
            around = current_trace_id()
            async for _ in (source := numbers()):
                break
            await source.aclose()
            with tracing.span("after"):
                assert current_trace_id() == around

    found = {span.name: span for span in spans(run_of(body))}
    assert found["after"].parent_id == found["around"].span_id
    assert found["numbers"].error is None


def test_the_same_seed_gives_the_same_ids_and_another_seed_others():
    async def scenario(world):
        with Tracing(world.node("ada")).span("work"):
            pass

    one, again, other = (simulate(scenario, seed=seed) for seed in (1, 1, 2))
    assert digest(one.history) == digest(again.history)
    assert spans(one)[0].trace_id != spans(other)[0].trace_id


def test_a_service_that_comes_back_does_not_give_the_ids_of_its_first_life_again():
    async def worker(node):
        tracing = Tracing(node)
        while True:
            with tracing.span("tick"):
                await asyncio.sleep(0.1)

    async def scenario(world):
        world.start("worker", worker)
        await world.run_for(4)

    run = simulate(scenario, faults=[Crash("worker", at=2.05, down=0.5)])
    found = spans(run)
    assert len(found) > 25
    assert len({span.span_id for span in found}) == len({span.trace_id for span in found}) == len(found)


def test_a_span_of_a_process_that_died_is_never_seen_and_nothing_is_logged(caplog):
    async def worker(node):
        tracing = Tracing(node)
        with tracing.span("outer"):
            with tracing.span("done"):
                await asyncio.sleep(1)
            with tracing.span("never"):
                await asyncio.sleep(100)

    async def scenario(world):
        world.start("worker", worker)
        await world.run_for(5)

    with caplog.at_level(logging.DEBUG):
        run = simulate(scenario, faults=[Crash("worker", at=2, down=100)])
    run.raise_error()
    assert [span.name for span in spans(run)] == ["done"]
    assert [place.orphan for place in tree(spans(run))] == [True]
    assert not [record for record in caplog.records if "opentelemetry" in record.name]


def test_what_is_not_sampled_leaves_nothing_but_its_header():
    async def body(tracing):
        with tracing.span("work"):
            return current_trace_id()

    run = run_of(body, sampler=ALWAYS_OFF)
    assert spans(run) == []
    assert re.fullmatch("[0-9a-f]{32}", run.result)


def test_a_ratio_keeps_about_that_share_of_traces():
    async def body(tracing):
        for _ in range(400):
            with tracing.span("work"):
                pass

    kept = len(spans(run_of(body, sampler=TraceIdRatioBased(0.25))))
    assert 60 < kept < 140


def test_other_processors_get_the_same_span_with_times_since_1970():
    exporter = InMemorySpanExporter()

    async def body(tracing):
        await asyncio.sleep(1)
        with tracing.span("work", attributes={"n": 1}):
            await asyncio.sleep(1)

    run = run_of(body, processors=[SimpleSpanProcessor(exporter)], epoch=1_700_000_000)
    (exported,) = exporter.get_finished_spans()
    assert exported.start_time == pytest.approx(1_700_000_001 * 10**9, abs=1000)
    assert exported.resource.attributes == {"service.name": "ada"}
    (span,) = spans(run)
    assert span.start == pytest.approx(1, abs=1e-6)
    assert (span.span_id, span.attributes) == (f"{exported.context.span_id:016x}", {"n": 1})


def test_a_span_survives_its_way_through_the_history():
    async def body(tracing):
        with tracing.span("a") as a, tracing.span("b", attributes={"x": True, "y": 2, "z": "s"}) as b:
            b.add_link(a.get_span_context(), {"of": "a"})

    for span in spans(run_of(body)):
        assert FinishedSpan.from_json(span.to_json(), service="ada") == span
