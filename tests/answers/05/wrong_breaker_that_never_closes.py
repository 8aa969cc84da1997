"""Twenty failures in a row, and no retry ever again."""

PROMISE = "luck"
SAYS = "failed for good"


class RetryPolicy:
    def __init__(self, *, rng):
        self.rng = rng
        self.failures = 0

    def on_first_try(self):
        pass

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        self.failures += 1
        return wait if wait <= remaining and self.failures < 60 else None

    def on_success(self): ...
