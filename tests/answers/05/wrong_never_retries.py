"""Gives up at the first failure: no storm, and no patience."""

PROMISE = "luck"
SAYS = "There was not one retry"


class RetryPolicy:
    def __init__(self, *, rng): ...

    def on_first_try(self): ...

    def delay(self, attempt, failure, remaining):
        return None

    def on_success(self): ...
