"""gRPC's way: each failure costs a token, each success earns a tenth; no retries at half or less."""


class RetryPolicy:
    def __init__(self, *, rng):
        self.rng = rng
        self.tokens = 10.0

    def on_first_try(self):
        pass

    def delay(self, attempt, failure, remaining):
        self.tokens = max(0.0, self.tokens - 1)
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if wait > remaining or self.tokens <= 5:
            return None
        return wait

    def on_success(self):
        self.tokens = min(10.0, self.tokens + 0.1)
