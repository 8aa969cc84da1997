"""Says what is expected, and does nothing."""

from classroom.exercises.sagas.given import Outcome

PROMISE = "completed"
SAYS = "was never answered, or never sent"


async def advance(log, services):
    return Outcome.COMPLETED
