"""Waits a second before it begins, on the wall clock."""

import time

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown

PROMISE = "completed"
SAYS = "advance raised"


async def until_answered(command, step):
    while True:
        try:
            return await command(step)
        except Unknown:
            continue


async def advance(log, services):
    time.sleep(1)
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

    for step in reversed(services.steps):
        if said.get(step.name) in ("start", "done", "undo"):
            await log.write("undo", step.name)
            await until_answered(services.undo, step.name)
            await log.write("undone", step.name)
    return Outcome.COMPENSATED
