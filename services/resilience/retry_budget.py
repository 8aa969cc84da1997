"""A retry budget: retries are a small share of the requests, whatever happens.

Idea      A cap on attempts bounds what one request does; when *all* fail, 4 attempts are 4 times the
          load. A budget bounds what a client does: each first try puts `ratio` of a token into a
          bucket, each retry takes a whole one. With ratio 0.1 the load grows by a tenth at most.
          The bucket begins full, so that a client with few requests may retry, too.
Bound     Over any T seconds: retries <= burst + ratio * first tries + per_second * T.
Not here  Which requests to retry, and when (retry.py).
Mind      One budget for one *client* of many requests. One for each request bounds nothing, and
          neither does one for each of a thousand clients if each has a burst.
Source    Finagle's RetryBudget: 20 % of the requests and 10 a second. At 80 requests a second that is
          80 + 16 + 10 = 106: too many for who can serve 100. Its tokens also expire after 10 s, so its
          10 a second may come as 100 at once; here `burst` says how many may.
          gRPC (gRFC A6) counts failures: each takes a token of maxTokens, each success puts
          tokenRatio back, and there are no retries while half or less is left.
"""

from __future__ import annotations

from services.resilience.rate_limit import TokenBucket

FINAGLE = {"ratio": 0.2, "per_second": 10.0, "burst": 100.0}  # RetryBudget(**FINAGLE)


class RetryBudget:
    """`now` is handed in: seconds on a clock that does not go back.

    ratio:      retries for each first try.
    burst:      retries that may come at once, after a quiet time.
    per_second: retries a second on top, however few first tries there are.
    """

    def __init__(self, *, ratio: float = 0.1, burst: float = 10.0, per_second: float = 0.0) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError(f"ratio is a share of the first tries, from 0 to 1; got {ratio!r}")
        self.ratio = ratio
        self._bucket = TokenBucket(rate=per_second, burst=burst)

    def deposit(self, now: float) -> None:
        """A first try goes out."""
        self._bucket.put(self.ratio, now)

    def try_withdraw(self, now: float) -> bool:
        """May a retry go out? If so, it is paid for."""
        return self._bucket.try_take(now)

    def balance(self, now: float) -> float:
        """How many retries the bucket would pay for."""
        return self._bucket.tokens(now)
