"""Full jitter, a cap, the right errors: all that the books say, and the storm stays."""

PROMISE = "recovery"
SAYS = "4.0 for each request"


class RetryPolicy:
    def __init__(self, *, rng):
        self.rng = rng

    def on_first_try(self):
        pass

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        return wait if wait <= remaining else None

    def on_success(self): ...
