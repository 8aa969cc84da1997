"""A finished span, as it stands in the history.

Idea      A plain value with an end, so that pictures and checks need no SDK, and so that a run's spans are
          part of what can be stored, compared and hashed. `of` makes it from OpenTelemetry's span,
          to_json and from_json are its way through the history (an event of the kind "span").
Not here  A span's events: they stand in the history beside it. Spans that are not finished: a process
          that dies takes them along, as everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from services.tracing.conventions import SERVICE_NAME


@dataclass(frozen=True, slots=True)
class SpanLink:
    """Another span, of any trace, that this one comes from too."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinishedSpan:
    """One piece of work of one service.

    trace_id    32 hex digits, span_id and parent_id 16; parent_id is None for the first of its trace
    kind        "server", "client", "producer", "consumer" or "internal"
    start, end  seconds since the run began
    error       why it failed; None: it did not
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    service: str
    name: str
    kind: str
    start: float
    end: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[SpanLink, ...] = ()
    error: str | None = None

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.start

    @classmethod
    def of(cls, span: ReadableSpan, *, epoch: int = 0) -> "FinishedSpan":
        """OpenTelemetry's span as a value. epoch: nanoseconds since 1970 at which the run began."""
        trace_id, span_id = _ids(span.get_span_context())
        return cls(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=_ids(span.parent)[1] if span.parent is not None else None,
            service=str(span.resource.attributes.get(SERVICE_NAME, "")),
            name=span.name,
            kind=span.kind.name.lower(),
            start=((span.start_time or 0) - epoch) / 1e9,
            end=((span.end_time or 0) - epoch) / 1e9,
            attributes=dict(span.attributes or {}),
            links=tuple(SpanLink(*_ids(one.context), dict(one.attributes or {})) for one in span.links),
            error=None if span.status.is_unset or span.status.is_ok else span.status.description or "failed",
        )

    def to_json(self) -> dict[str, Any]:
        """The span as JSON values; `from_json` turns them back. `service` is the event's node."""
        values: dict[str, Any] = {
            "trace": self.trace_id,
            "span": self.span_id,
            "parent": self.parent_id,
            "name": self.name,
            "span_kind": self.kind,
            "start": self.start,
            "end": self.end,
            "attributes": dict(self.attributes),
        }
        if self.links:
            values["links"] = [[one.trace_id, one.span_id, dict(one.attributes)] for one in self.links]
        if self.error is not None:
            values["error"] = self.error
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, service: str) -> "FinishedSpan":
        """The span that `to_json` wrote."""
        return cls(
            trace_id=values["trace"],
            span_id=values["span"],
            parent_id=values["parent"],
            service=service,
            name=values["name"],
            kind=values["span_kind"],
            start=values["start"],
            end=values["end"],
            attributes=values["attributes"],
            links=tuple(SpanLink(*one) for one in values.get("links", ())),
            error=values.get("error"),
        )


def _ids(context: SpanContext | None) -> tuple[str, str]:
    if context is None:
        return "", ""
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"
