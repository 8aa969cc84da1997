"""Makes one move at a time, and reads the log anew before each."""

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown


async def advance(log, services):
    while True:
        said = {entry.step: entry.event for entry in await log.read()}
        if {"refuse", "undo", "undone"} & set(said.values()):
            left = [step.name for step in services.steps if said.get(step.name) in ("done", "undo")]
            if not left:
                return Outcome.COMPENSATED
            await move(log, services.undo, left[-1], said.get(left[-1]) == "undo", "undo", "undone")
        else:
            left = [step.name for step in services.steps if said.get(step.name) != "done"]
            if not left:
                return Outcome.COMPLETED
            await move(log, services.do, left[0], left[0] in said, "start", "done")


async def move(log, command, step, begun, before, after):
    if not begun:
        await log.write(before, step)
    try:
        await command(step)
    except Unknown:
        return
    except Refused:
        after = "refuse"
    await log.write(after, step)
