"""The waterfall and the topology: what they say of spans, and of nothing but spans."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, set_span_in_context

from classroom.pictures import Picture, topology, waterfall
from classroom.pictures.palette import look
from classroom.pictures.spans import own_pieces, spans_of
from classroom.world.history import Event
from services.tracing import FinishedSpan, SpanLink
from tests.pictures.boxes import collisions, outside

ONE, OTHER = "4b" * 16, "0a" * 16
HTTP, GRPC = {"http.request.method": "POST"}, {"rpc.system": "grpc"}
PARCELS = {"messaging.system": "minibroker", "messaging.destination.name": "parcels"}


def span(
    number: int, service: str, name: str, start: float, end: float, parent: int = 0, **more: Any
) -> FinishedSpan:
    """A span of the trace ONE, number 1 and parent 0 (none) written as digits."""
    ids = f"{number:016x}", f"{parent:016x}" if parent else None
    made = FinishedSpan(ONE, ids[0], ids[1], service, name, "server", start, end)
    return replace(made, **more)


CALLS = (
    span(1, "ada", "POST", 0, 4.31, kind="client", attributes=HTTP),
    span(2, "orders", "POST /orders", 0.002, 4.308, 1, attributes=HTTP),
    span(3, "orders", "POST", 0.004, 4.1, 2, kind="client", attributes=HTTP),
    span(4, "payments", "POST /charges/{order}", 0.006, 4.09, 3, attributes=HTTP),
    span(5, "payments", "fraud check", 0.01, 4.05, 4, kind="internal"),
    span(6, "orders", "shop.Inventory/Reserve", 0.005, 0.31, 2, kind="client", attributes=GRPC),
    span(7, "inventory", "shop.Inventory/Reserve", 0.007, 0.3, 6, attributes=GRPC),
    span(8, "orders", "send parcels", 4.11, 4.12, 2, kind="producer", attributes=PARCELS),
)
SENT = SpanLink(ONE, CALLS[7].span_id)
CONSUMED = span(9, "shipping", "process parcels", 7.2, 7.5, 8, kind="consumer", attributes=PARCELS)
LINKED = replace(CONSUMED, trace_id=OTHER, parent_id=None, links=(SENT,))
MAIL = span(10, "notifications", "POST /mails", 7.3, 7.4, 9, attributes=HTTP, error="refused")
QUICK = (replace(CALLS[1], parent_id=None, end=0.05), replace(CALLS[7], start=0.04, end=0.05))


@cache
def pictures() -> dict[str, Picture]:
    many = [
        span(n, f"service{n % 7}", "a name that is rather long for its column", n, n + 3)
        for n in range(1, 80)
    ]
    forms = {
        "calls": CALLS,
        "a message as a child": (*CALLS, CONSUMED),
        "a link": (*CALLS, LINKED, replace(MAIL, trace_id=OTHER)),
        "no link": (*CALLS, replace(LINKED, links=())),
        "no parent": (CALLS[1], *CALLS[4:]),
        "a wait": (*QUICK, CONSUMED),
        "a batch": (
            *CALLS,
            replace(LINKED, links=(SENT, SpanLink(ONE, CALLS[6].span_id), SpanLink(OTHER, "f" * 16))),
        ),
        "many": many,
        "one span": CALLS[:1],
    }
    drawn = {f"waterfall of {name}": waterfall(spans, guess="orders") for name, spans in forms.items()}
    return drawn | {f"topology of {name}": topology(spans) for name, spans in forms.items()}


@pytest.mark.parametrize("name", pictures())
def test_no_letters_stand_on_others_or_leave_the_paper(name: str) -> None:
    picture = pictures()[name]
    ElementTree.fromstring(picture.svg)
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture.alt.startswith(picture.title)
    assert picture.text


# ---------------------------------------------------------------- self time


def pieces(*below: tuple[float, float]) -> list[tuple[float, float]]:
    return own_pieces(span(1, "a", "a", 0, 10), [span(2, "b", "b", start, end) for start, end in below])


@pytest.mark.parametrize(
    ("below", "own"),
    [
        ((), [(0, 10)]),
        (((2, 5), (3, 7)), [(0, 2), (7, 10)]),  # they overlap: counted once
        (((2, 9), (3, 4)), [(0, 2), (9, 10)]),  # one inside the other
        (((12, 15),), [(0, 10)]),  # a message that is worked on later
        (((8, 15),), [(0, 8)]),
        (((-2, 3),), [(3, 10)]),  # the clock of the other machine is slow
        (((-5, -1), (0, 10)), []),
    ],
)
def test_the_own_time_of_a_span_is_that_in_which_no_child_was_open(below: Any, own: Any) -> None:
    assert pieces(*below) == own


# ---------------------------------------------------------------- where spans come from


def test_a_run_and_its_events_and_the_spans_themselves_are_one() -> None:
    event = Event(0, 7.5, "shipping", "span", LINKED.to_json())
    other = Event(1, 8.0, "shipping", "commit", {})
    run = SimpleNamespace(history=(event, other))

    assert spans_of(run) == spans_of([event]) == spans_of([LINKED]) == [LINKED]


def test_a_span_of_opentelemetry_is_read_as_it_is() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shipping"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    sent = tracer.start_span("send parcels", kind=SpanKind.PRODUCER, start_time=1_000_000_000)
    child = tracer.start_span("check", context=set_span_in_context(sent), start_time=1_500_000_000)
    child.set_status(Status(StatusCode.ERROR, "no stock"))
    links = [Link(sent.get_span_context())]
    other = tracer.start_span(
        "process parcels", kind=SpanKind.CONSUMER, links=links, start_time=3_000_000_000
    )
    for each in (sent, child, other):
        each.end(4_000_000_000)

    first, second, third = spans_of(exporter.get_finished_spans())

    assert (first.name, first.kind, first.service, first.parent_id) == (
        "send parcels",
        "producer",
        "shipping",
        None,
    )
    assert (first.start, first.end) == (1.0, 4.0)
    assert (second.parent_id, second.trace_id) == (first.span_id, first.trace_id)
    assert second.error == "no stock"
    assert third.links == (SpanLink(first.trace_id, first.span_id),)


def test_what_is_no_span_is_refused() -> None:
    with pytest.raises(TypeError, match="a span is wanted"):
        spans_of([7])


# ---------------------------------------------------------------- the waterfall


def test_the_title_names_the_longest_own_time_and_not_the_longest_span() -> None:
    assert waterfall(CALLS).title == "payments works 4.04 s of 4.31 s: fraud check"


def test_each_span_has_a_line_below_its_parent_with_its_own_time() -> None:
    lines = waterfall(CALLS).text.splitlines()
    assert lines[0] == "trace 4b4b4b: 8 spans"
    assert lines[5] == "        payments fraud check (internal): 10 ms to 4.05 s, itself 4.04 s"


def test_two_traces_are_joined_by_a_link_or_by_nothing() -> None:
    assert waterfall((*CALLS, LINKED)).title == "2 traces, joined by 1 link"
    assert "linked to orders send parcels at 4.11 s" in waterfall((*CALLS, LINKED)).text
    assert waterfall((*CALLS, replace(LINKED, links=()))).title == "2 traces, and nothing that joins them"
    assert "linked to a span that is not here" in waterfall([LINKED]).text


def test_a_lost_parent_is_told() -> None:
    picture = pictures()["waterfall of no parent"]
    assert picture.title == "2 of 5 spans have lost the parent"
    assert picture.text.count("its parent is not here") == 2


def test_time_that_belongs_to_no_span_is_the_finding_where_it_is_the_most() -> None:
    picture = pictures()["waterfall of a wait"]
    assert picture.title == "7.15 s of 7.5 s are in no span: before shipping begins to process parcels"
    assert "waited 7.15 s before it" in picture.text


def test_one_trace_of_several_can_be_drawn_alone() -> None:
    assert waterfall((*CALLS, LINKED), trace=ONE[:6]).title == waterfall(CALLS).title
    with pytest.raises(ValueError, match=r"no span of a trace beef\.\.\."):
        waterfall(CALLS, trace="beef")


def test_what_is_too_much_for_the_drawing_is_counted_and_stands_in_the_text() -> None:
    picture = pictures()["waterfall of many"]
    assert "31 spans more, in the text below" in picture.svg
    assert len(picture.text.splitlines()) == 79 + 2


def test_a_chain_of_thousands_is_drawn_as_far_as_there_is_room() -> None:
    chain = [span(n, "orders", "again", n / 1000, 9, n - 1) for n in range(1, 3001)]
    picture = waterfall(chain)
    assert "2,952 spans more, in the text below" in picture.svg
    assert len(picture.text) < 1_000_000


def test_two_spans_with_one_id_are_both_drawn() -> None:
    again = replace(CALLS[4], name="again")
    assert "again" in waterfall((*CALLS, again)).text


# ---------------------------------------------------------------- the topology


def test_an_arrow_says_how_by_what_how_often_and_how_long() -> None:
    picture = topology((*CALLS, LINKED, replace(MAIL, trace_id=OTHER)))
    assert picture.title == "From ada, 5 services reached, 1 of them by message only"
    assert picture.text.splitlines() == [
        "ada -> orders: call by HTTP, once, median 4.31 s",
        "orders -> payments: call by HTTP, once, median 4.08 s",
        "orders -> inventory: call by gRPC, once, median 0.29 s",
        "orders -> shipping: link by parcels, once, median 0.3 s",
        "shipping -> notifications: call by HTTP, once, median 0.1 s, 1 failed",
    ]


def test_a_message_with_a_parent_is_an_arrow_too() -> None:
    assert "orders -> shipping: message by parcels, once" in topology((*CALLS, CONSUMED)).text


def test_a_sender_that_is_both_parent_and_linked_is_one_arrow() -> None:
    both = replace(CONSUMED, links=(SENT,))
    assert topology((*CALLS, both)).text == topology((*CALLS, CONSUMED)).text


def test_parts_that_nothing_joins_are_the_finding() -> None:
    lost = (*CALLS, replace(LINKED, links=()))
    assert topology(lost).title == "5 services; no span tells who calls shipping"
    island = (*lost, replace(MAIL, trace_id=OTHER))
    assert topology(island).title == "6 services in 2 parts, and no span that joins them"


def test_services_that_call_each_other_in_a_circle_end_the_drawing_too() -> None:
    circle = [
        span(1, "orders", "a", 0, 9),
        span(2, "payments", "b", 1, 8, 1),
        span(3, "orders", "c", 2, 7, 2),
    ]
    assert "payments -> orders" in topology(circle).text


@pytest.mark.parametrize("draw", [waterfall, topology])
def test_a_service_has_the_colour_that_it_has_everywhere(draw: Any) -> None:
    drawing = draw(CALLS).svg
    for name in ("orders", "payments", "inventory"):
        assert f"bop-f-{look(name).colour}-fill" in drawing


@pytest.mark.parametrize("draw", [waterfall, topology])
def test_no_span_is_no_picture(draw: Any) -> None:
    with pytest.raises(ValueError, match="no span"):
        draw([])
