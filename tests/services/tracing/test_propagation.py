"""The header: what goes out, what is read, and what begins a new trace instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import TraceFlags

from classroom.world.simulated import simulate
from services.tracing import NEW_TRACE, Tracing, current_headers, current_trace_id, extract, inject, sender

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def within(body):
    """Call `body(tracing)` within a run, and return what it returned."""

    async def scenario(world):
        return body(Tracing(world.node("ada")))

    run = simulate(scenario)
    run.raise_error()
    return run.result


@pytest.mark.parametrize("name", ["traceparent", "Traceparent", "TRACEPARENT"])
def test_a_header_is_found_whatever_the_case_of_its_name(name):
    assert f"{sender({name: GOOD}).span_id:016x}" == SPAN


def test_pairs_of_bytes_are_read_as_asgi_and_grpc_have_them():
    assert f"{sender([(b'host', b'x'), (b'traceparent', GOOD.encode())]).trace_id:032x}" == TRACE


@pytest.mark.parametrize("flags", ["00", "01", "02", "03", "09", "ff"])
def test_the_sampled_flag_is_one_bit_of_many(flags):
    assert sender({"traceparent": f"00-{TRACE}-{SPAN}-{flags}"}).trace_flags.sampled == bool(
        int(flags, 16) & 1
    )


@pytest.mark.parametrize(
    ("flags", "goes_on_as"), [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03")]
)
def test_the_sampled_flag_is_kept_on_the_way_through_and_unknown_bits_are_not(flags, goes_on_as):
    def through(tracing):
        with tracing.span("hop", parent=extract({"traceparent": f"00-{TRACE}-{SPAN}-{flags}"})):
            return current_headers()["traceparent"]

    version, trace, span, sent = within(through).split("-")
    assert (version, trace, sent) == ("00", TRACE, goes_on_as)
    assert span != SPAN


@pytest.mark.parametrize(
    "bad",
    [
        "", "7", "order-7", GOOD[:-1], GOOD + "0", GOOD + "-", GOOD + "-more", GOOD.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01", f"00-{TRACE}-{SPAN}-zz", f"{GOOD},{GOOD}",
        "é" * 55, "\x00", "0" * 10_000,
    ],
)  # fmt: skip
def test_malformed_input_begins_a_new_trace(bad):
    def through(tracing):
        with tracing.span("hop", parent=extract({"traceparent": bad})):
            return current_trace_id()

    assert sender({"traceparent": bad}) is None
    assert within(through) not in (None, TRACE)


def test_a_header_that_comes_twice_begins_a_new_trace():
    assert sender([("traceparent", GOOD), ("traceparent", GOOD)]) is None


def test_a_later_version_is_read_as_far_as_it_is_known():
    assert f"{sender({'traceparent': f'01-{TRACE}-{SPAN}-01-more'}).trace_id:032x}" == TRACE


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "x"]), st.text() | st.binary())))
def test_no_headers_whatever_raise(pairs):
    extract(pairs)


@given(st.text())
def test_no_tracestate_whatever_loses_the_parent(state):
    assert sender({"traceparent": GOOD, "tracestate": state}) is not None


def test_what_vendors_add_is_handed_on():
    def through(tracing):
        with tracing.span("hop", parent=extract({"traceparent": GOOD, "tracestate": "congo=t61rcWkgMzE"})):
            return current_headers()

    assert within(through)["tracestate"] == "congo=t61rcWkgMzE"


def test_outside_of_all_spans_nothing_is_written():
    headers = {"content-type": "text/plain"}
    inject(headers, NEW_TRACE)
    assert headers == {"content-type": "text/plain"}


def test_our_own_headers_say_that_the_trace_id_is_random():
    def begin(tracing):
        with tracing.span("first"):
            return current_headers()["traceparent"]

    flags = int(within(begin)[-2:], 16)
    assert flags == TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
