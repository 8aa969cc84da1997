"""Writes a word that the log does not know."""

from classroom.exercises.sagas.given import Outcome

PROMISE = "completed"
SAYS = "the log does not know the word 'sending'"


async def advance(log, services):
    for step in services.steps:
        await log.write("sending", step.name)
        await services.do(step.name)
    return Outcome.COMPLETED
