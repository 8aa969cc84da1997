"""Takes a no for silence: asks again, a hundred times if need be."""

import asyncio

from classroom.exercises.sagas.given import Outcome
from services.saga.commands import Refused, Unknown

PROMISE = "undone"
SAYS = "advance has not returned"


async def advance(log, services):
    done = {entry.step for entry in await log.read() if entry.event == "done"}
    for step in services.steps:
        if step.name in done:
            continue
        await log.write("start", step.name)
        while True:
            try:
                await services.do(step.name)
                break
            except (Refused, Unknown):
                await asyncio.sleep(1)
        await log.write("done", step.name)
    return Outcome.COMPLETED
