"""Six retries a second by the clock, however few requests there are."""

PROMISE = "services"
SAYS = "In the real services"


class RetryPolicy:
    def __init__(self, *, rng, clock):
        self.rng, self.clock, self.second, self.made = rng, clock, 0, 0

    def on_first_try(self):
        pass

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if int(self.clock()) != self.second:
            self.second, self.made = int(self.clock()), 0
        if wait > remaining or self.made >= 6:
            return None
        self.made += 1
        return wait

    def on_success(self): ...
