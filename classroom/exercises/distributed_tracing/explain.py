"""What is said of a broken promise of exercise 14, computed from the run that broke it.

Not here  Whether a promise is broken (checks.py); what is said of a wrong culprit (blame.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from classroom.checks import Violation
from classroom.exercises.distributed_tracing.blame import agrees, spans_asked, trace_told
from classroom.pictures import Picture, sequence, waterfall
from classroom.pictures.facts import clock, listed, plural, short
from classroom.world.history import Event
from classroom.world.run import Run

HOW = {"HTTP": "over HTTP", "gRPC": "by gRPC", "charges": "by the queue charges", "paid": "by the log paid"}
SHOWN = 26  # spans in the picture of a run; the others stand in its text
READERS = {"HTTP": "orders", "gRPC": "inventory", "charges": "payments", "paid": "shipping"}


def picture(run: Run) -> Picture:
    """The trace that culprit was wrong about; or all spans of the run; or who said what."""
    for event in run.of("asked"):
        if not agrees(event):
            return waterfall(spans_asked(event))
    if not run.of("span"):
        return sequence(run)
    return waterfall(run, title="The spans of this run, as your answers join them", limit=SHOWN)


def story(run: Run, violation: Violation) -> list[str]:
    """What befell the orders that the violation is about, on the hop that it is about, a sentence each."""
    about = set(violation.about)
    if run.of("asked"):
        return trace_told(next(event for event in run.of("asked") if event["case"] in about))
    kinds = ("strange", "handed", "taken", "processed", "fell", "answered")
    events = [e for e in run.of(*kinds) if {e.get("order"), *e.get("orders", ())} & about]
    here = [event for event in events if event.get("by", "HTTP") in about]
    if len(here) < 2:
        here = [event for event in events if event.get("by", "HTTP") in {*about, "HTTP"}]
    return [_event_told(event) for event in here[-8:]]


# -- edges ---------------------------------------------------------------------------------


def why_fell(event: Event, strange: bool) -> str:
    """strange: the headers were such as make no sense."""
    seen = f"{event['answer']} raised at {_batch(event)}, {_how(event)}: {event['error'].rstrip('.')}. "
    if event["answer"] == "inject":
        return f"{seen}The order was not passed on: for want of a trace nothing that Ada pays for may stop."
    lost = "Ada reads 500. "
    if event["by"] not in ("HTTP", "gRPC"):
        lost = (
            "The consumer died of it, with all messages of that batch in its hands, and whoever takes "
            "them next dies of it too. "
        )
    why = "A header is what somebody else wrote: it may be anything, or not there." if strange else ""
    return f"{seen}{lost}{why or 'For want of a trace nothing that Ada pays for may stop.'}"


def why_not_answered(event: Event) -> str:
    return (
        f"Order {event['order']} was not taken: Ada's page got {event['status'] or 'no answer'}. Whatever "
        "is wrong with a trace, the order goes on. The usual reason is a header that the carrier "
        "refuses: HTTP does not mind how its names are written, but a gRPC metadata key is lower case."
    )


def why_illegible(handed: Event, readable: Mapping[str, Any]) -> str:
    sender = f"{handed.node} asks {handed['to']} {_how(handed)}"
    seen = f"{sender} for order {handed['order']}, in its span {handed['span']} of trace {handed['trace']}. "
    wrote = {key: value for key, value in handed["headers"].items() if key not in handed["before"]}
    if not wrote:
        return f"{seen}inject added no header at all, so {handed['to']} cannot know of it."
    seen += f"inject wrote {_headers(wrote)}. "
    if readable["trace"] is None:
        return (
            f"{seen}That is no traceparent that anybody else can read: two digits of version, 32, 16 and 2."
        )
    if readable["trace"] != handed["trace"]:
        return f"{seen}That is another trace: who reads it goes on in {readable['trace']}."
    return f"{seen}The trace is right; the span in it, {readable['span']}, is not the one that calls."


def why_no_edge(handed: Event | None, taken: Event) -> str:
    sent = taken["headers"].get("traceparent", "no traceparent")
    who = f"{handed['to']} was called {_how(handed)}" if handed else "orders was called by a partner's page"
    seen = f"{who} for order {taken['order']}, with the header {sent}. "
    if taken["trace"] is None:
        return (
            f"{seen}extract made nothing of it, so a new trace began there, and the old one ends at the door."
        )
    return f"{seen}extract made trace {taken['trace']} and span {taken['span']} of it, which are not those."


def why_no_link(handed: Event, processed: Event) -> str:
    seen = (
        f"{handed.node} sent order {handed['order']} {_how(handed)}, in its span {_cut(handed['span'])}. "
        f"{handed['to']} took it, alone in its batch. "
    )
    if processed["span"] == handed["span"]:
        return f"{seen}process_span gave a span with that very id: two write one span, and no time is right."
    above = processed["parent"]["span"]
    has = f"the parent {_cut(above)}" if above else "no parent"
    return (
        f"{seen}The span of its work has {has}, and {_links(processed)}: nothing leads back to who sent it."
    )


# -- batches -------------------------------------------------------------------------------


def why_ended(processed: Event) -> str:
    return (
        f"process_span began {processed['name']!r} for {_batch(processed)} at {clock(processed.at)}, and "
        "it had ended before it was given back: `with ... as span: return span` ends it on the way out. "
        "Whoever gets it ends it, when the work is done; as it is, the work took no time at all."
    )


def why_a_parent(processed: Event, sent: Sequence[Event]) -> str:
    seen = f"{READERS[processed['by']]} took {_batch(processed)} {HOW[processed['by']]}. "
    parent = processed["parent"]["span"]
    for each in sent:
        if each["span"] == parent:
            return (
                f"{seen}Its span is a child of the span that sent order {each['order']}: so that "
                "customer's trace holds the work on all of them, and the traces of the others end in the "
                "queue."
            )
    return (
        f"{seen}Its span has the parent {parent}, which sent none of them. Was a span left as the current "
        "one, by a batch before this?"
    )


def why_not_linked(processed: Event, missing: Sequence[Event]) -> str:
    orders = listed(str(each["order"]) for each in missing)
    return (
        f"{READERS[processed['by']]} took {_batch(processed)} {HOW[processed['by']]}. The span of its "
        f"work has {_links(processed)}, and none to the span that sent {orders}: whoever looks for that "
        "order finds a trace that ends in the queue."
    )


# -- sampling, nonsense, others' headers, names ------------------------------------------------


def why_sampled(taken: Event, service: str, wanted: bool) -> str:
    header = taken["headers"]["traceparent"]
    bit = f"The last bit of its flags, {header[-2:]}, is {'set' if wanted else 'not set'}"
    if wanted:
        seen = f"{bit}: the trace shall be kept. {service} left no span of it, so it has a hole there."
    else:
        seen = (
            f"{bit}: the trace shall not be kept. {service} exported a span of it all the same, which is "
            "paid for and belongs to nothing."
        )
    return f"Order {taken['order']} came with {header}. {seen} The other seven bits are about something else."


def why_believed(taken: Event) -> str:
    return (
        f"Order {taken['order']} came with the traceparent {taken['headers'].get('traceparent')!r}, which "
        f"is none. extract made trace {taken['trace']} and span {taken['span']} of it: a parent that "
        "nobody ever wrote, or that is shared by all who send such a thing."
    )


def why_made_up(processed: Event, link: Mapping[str, Any]) -> str:
    return (
        f"{READERS[processed['by']]} took {_batch(processed)} {HOW[processed['by']]}; one of the messages "
        f"bears no traceparent, or one that is none. The span is linked to {link['span']} of trace "
        f"{link['trace']}, which none of them was sent by."
    )


def why_changed(handed: Event) -> str:
    lost = {k: v for k, v in handed["before"].items() if handed["headers"].get(k) != v}
    return (
        f"Before inject the headers for {handed['to']} (order {handed['order']}, {_how(handed)}) held "
        f"{_headers(lost)}; after it they hold {_headers(handed['headers'])}. They are the caller's: a "
        "tenant, a language, a key for idempotency."
    )


def why_named(processed: Event, before: Event, held: str | None) -> str:
    seen = f"The span for {_batch(processed)} {HOW[processed['by']]} is called {processed['name']!r}"
    if held:
        seen += f": {held} stands for this one alone. "
    else:
        seen += f", and for {_batch(before)} it was {before['name']!r}. "
    return (
        f"{seen}Names are what one groups by (how long does it take to process {processed['by']}?): with "
        "an id in them each group holds one span, and the bill grows by each name. What differs is an "
        "attribute."
    )


# -- in words ------------------------------------------------------------------------------


def _event_told(event: Event) -> str:
    if event.kind == "strange":
        return f"an old program sends order {event['order']} {_how(event)}, {_headers(event['headers'])}"
    if event.kind == "handed":
        added = {k: v for k, v in event["headers"].items() if k not in event["before"]}
        who = f"{event.node}, in its span {_cut(event['span'])} of trace {_cut(event['trace'])}"
        return f"{who}, asks {event['to']} {_how(event)}: inject writes {_headers(added)}"
    if event.kind == "taken":
        made = f"span {_cut(event['span'])} of trace {_cut(event['trace'])}" if event["trace"] else "None"
        sent = event["headers"].get("traceparent", "no traceparent")
        return f"{READERS[event['by']]} reads {short(sent, 70)}: extract says {made}"
    if event.kind == "processed":
        above = event["parent"]["span"]
        has = f"parent {_cut(above)}" if above else "no parent"
        return f"{READERS[event['by']]} begins {event['name']!r} for {_batch(event)}: {has}, {_links(event)}"
    if event.kind == "fell":
        return f"{event['answer']} raises {short(event['error'], 90)}"
    return f"order {event['order']} is answered by {event['status'] or 'nothing'}"


def _cut(digits: str) -> str:
    return f"{digits[:6]}…"


def _how(event: Event) -> str:
    return HOW.get(event["by"], event["by"])


def _batch(processed: Event) -> str:
    orders = [str(order) for order in processed["orders"]]
    return f"order {orders[0]}" if len(orders) == 1 else f"the orders {listed(orders)}"


def _links(processed: Event) -> str:
    spans = [_cut(link["span"]) for link in processed["links"]]
    return f"{plural(len(spans), 'link')} ({', '.join(spans)})" if spans else "no link"


def _headers(headers: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {short(value, 70)}" for key, value in headers.items()) or "no header"
