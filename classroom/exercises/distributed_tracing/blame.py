"""What is said of a wrong culprit in exercise 14: which service it was, and what may have been reckoned.

Not here  What is right (traces.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from classroom.pictures.facts import plural, seconds, short
from classroom.pictures.spans import children, self_time
from classroom.world.history import Event
from services.tracing import FinishedSpan


def why_another(event: Event) -> str:
    service, took = event["right"]
    spans = spans_asked(event)
    seen = f"A trace of {plural(len(spans), 'span')} ({event['case']}): the span that worked longest itself "
    seen += f"is one of {service}, {seconds(took)}. "
    if event["error"]:
        return f"{seen}culprit raised {event['error']}"
    said = event["said"]
    if not isinstance(said, list) or len(said) != 2 or not isinstance(said[1], int | float):
        return f"{seen}culprit gave {short(said)}: a pair is wanted, (service, seconds)."
    seen += f"culprit said {said[0]!r}, {said[1]:.3f}. "
    return seen + _slip(spans, str(said[0]), float(said[1]), took)


def _slip(spans: Sequence[FinishedSpan], said: str, number: float, took: float) -> str:
    """What may have been reckoned instead."""
    below = children(spans)
    longest = max(spans, key=lambda span: span.duration)
    if said not in {span.service for span in spans}:
        return (
            "That is no service of this trace; a span's service is span.service, its name is something else."
        )
    if number < 0:
        return "Less than nothing: the children took more than the whole, so something was taken off twice."
    if abs(number - 1000 * took) < 1:
        return "Those are milliseconds; seconds are wanted."
    if any(s.service == said and abs(self_time(s, below.get(s.span_id, ())) - took) < 0.001 for s in spans):
        return "The service is right; the seconds are not." + _other_sum(spans, said, number)
    if abs(number - longest.duration) < 0.001 and said == longest.service:
        return (
            "That is the longest span. It was open all that time; for most of it, it waited for its children."
        )
    if any(s.service == said and abs(self_time(s, below.get(s.span_id, ())) - number) < 0.001 for s in spans):
        took_off = _what_its_children_took(spans, took)
        return f"That is right for that span; the other one worked longer. {took_off}"
    return "Ask of each moment of a span whether at least one of its children was open."


def _other_sum(spans: Sequence[FinishedSpan], said: str, number: float) -> str:
    """Is the number that of who takes the children's times off, one by one?"""
    below = children(spans)
    mine = [span for span in spans if span.service == said]
    if any(
        abs(s.duration - sum(c.duration for c in below.get(s.span_id, ())) - number) < 0.001 for s in mine
    ):
        return (
            " That is the span's time less the sum of its children's: where two of them are open at "
            "once, or one goes on after its parent has ended, the sum is more than the parent waited."
        )
    return " Ask of each moment of the span whether at least one of its children was open."


def _what_its_children_took(spans: Sequence[FinishedSpan], took: float) -> str:
    below = children(spans)
    most = next(s for s in spans if abs(self_time(s, below.get(s.span_id, ())) - took) < 0.001)
    together = sum(child.duration for child in below.get(most.span_id, ()))
    if together > most.duration - took + 0.001:
        return (
            f"Its children took {seconds(together)} in all, and yet it waited only "
            f"{seconds(most.duration - took)} for them: some were open at once, or went on after it had "
            "ended."
        )
    return "It waited for its own children alone, and not for what those set off in others."


def trace_told(event: Event) -> list[str]:
    """The culprit, its children and the span that was blamed: six at most."""
    spans = spans_asked(event)
    below = children(spans)
    said = event["said"][0] if isinstance(event["said"], list) and event["said"] else None
    most = max(spans, key=lambda span: self_time(span, below.get(span.span_id, ())))
    blamed = max(
        (span for span in spans if span.service == said), key=lambda span: span.duration, default=most
    )
    by_id = {span.span_id: span for span in spans}
    near = [most, by_id.get(most.parent_id or "", most), blamed]
    shown = {span.span_id: span for each in near for span in (each, *below.get(each.span_id, ())[:3])}
    lines = []
    for span in sorted(shown.values(), key=lambda each: each.start)[:6]:
        above = by_id.get(span.parent_id or "")
        of = f" (called by {above.service})" if above else ""
        own = seconds(self_time(span, below.get(span.span_id, ())))
        start = spans[0].start
        when = f"{seconds(span.start - start)} to {seconds(span.end - start)}"
        lines.append(f"{span.service}{of}: {when}, itself {own}")
    return lines if len(lines) > 1 else [*lines, "it has no children"]


def agrees(event: Event) -> bool:
    said, (service, took) = event["said"], event["right"]
    pair = isinstance(said, list) and len(said) == 2 and isinstance(said[1], int | float)
    return bool(pair and said[0] == service and abs(said[1] - took) <= 0.001)


def spans_asked(event: Event) -> list[FinishedSpan]:
    """The spans of the trace that `culprit` was asked about, in the order in which they began."""
    found = [FinishedSpan.from_json(each, service=each["service"]) for each in event["spans"]]
    return sorted(found, key=lambda span: (span.start, -span.end))
