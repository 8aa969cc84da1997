"""Remembers the last first tries and retries, and compares the two."""

from collections import deque


class RetryPolicy:
    def __init__(self, *, rng):
        self.rng = rng
        self.last = deque(maxlen=400)  # True: a retry

    def on_first_try(self):
        self.last.append(False)

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if wait > remaining or sum(self.last) >= 9 + 0.05 * len(self.last):
            return None
        self.last.append(True)
        return wait

    def on_success(self): ...
