"""A rate limit: a bucket of tokens that fills with time.

Idea      Each request takes a token. Tokens come in at `rate` a second, and the bucket holds `burst`. So
          over any T seconds at most burst + rate * T requests pass: a short burst at once, and the
          rate in the long run.
Not here  A limit for each customer (keep one bucket a customer), a limit shared by many machines. What
          limits work *in progress* rather than its rate is a bulkhead (bulkhead.py).
At work   aiolimiter, which keeps to loop.time() too.
"""

from __future__ import annotations

import asyncio
import math

HAIR = 1e-9  # tokens: ten deposits of 0.1 are one token, whatever binary fractions say


class TokenBucket:
    """`now` is handed in: seconds on any clock that does not go back. The bucket begins full.

    rate:  tokens a second, 0 or more.
    burst: tokens that it holds, more than 0.
    """

    def __init__(self, *, rate: float, burst: float) -> None:
        if not (rate >= 0 and math.isfinite(rate)):
            raise ValueError(f"rate is in tokens a second, 0 or more; got {rate!r}")
        if not (burst > 0 and math.isfinite(burst)):
            raise ValueError(f"burst is a number of tokens, more than 0; got {burst!r}")
        self.rate = rate
        self.burst = burst
        self._tokens = burst
        self._filled_at = -math.inf

    def tokens(self, now: float) -> float:
        """How many there are. Less than 0 if some are promised that have yet to come in (reserve())."""
        if now > self._filled_at:
            if math.isfinite(self._filled_at):
                self._tokens = min(self.burst, self._tokens + self.rate * (now - self._filled_at))
            self._filled_at = now
        return self._tokens

    def put(self, tokens: float, now: float) -> None:
        """Add tokens by hand; what is over `burst` is lost."""
        self._tokens = min(self.burst, self.tokens(now) + tokens)

    def try_take(self, now: float, tokens: float = 1.0) -> bool:
        """Take them if they are there. Nobody waits."""
        if self.tokens(now) < tokens - HAIR:
            return False
        self._tokens -= tokens
        return True

    def reserve(self, now: float, tokens: float = 1.0) -> float:
        """Take them in any case; the seconds until they will have come in. First come, first served.

        ValueError if they never will, since the rate is 0.
        """
        missing = tokens - self.tokens(now)
        if missing > HAIR and self.rate == 0:
            raise ValueError(f"{tokens:g} tokens will never come in at rate=0; {self._tokens:g} are left")
        self._tokens -= tokens
        return missing / self.rate if missing > HAIR else 0.0

    async def take(self, tokens: float = 1.0) -> None:
        """Wait until they are there, on the loop's clock. Whoever is cancelled while waiting has paid."""
        await asyncio.sleep(self.reserve(asyncio.get_running_loop().time(), tokens))
