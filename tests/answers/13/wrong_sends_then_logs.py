"""Writes into the log what it has done, after it has done it."""

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown

PROMISE = "logged"
SAYS = "not a word of open"


async def until_answered(command, step):
    while True:
        try:
            return await command(step)
        except Unknown:
            continue


async def advance(log, services):
    said = {entry.step: entry.event for entry in await log.read()}
    back = bool({"refuse", "undone"} & set(said.values()))
    for step in services.steps:
        if back or said.get(step.name) == "done":
            continue
        try:
            await until_answered(services.do, step.name)
        except Refused:
            said[step.name] = "refuse"
            back = True
        else:
            said[step.name] = "done"
        await log.write(said[step.name], step.name)
    if not back:
        return Outcome.COMPLETED
    for step in reversed(services.steps):
        if said.get(step.name) == "done":
            await until_answered(services.undo, step.name)
            await log.write("undone", step.name)
    return Outcome.COMPENSATED
