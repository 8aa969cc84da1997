"""Stock and money are independent of each other: both are given back at once, then the order is off."""

import asyncio

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown


async def until_answered(command, step):
    while True:
        try:
            return await command(step)
        except Unknown:
            continue


async def advance(log, services):
    said = {entry.step: entry.event for entry in await log.read()}
    back = bool({"refuse", "undo", "undone"} & set(said.values()))
    for step in services.steps:
        if back or said.get(step.name) == "done":
            continue
        if step.name not in said:
            await log.write("start", step.name)
        try:
            await until_answered(services.do, step.name)
        except Refused:
            await log.write("refuse", step.name)
            said[step.name] = "refuse"
            back = True
        else:
            await log.write("done", step.name)
            said[step.name] = "done"
    if not back:
        return Outcome.COMPLETED

    async def undo(name):
        if said.get(name) in ("done", "undo"):
            await log.write("undo", name)
            await until_answered(services.undo, name)
            await log.write("undone", name)

    await asyncio.gather(undo("reserve"), undo("charge"))
    await undo("open")
    return Outcome.COMPENSATED
