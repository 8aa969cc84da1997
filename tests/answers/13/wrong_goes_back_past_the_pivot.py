"""Asks three times for each step, the parcel too, and then undoes what is in doubt."""

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown

PROMISE = "pivot"
SAYS = "it had been done"


async def until_answered(command, step):
    while True:
        try:
            return await command(step)
        except Unknown:
            continue


async def three_times(command, step):
    for _ in range(2):
        try:
            return await command(step)
        except Unknown:
            continue
    return await command(step)


async def advance(log, services):
    said = {entry.step: entry.event for entry in await log.read()}
    back = bool({"give_up", "undo", "undone"} & set(said.values()))
    for step in services.steps:
        if back or said.get(step.name) == "done":
            continue
        if step.name not in said:
            await log.write("start", step.name)
        try:
            await three_times(services.do, step.name)
        except (Refused, Unknown):
            await log.write("give_up", step.name)
            said[step.name] = "give_up"
            back = True
        else:
            await log.write("done", step.name)
            said[step.name] = "done"
    if not back:
        return Outcome.COMPLETED

    for step in reversed(services.steps):
        if step.undo and said.get(step.name) in ("give_up", "done", "undo"):
            await log.write("undo", step.name)
            await until_answered(services.undo, step.name)
            await log.write("undone", step.name)
    return Outcome.COMPENSATED
