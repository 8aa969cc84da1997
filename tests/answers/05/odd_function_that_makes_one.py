"""Not a class but a function that gives an object."""


class Budget:
    def __init__(self):
        self.tokens = 10.0

    def earn(self):
        self.tokens = min(10.0, self.tokens + 0.1)

    def pay(self):
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Policy:
    def __init__(self, rng, budget):
        self.rng, self.on_first_try, self.pay = rng, budget.earn, budget.pay

    def delay(self, attempt, failure, remaining):
        if failure.status in (400, 404, 422) or not failure.idempotent or attempt > 3:
            return None
        wait = 0.3 * self.rng.random()
        return wait if wait <= remaining and self.pay() else None

    def on_success(self): ...


def RetryPolicy(*, rng):
    return Policy(rng, Budget())
