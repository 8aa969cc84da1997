"""Successes raise the share of retries slowly, failures halve it: AIMD on retries."""


class RetryPolicy:
    def __init__(self, *, rng):
        self.rng = rng
        self.allowance = 10.0

    def on_first_try(self):
        pass

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if wait > remaining or self.allowance < 1:
            return None
        self.allowance -= 1 + self.allowance / 8
        return wait

    def on_success(self):
        self.allowance = min(10.0, self.allowance + 0.1)
