"""Ids of traces and spans, drawn from a seeded stream.

Idea      128 random bits name a trace, 64 a span, and nobody needs to be asked whether they are free. From
          node.rng() they are the same in each run of one seed, so that a picture can be compared.
Restart   A stream that began anew would give the ids of the first life again, and two spans would
          be one. A node of a world has another stream in each life (classroom/world/node.py).
At work   Never from a seed: two runs would send their collector the same ids.
          `ids=opentelemetry.sdk.trace.RandomIdGenerator()`.
Not here  An order's number. It is no trace id: the same order's second try is another trace, its
          bits are not random (samplers rely on that), and it tells everybody who sees a header.
"""

from random import Random

from opentelemetry.sdk.trace.id_generator import IdGenerator


class SeededIds(IdGenerator):
    """Ids from `rng`. One object, and so one stream, for each process."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def generate_span_id(self) -> int:
        return self._nonzero(64)

    def generate_trace_id(self) -> int:
        return self._nonzero(128)

    def is_trace_id_random(self) -> bool:
        """Yes: each bit is as likely as not. It sets the flag 02."""
        return True

    def _nonzero(self, bits: int) -> int:
        while not (value := self._rng.getrandbits(bits)):  # all zero means "none"
            pass
        return value
