"""Waits by itself, with time.sleep."""

import time

PROMISE = "recovery"
SAYS = "time.sleep"


class RetryPolicy:
    def __init__(self, *, rng):
        self.rng = rng
        self.tokens = 10.0

    def on_first_try(self):
        self.tokens = min(10.0, self.tokens + 0.1)

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if wait > remaining or self.tokens < 1:
            return None
        self.tokens -= 1
        time.sleep(wait)
        return 0.0

    def on_success(self): ...
