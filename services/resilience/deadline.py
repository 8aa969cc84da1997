"""A deadline: how long somebody still waits for this, handed on from service to service.

Idea      A timeout at each hop begins anew at each hop: four services of 1 s may work for 4 s for a
          customer who left after 2. A deadline is one budget for the whole chain. Each hop hands
          on what *remains* of it, and stops when it is over: nobody waits for the answer any more.
Header    `timeout-remaining-ms`: whole milliseconds from now, rounded down, at most 8 digits. What
          travels is a span and not a time of day, for the clocks of two machines differ.
Not here  HTTP clients and servers (deadline_http.py). Time on the wire is not taken off: the caller
          leaves some for it with `keep`.
Source    gRPC over HTTP2, "grpc-timeout": a span too, of at most 8 digits and a unit. Envoy's
          x-envoy-expected-rq-timeout-ms. SRE book, "Addressing Cascading Failures".
At work   gRPC does all of this by itself: `context.time_remaining()` on the server's side.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

HEADER = "timeout-remaining-ms"
_MILLISECONDS = re.compile(r"[0-9]{1,8}")


class DeadlineExceeded(Exception):
    """The time is up: whoever asked has left. Not a TimeoutError, for another try cannot help."""


def to_header(seconds: float) -> str:
    """A span as the header has it: rounded down, or a chain of services would gain time."""
    return str(min(int(seconds * 1000), 99_999_999))


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A moment on this process's own clock, asyncio's `loop.time()`; only what remains ever leaves it.

    at: seconds on that clock. The deadline is over at `at`, not only after it.
    """

    at: float

    @classmethod
    def after(cls, seconds: float, now: float) -> Deadline:
        """The deadline `seconds` (0 or more, finite) from `now`. ValueError otherwise."""
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise ValueError(f"a deadline is a finite number of seconds from now, 0 or more; got {seconds!r}")
        return cls(now + seconds)

    def remaining(self, now: float) -> float:
        """Seconds that are left; never less than 0."""
        return max(0.0, self.at - now)

    def expired(self, now: float) -> bool:
        return now >= self.at

    def sooner(self, seconds: float, now: float) -> Deadline:
        """This deadline, or `seconds` from now if that is earlier: it can shrink and never grow."""
        return min(self, Deadline.after(seconds, now))

    def headers(self, now: float, *, keep: float = 0.0) -> dict[str, str]:
        """The header that hands on what remains.

        keep: seconds that this hop holds back, for the way and for its own work after the answer.
        """
        return {HEADER: to_header(self.remaining(now + keep))}

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], now: float, *, at_most: float) -> Deadline:
        """What the caller still waits, but never more than `at_most` seconds, this service's own limit.

        Without the header, or with one that is malformed ("", "-5", "1e3", "soon", 9 digits), the
        limit holds alone: a bad header does not fail the request, and nobody works for ever.
        """
        own = cls.after(at_most, now)
        value = next((value for name, value in headers.items() if name.lower() == HEADER), "")
        if not _MILLISECONDS.fullmatch(value.strip()):
            return own
        return own.sooner(int(value) / 1000, now)


@asynccontextmanager
async def enforce(deadline: Deadline) -> AsyncIterator[None]:
    """``async with enforce(deadline):`` cancels the block when the deadline is over: DeadlineExceeded.

    All that the block awaits is cancelled with it, calls to others included. They must be told, too:
    hand the deadline on.
    """
    now = asyncio.get_running_loop().time()
    if deadline.expired(now):
        raise DeadlineExceeded(f"the deadline was over {now - deadline.at:.3f} s before the work began")
    try:
        async with asyncio.timeout_at(deadline.at) as alarm:
            yield
    except TimeoutError:
        if not alarm.expired():
            raise  # somebody else's timeout, inside of the block
        lasted = deadline.at - now
        raise DeadlineExceeded(
            f"the deadline was over after {lasted:.3f} s, before the work was done"
        ) from None
