"""What came of one run of the model, second by second.

Not here  The model (retry_storm.py), its pictures (classroom/pictures/).
"""

from dataclasses import dataclass

WINDOW = 5  # seconds over which a share is taken: long enough to be no accident
ENOUGH = 0.95  # of those who ask are served: the shop is open


@dataclass(frozen=True, slots=True)
class Storm:
    """Counts for each second of a run; what happened in [s, s+1) stands at index s.

    demand:   requests that were begun.
    offered:  tries that reached the server: first ones and retries.
    retries:  that were decided on; each is offered after its wait.
    goodput:  requests that succeeded.
    in_vain:  tries that were served although their caller had left.
    rejected: tries that were answered 503 at once.
    served:   of the requests begun in this second, those that succeeded in the end.
    stall:    when the server stood still, from and to, in seconds.
    capacity: tries a second that the server can serve.
    """

    demand: tuple[int, ...]
    offered: tuple[int, ...]
    retries: tuple[int, ...]
    goodput: tuple[int, ...]
    in_vain: tuple[int, ...]
    rejected: tuple[int, ...]
    served: tuple[int, ...]
    stall: tuple[float, float]
    capacity: float
    deadline: float
    seed: int

    @property
    def lasts(self) -> int:
        return len(self.demand)

    def rate(self, series: tuple[int, ...], start: float, end: float) -> float:
        """The mean of a series a second, over whole seconds from `start` to `end`."""
        part = series[int(start) : int(end)]
        return sum(part) / len(part) if part else 0.0

    def share(self, start: float, end: float) -> float:
        """Of the requests begun from `start` to `end` (seconds), the share that succeeded; 1.0 of none."""
        begun = sum(self.demand[int(start) : int(end)])
        return sum(self.served[int(start) : int(end)]) / begun if begun else 1.0

    @property
    def judged_until(self) -> int:
        """The last requests have not had their time when a run ends; none after this second is judged."""
        return max(0, self.lasts - int(self.deadline))

    @property
    def recovered_after(self) -> int | None:
        """Seconds after the stall until 95 % of those who ask are served, and go on to be; None: never."""
        over = int(-(-self.stall[1] // 1))
        last = self.judged_until - WINDOW
        good = over if over <= last else None
        for second in range(last, over - 1, -1):
            if self.share(second, second + WINDOW) < ENOUGH:
                good = second + 1 if second < last else None
                break
        return None if good is None else good - over
