"""The bucket belongs to the class, and outlives each object."""

PROMISE = "fresh"
SAYS = "outlives the object"


class RetryPolicy:
    bucket = {"tokens": 10.0}

    def __init__(self, *, rng):
        self.rng = rng

    def on_first_try(self):
        self.bucket["tokens"] = min(10.0, self.bucket["tokens"] + 0.1)

    def delay(self, attempt, failure, remaining):
        if attempt >= 4 or not failure.idempotent or failure.status in (400, 404, 422):
            return None
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if wait > remaining or self.bucket["tokens"] < 1:
            return None
        self.bucket["tokens"] -= 1
        return wait

    def on_success(self): ...
