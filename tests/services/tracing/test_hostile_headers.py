"""Headers that somebody wrote to do harm, over a simulated network and over sockets: no request fails."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from classroom import live, simulate
from classroom.pictures.spans import spans_of
from services.tracing import FinishedSpan, current_headers, processing, traced

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
MEGABYTE = 1_000_000

Pairs = list[tuple[str, str]]
NEW = {
    "twice": [("traceparent", GOOD), ("Traceparent", GOOD)],
    "a megabyte": [("traceparent", "0" * MEGABYTE)],
    "a megabyte behind a good one": [("traceparent", GOOD + "-" + "0" * MEGABYTE)],
    "of no meaning": [("traceparent", "order-7")],
}
GOES_ON = {
    "flags 03": [("traceparent", f"00-{TRACE}-{SPAN}-03")],
    "a megabyte of tracestate": [("traceparent", GOOD), ("tracestate", "a=" + "b" * MEGABYTE)],
    "a megabyte of spaces": [("traceparent", GOOD), ("tracestate", " " * MEGABYTE + "x")],
    "100,000 members": [("traceparent", GOOD), ("tracestate", ",".join(["a=b"] * 100_000))],
    "tracestate of no meaning": [("traceparent", GOOD), ("tracestate", "=,=;=")],
}


def shop(node: Any) -> FastAPI:
    app = FastAPI()

    @app.get("/headers")
    async def headers() -> dict[str, str]:
        return current_headers()

    return app


def asked(run_it: Any, *requests: Pairs) -> tuple[list[httpx.Response], list[FinishedSpan]]:
    """What a traced service answers a stranger, and the spans that it made of it."""

    async def scenario(world: Any) -> list[httpx.Response]:
        world.start("shop", traced(shop))
        async with world.client("stranger") as http:
            return [await http.get("http://shop/headers", headers=pairs) for pairs in requests]

    run = run_it(scenario)
    run.raise_error()
    return run.result, spans_of(run)


@pytest.mark.parametrize("pairs", NEW.values(), ids=NEW)
def test_a_header_that_does_harm_begins_a_trace_of_its_own(pairs: Pairs) -> None:
    (answer,), (span,) = asked(simulate, pairs)
    assert answer.status_code == 200
    assert (span.parent_id, span.trace_id == TRACE) == (None, False)


@pytest.mark.parametrize("pairs", GOES_ON.values(), ids=GOES_ON)
def test_what_is_well_of_it_is_gone_on_with_and_the_rest_is_not_handed_on(pairs: Pairs) -> None:
    (answer,), (span,) = asked(simulate, pairs)
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert sum(map(len, answer.json().values())) < 600


def test_over_real_sockets_it_is_the_same() -> None:
    """A megabyte is more than the server itself takes, in a header: it says so, and serves the next one."""
    known = [("traceparent", GOOD), ("tracestate", "congo=t61rcWkgMzE")]
    answers, spans = asked(
        live, NEW["twice"], NEW["of no meaning"], NEW["a megabyte"], GOES_ON["flags 03"], known
    )

    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 200]
    assert [span.parent_id for span in spans] == [None, None, SPAN, SPAN]
    assert [span.trace_id == TRACE for span in spans] == [False, False, True, True]
    assert answers[-1].json()["tracestate"] == "congo=t61rcWkgMzE"
    assert answers[-2].json()["traceparent"] == f"00-{TRACE}-{spans[-2].span_id}-03"


@pytest.mark.parametrize("pairs", [pairs for pairs in NEW.values() if len(pairs) == 1])
def test_a_message_with_such_a_header_is_handled_and_links_nobody(pairs: Pairs) -> None:
    async def worker(node: Any) -> None:
        with processing(node.tracing, "parcels", dict(pairs)):
            pass

    async def scenario(world: Any) -> None:
        world.start("worker", traced(worker))
        await world.run_for(1)

    run = simulate(scenario)
    run.raise_error()
    (span,) = spans_of(run)
    assert (span.parent_id, span.links) == (None, ())
