"""The wait grows out of the last one."""


class RetryPolicy:
    def __init__(self, *, rng):
        self.rng = rng
        self.tokens = 10.0
        self.previous = 0.05

    def on_first_try(self):
        self.tokens = min(10.0, self.tokens + 0.1)

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        before = 0.05 if attempt == 1 else self.previous
        wait = min(2.0, self.rng.uniform(0.05, 3 * before))
        self.previous = wait
        if wait > remaining or self.tokens < 1:
            return None
        self.tokens -= 1
        return wait

    def on_success(self): ...
