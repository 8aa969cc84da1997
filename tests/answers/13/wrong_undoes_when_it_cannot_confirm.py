"""Cannot confirm the order, so it calls it off."""

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown
from services.saga.steps import Kind

PROMISE = "pivot"
SAYS = "by then the parcel had gone"


async def until_answered(command, step):
    while True:
        try:
            return await command(step)
        except Unknown:
            continue


async def ten_times(command, step):
    for _ in range(10):
        try:
            return await command(step)
        except Unknown:
            continue
    raise Refused("nobody answers")


async def advance(log, services):
    said = {entry.step: entry.event for entry in await log.read()}
    back = bool({"refuse", "undo", "undone"} & set(said.values()))
    for step in services.steps:
        if back or said.get(step.name) == "done":
            continue
        if step.name not in said:
            await log.write("start", step.name)
        try:
            if step.kind is Kind.RETRIABLE:
                await ten_times(services.do, step.name)
            else:
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

    for step in reversed(services.steps):
        if step.undo and said.get(step.name) in ("start", "done", "undo"):
            await log.write("undo", step.name)
            await until_answered(services.undo, step.name)
            await log.write("undone", step.name)
    return Outcome.COMPENSATED
