"""A time to live: what waits too long is not delivered any more.

Idea      A message may have a ttl, and so may its queue; the lower wins, counted from the
          moment when it came into this queue. It is over for a message when it *stands
          at the head* with its time up. So an old message behind a younger one that is
          still good waits until it is its turn: no receive can see the difference, and the
          queue looks at one message instead of all.
Corners   A lease is not cut short: who has the message may finish. Given back, it dies.
          A delay longer than the ttl hides the message until it dies unseen.
          Died of it or of anything else, it leaves its own ttl behind: a dead letter is kept,
          unless the dead-letter queue has a ttl of its own.
Source    RabbitMQ documentation, "Time-To-Live and Expiration": the lower of the two, and dead
          letters lose theirs; there, too, only what reaches the head is expired.
"""

import math

from minibroker.arguments import seconds
from minibroker.ready_line import ReadyLine


class Expiry:
    """The end of each message's time, and when the head must go. Seconds on the queue's clock."""

    def __init__(self, ttl: float | None, line: ReadyLine) -> None:
        self._ttl = math.inf if ttl is None else ttl
        self._line = line
        self.in_use = False  # a queue that never held a message with an end need not look

    def end(self, now: float, ttl: float | None = None) -> float:
        """When a message with this `ttl` (None: none) that comes in now is over; inf for never."""
        lasts = self._ttl
        if ttl is not None:
            lasts = min(lasts, seconds("ttl", ttl, above_zero=True))
        if lasts == math.inf:
            return math.inf
        self.in_use = True
        return now + lasts

    def head_ends(self) -> float:
        """When the time of the message at the head is over; inf if that is never, or nobody is there."""
        if not self.in_use:
            return math.inf
        first = self._line.first()
        return math.inf if first is None else first.expires_at
