"""Registers each compensation before its step; what never happened may be undone."""

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown


async def until_answered(command, step):
    while True:
        try:
            return await command(step)
        except Unknown:
            continue


async def advance(log, services):
    entries = await log.read()
    said = {entry.step: entry.event for entry in entries}
    registered = [entry.step for entry in entries if entry.event == "undo"]
    back = bool({"refuse", "undone"} & set(said.values()))
    for step in services.steps:
        if back or said.get(step.name) == "done":
            continue
        if step.name not in said:
            await log.write("undo" if step.undo else "start", step.name)
            if step.undo:
                registered.append(step.name)
        try:
            await until_answered(services.do, step.name)
        except Refused:
            await log.write("refuse", step.name)
            back = True
        else:
            await log.write("done", step.name)
    if not back:
        return Outcome.COMPLETED
    for name in reversed(registered):
        if said.get(name) != "undone":
            await until_answered(services.undo, name)
            await log.write("undone", name)
    return Outcome.COMPENSATED
