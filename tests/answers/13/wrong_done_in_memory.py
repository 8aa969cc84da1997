"""Keeps in memory what is done; the log is written, and never read."""

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Unknown

PROMISE = "resumed"
SAYS = "The service knew its key"


async def until_answered(command, step):
    while True:
        try:
            return await command(step)
        except Unknown:
            continue


done = set()


async def advance(log, services):
    for step in services.steps:
        if step.name not in done:
            await log.write("start", step.name)
            await until_answered(services.do, step.name)
            await log.write("done", step.name)
            done.add(step.name)
    return Outcome.COMPLETED
