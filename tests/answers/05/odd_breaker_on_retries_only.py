"""First tries always go out; after twenty failures in a row no retries for 5 s."""


class RetryPolicy:
    def __init__(self, *, rng, clock):
        self.rng, self.clock, self.failures, self.shut_until = rng, clock, 0, 0.0

    def on_first_try(self):
        pass

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        self.failures += 1
        if self.failures >= 20:
            self.failures, self.shut_until = 10, self.clock() + 5
        if wait > remaining or self.clock() < self.shut_until:
            return None
        return wait

    def on_success(self):
        self.failures = 0
