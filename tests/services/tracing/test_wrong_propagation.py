"""Each wrong way to hand a trace on, and what becomes of the trace: it is seen in the spans alone.

Idea      Ada and three services in a row, each of which reads a header and writes one, over the simulated
          network. One rule is broken at a time; the first test is the right way, and the measure.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    ParentBased,
    Sampler,
    TraceIdRatioBased,
)

from classroom import simulate
from classroom.pictures.spans import spans_of, traces, tree
from services.tracing import NEW_TRACE, TRACEPARENT, Tracing, current_headers, extract, link, processing
from tests.world.actors import app

CHAIN = ("ada", "orders", "payments", "bank")


def right(service, headers):
    """Whose child this service's span is, and what it then writes on its own request."""
    return extract(headers), current_headers


def chain(way=right, *, orders=1, **options):
    """The spans of `orders` requests that went through all of CHAIN, each service in this `way`."""

    def service(name, following):
        def start(node):
            tracing, http = Tracing(node, **_of(options, node)), node.client()

            async def asgi(scope, receive, send):
                headers = {key.decode(): value.decode() for key, value in scope["headers"]}

                async def answer(path):
                    return await hop(tracing, http, headers, following, path)

                await app(answer)(scope, receive, send)

            return asgi

        return start

    async def hop(tracing, http, headers, following, path):
        parent, write = way(tracing.node.name, headers)
        with tracing.span("work", parent=parent):
            if following is not None:
                await http.get(f"http://{following}{path}", headers=write())

    async def scenario(world):
        for name, following in zip(CHAIN[1:], (*CHAIN[2:], None), strict=True):
            world.start(name, service(name, following))
        ada = world.node("ada")
        tracing, http = Tracing(ada, **_of(options, ada)), ada.client()
        for order in range(1, orders + 1):
            await hop(tracing, http, {}, CHAIN[1], f"/{order}")

    run = simulate(scenario, seed=7)
    run.raise_error()
    return spans_of(run)


def _of(options, node):
    """The options of one service's Tracing: each of them made for this node."""
    return {name: make(node) for name, make in options.items()}


def parents(found):
    """Service -> the service of its span's parent; "?" where the parent is not to be seen."""
    by_id = {span.span_id: span.service for span in found}
    return {span.service: span.parent_id and by_id.get(span.parent_id, "?") for span in found}


RIGHT = {"ada": None, "orders": "ada", "payments": "orders", "bank": "payments"}


def test_handed_on_as_it_should_be_a_trace_is_one_chain():
    found = chain()
    assert parents(found) == RIGHT
    assert len(traces(found)) == 1


def test_a_header_that_is_copied_instead_of_written_makes_the_callee_the_callers_sister():
    """orders hands on what it got: the span id of its own caller is used again."""

    def copies(service, headers):
        if service == "orders":
            return extract(headers), lambda: {TRACEPARENT: headers[TRACEPARENT]}
        return right(service, headers)

    assert parents(chain(copies)) == {**RIGHT, "payments": "ada"}


def test_a_span_id_that_is_drawn_twice_makes_two_spans_one():
    """A generator that begins anew in each service, as if all of them had one seed."""

    class OneSeed(IdGenerator):
        def __init__(self, node):
            self._rng = Random(1)

        def generate_span_id(self):
            return self._rng.getrandbits(64)

        def generate_trace_id(self):
            return self._rng.getrandbits(128)

    found = chain(ids=OneSeed)
    assert len(found) == 4
    assert max(Counter(span.span_id for span in found).values()) > 1
    assert parents(found) != RIGHT


def test_a_new_trace_at_each_hop_is_as_many_traces_as_services_and_no_edge():
    found = chain(lambda service, headers: (NEW_TRACE, current_headers))
    assert set(parents(found).values()) == {None}
    assert len(traces(found)) == 4


@pytest.mark.parametrize("dropper", CHAIN[:-1])
def test_a_header_that_is_dropped_cuts_the_trace_behind_whoever_dropped_it(dropper):
    def drops(service, headers):
        return (extract(headers), dict) if service == dropper else right(service, headers)

    found = chain(drops)
    behind = CHAIN[CHAIN.index(dropper) + 1]
    assert parents(found) == {**RIGHT, behind: None}
    assert len(traces(found)) == 2


def by_number(service, headers):
    """ada makes the number of order 7 the trace id; a header must name a span, too, so she invents one."""
    made = {TRACEPARENT: f"00-{7:032x}-{1:016x}-01"}
    return right(service, made if service == "ada" else headers)


def test_an_orders_number_as_trace_id_joins_what_has_nothing_to_do_with_each_other():
    """Two tries, an hour or a day apart, are one trace; and its first spans have a parent that never was."""
    found = chain(by_number, orders=2)
    (trace,) = traces(found).values()
    assert [span.service for span in trace].count("ada") == 2
    assert [place.span.service for place in tree(trace) if place.orphan] == ["ada", "ada"]
    assert len(traces(chain(orders=2))) == 2  # as it should be


def test_an_orders_number_as_trace_id_is_not_sampled_by_chance():
    """A ratio looks at the lower bits, which are random in an honest id, and small in a number."""
    half = TraceIdRatioBased(0.5)

    def kept(ids):
        return sum(half.should_sample(None, number, "work").decision.is_sampled() for number in ids)

    rng = Random(7)
    assert kept(range(1, 401)) == 400
    assert 150 < kept(rng.getrandbits(128) for _ in range(400)) < 250


class Coin(Sampler):
    """Sampling per hop: each service asks chance anew, and nobody the header."""

    def __init__(self, node):
        self._rng = node.rng("coin")

    def should_sample(self, parent_context, trace_id, name, *rest, **more):
        chosen = ALWAYS_ON if self._rng.random() < 0.5 else ALWAYS_OFF
        return chosen.should_sample(parent_context, trace_id, name, *rest, **more)

    def get_description(self):
        return "Coin"


def test_sampling_per_hop_leaves_hardly_a_trace_whole():
    found = traces(chain(orders=64, sampler=Coin))
    whole = [spans for spans in found.values() if len(spans) == 4]
    torn = [spans for spans in found.values() if any(place.orphan for place in tree(spans))]
    assert len(whole) < 12  # 64 x 0.5^4 = 4 are to be expected
    assert len(torn) > 20


def test_one_decision_for_a_trace_leaves_each_whole_or_none_of_it():
    found = traces(chain(orders=64, sampler=lambda node: ParentBased(Coin(node))))
    assert {len(spans) for spans in found.values()} == {4}
    assert 16 < len(found) < 48


def test_a_batch_whose_parent_is_the_first_message_has_forgotten_all_others():
    async def scenario(world):
        tracing, sent = Tracing(world.node("ada")), []
        for _ in range(3):
            with tracing.span("send", parent=NEW_TRACE):
                sent.append(current_headers())
        with tracing.span("wrong", parent=extract(sent[0])):
            pass
        with processing(tracing, "orders", *sent):
            pass
        return [link(headers).context.span_id for headers in sent]

    run = simulate(scenario)
    run.raise_error()
    spans = {span.name: span for span in spans_of(run)}
    first, *others = [f"{number:016x}" for number in run.result]
    wrong, good = spans["wrong"], spans["process orders"]
    assert (wrong.parent_id, wrong.links) == (first, ())
    assert [one.span_id for one in good.links] == [first, *others]
    assert good.parent_id is None
    assert len({one.trace_id for one in good.links}) == 3  # three orders, of which "wrong" would show one
