"""Goes on whatever comes: a refusal is passed over, no answer too."""

from classroom.exercises.sagas.given import Outcome

PROMISE = "undone"
SAYS = "`do charge` was refused"


async def advance(log, services):
    done = {entry.step for entry in await log.read() if entry.event == "done"}
    for step in services.steps:
        if step.name in done:
            continue
        await log.write("start", step.name)
        try:
            await services.do(step.name)
        except Exception:
            pass
        await log.write("done", step.name)
    return Outcome.COMPLETED
