"""The budget of the lesson, from services.resilience, on the clock that is handed in."""

from services.resilience import RetryBudget


class RetryPolicy:
    def __init__(self, *, rng, clock):
        self.rng, self.clock, self.budget = rng, clock, RetryBudget(ratio=0.1, burst=10)

    def on_first_try(self):
        self.budget.deposit(self.clock())

    def delay(self, attempt, failure, remaining):
        transient = failure.status is None or failure.status >= 500
        wait = self.rng.uniform(0, 0.1 * 2 ** (attempt - 1))
        if attempt < 4 and failure.idempotent and transient and wait <= remaining:
            return wait if self.budget.try_withdraw(self.clock()) else None
        return None

    def on_success(self): ...
