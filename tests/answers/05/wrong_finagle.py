"""20 % and 10 a second on top: 80 + 16 + 10 = 106."""

PROMISE = "recovery"
SAYS = "for each request"


class RetryPolicy:
    def __init__(self, *, rng, clock):
        self.rng, self.clock, self.last = rng, clock, 0.0
        self.tokens = 10.0

    def on_first_try(self):
        now = self.clock()
        self.tokens = min(100.0, self.tokens + 0.2 + 10 * (now - self.last))
        self.last = now

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if wait > remaining or self.tokens < 1:
            return None
        self.tokens -= 1
        return wait

    def on_success(self): ...
