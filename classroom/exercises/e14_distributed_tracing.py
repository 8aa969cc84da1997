"""Exercise 14: the service that lost the time, and ids that survive each kind of hop."""

from __future__ import annotations

from classroom.adversary import Attack
from classroom.checks import came_to_its_end
from classroom.exercises.distributed_tracing.checks import (
    batches_link_all,
    edges_hold,
    headers_are_left,
    names_hold_no_ids,
    names_the_culprit,
    nonsense_starts_a_trace,
    nothing_falls,
    sampling_is_kept,
    strangers_are_followed,
)
from classroom.exercises.distributed_tracing.explain import picture, story
from classroom.exercises.distributed_tracing.system import Order, shop
from classroom.exercises.distributed_tracing.traces import cases
from classroom.exercises.exercise import Answers, Exercise, Promise
from classroom.exercises.memory import Memory

PROMISES = (
    Promise(
        "self_time",
        "culprit: it names the service whose span has the largest self time, and that time in seconds.",
        "Draw the span as a line and its children below it. Ask of each stretch of the line whether any "
        "child was open: two at once count once, and what a child does after its parent has ended does "
        "not count.",
        stage="A",
    ),
    Promise(
        "edges",
        "inject, extract, process_span: over HTTP, gRPC, queue and log, each span leads back to the one that "
        "caused it.",
        "Follow two ids through one hop: from the context that inject is given, through a header as text, to "
        "what extract gives back. Others, who have not read your code, read and write that header too.",
        stage="B",
    ),
    Promise(
        "sampled",
        "extract, inject: what the first service keeps is kept by each after it, and nothing else is.",
        "The flags are eight bits, written as two hex digits. Ask which of them says 'sampled', and what "
        "yours does with a header that ends in 02, or in 03.",
        stage="B",
    ),
    Promise(
        "batch",
        "process_span: the span of a batch is linked to the sender of each message, and the child of none.",
        "A span has one parent and any number of links. Ask what start_span takes besides a name, what it "
        "takes for a parent if you give none, and who ends the span.",
        stage="B",
    ),
    Promise(
        "malformed",
        "extract, process_span: a header that makes no sense starts a new trace, and fails no request.",
        "Anybody can send you a header. Ask what your extract says to none at all, to one that is too short, "
        "to an id of nothing but zeros, and to letters that are no digits.",
        stage="B",
    ),
    Promise(
        "headers",
        "inject: all other headers stay as they were.",
        "The dict belongs to whoever calls inject, and other things stand in it. Add to it, and take "
        "nothing away.",
        stage="B",
    ),
    Promise(
        "names",
        "process_span: no id stands in a span's name.",
        "Ask how many different names a million orders would make. What differs from order to order can "
        "be an attribute, or a link.",
        stage="B",
    ),
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"
FLAGS = ("01", "00", "03", "02", "81", "fe")  # of orders from a partner's page
TRIO = [Order(1001), Order(1002), Order(1003)]
NONSENSE = (
    "traceparent",
    f"00-{TRACE}-{SPAN}",  # without its flags
    f"00-{TRACE[:16]}-{SPAN}-01",  # half a trace id, as some tools write it
    f"00-{'0' * 32}-{SPAN}-01",  # ids of nothing but zeros mean: none
    f"00-{TRACE}-{'0' * 16}-01",
    f"ff-{TRACE}-{SPAN}-01",  # a version that shall never be
    f"00-{TRACE}-{SPAN}-01-more",  # version 00 has four parts
    f"00-{'xyz' + TRACE[3:]}-{SPAN}-01",
    f"00-{'0_' * 15 + 'a1'}-{SPAN}-01",  # int() reads it
    f"00-{TRACE}-{'+' + SPAN[1:]}-01",  # this too
    f"00-{TRACE}-{SPAN}-0x",
    "-".join("0123456789abcdef") * 12,  # long
)


def attacks(answers: Answers) -> tuple[Attack, ...]:
    memory = Memory(answers)
    always = (edges_hold, batches_link_all, headers_are_left, names_hold_no_ids)
    good = (came_to_its_end("edges"), nothing_falls("edges"), *always)
    pair = [Order(1001), Order(1002)]
    partners = [Order(2000 + n, header=partner(n, flags)) for n, flags in enumerate(FLAGS)]
    strange = [Order(3000 + n, header=header) for n, header in enumerate(NONSENSE)]
    old = [Order(3100 + n, header=header, queued=True) for n, header in enumerate(("", *NONSENSE))]
    mixed = [each for n, odd in enumerate(old) for each in (odd, Order(3200 + n))]
    fails = (came_to_its_end("malformed"), nothing_falls("malformed"), nonsense_starts_a_trace)
    return (
        Attack("traces to read", cases(memory), (came_to_its_end("self_time"), names_the_culprit), stage="A"),
        Attack("one order", shop(memory, [Order(1001)]), good, stage="B"),
        Attack("two orders at once", shop(memory, pair, later(pair)), good, stage="B"),
        Attack("a batch of three", shop(memory, TRIO, later(TRIO), batch=3), good, stage="B"),
        Attack(
            "orders from a partner's page",
            shop(memory, partners, lasts=5.0),
            (*good, strangers_are_followed, sampling_is_kept),
            stage="B",
        ),
        Attack("headers that make no sense", shop(memory, strange, lasts=8.0), (*fails, *always), stage="B"),
        Attack(
            "messages that make no sense",
            shop(memory, mixed, batch=4, lasts=6.0),
            (*fails, *always),
            stage="B",
        ),
    )


def partner(number: int, flags: str) -> str:
    """A traceparent of somebody else, each of a trace of its own."""
    return f"00-{TRACE[:-1]}{number}-{SPAN[:-1]}{number}-{flags}"


def later(burst: list[Order]) -> list[Order]:
    """As many again, a second later."""
    return [Order(order.number + 100) for order in burst]


EXERCISE = Exercise(
    number="14",
    title="Distributed tracing",
    answers=("culprit", "inject", "extract", "process_span"),
    signatures={
        "culprit": "spans",
        "inject": "context, headers",
        "extract": "headers",
        "process_span": "tracer, batch",
    },
    plain=("culprit", "inject", "extract", "process_span"),
    promises=PROMISES,
    attacks=attacks,
    stages=("A", "B"),
    hints=(
        "orders waits for payments for four seconds. Which of the two spans is longer, and which of the two "
        "would you wake up at night? And at the queue: three customers' orders are done at once. Whose trace "
        "does that work belong to?",
        "For culprit, sort a span's children by their start, and look at where the one before has ended. "
        "For the headers, look at the four parts of a traceparent in the lesson and at SpanContext and "
        "TraceFlags. For the batch, look at Link and at the arguments of tracer.start_span.",
        "culprit: walk over the children from the first on; what lies between the end reached so far and "
        "the next start is the span's own, and so is what is left at its end. inject: one header, ids as "
        "32 and 16 hex digits with their zeros, flags as two. extract: match the whole text, refuse "
        "zeros, turn the digits into numbers; None for all else. process_span: extract from each "
        "message, make a Link of each that is there, and start one span without a parent.",
    ),
    picture=picture,
    story=story,
)
