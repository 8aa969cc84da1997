"""The system that exercise 13 attacks: the shop, and a coordinator that calls the answer.

Idea      `advance` is called when the coordinator starts, and so once more after each crash, in a process
          that remembers nothing; and once more when it has returned, as at any later start. What it raises
          nobody catches: the order then stays as it is.
Not here  What is promised (checks.py), and who strikes at it (e13_sagas.py).
"""

import asyncio
from collections.abc import Callable

from classroom.exercises.memory import Memory
from classroom.exercises.sagas.given import TABLE, Log, Overtaken, Services
from classroom.exercises.sagas.shop import shop
from classroom.world.simulated import Scenario
from classroom.world.world import World
from services.node import Factory, Node
from services.saga.states import Event

COORDINATOR = "coordinator"


def coordinator(memory: Memory, written: Callable[[int], None]) -> Factory:
    async def worker(node: Node) -> None:
        for _ in range(2):
            advance = memory.fresh()["advance"]
            try:
                outcome = await advance(Log(node, written=written), Services(node))
            except NotImplementedError as error:
                node.record("unfinished", answer="advance", text=str(error))
                raise
            except Exception as error:
                node.record("halted", error=f"{type(error).__name__}: {error}".strip(": "))
                return
            node.record("outcome", outcome=str(outcome))
            await asyncio.sleep(1.0)

    return worker


def scenario(
    memory: Memory, *, refuses: str | None = None, cancel: int | None = None, lasts: float = 20.0
) -> Scenario:
    """One order.

    refuses: the command that is refused, whoever asks. cancel: Ada calls the order off when the log has so
    many entries, and in the same moment. lasts: seconds that the order has.
    """

    async def an_order(world: World) -> None:
        await world.node("operator").database(COORDINATOR).execute(TABLE)
        for name, factory in shop(refuses=refuses).items():
            world.start(name, factory)
        await world.run_for(0.01)
        so_far = asyncio.Event()

        def written(entries: int) -> None:
            if entries == cancel:
                so_far.set()

        world.start(COORDINATOR, coordinator(memory, written))
        ada = asyncio.create_task(call_off(world.node("ada"), so_far))
        await world.run_for(lasts)
        ada.cancel()

    return an_order


async def call_off(node: Node, when: asyncio.Event) -> None:
    """Ada's cancellation: an entry in the log, before the parcel's command or not at all."""
    await when.wait()
    log = Log(node)
    while True:
        said = await log.read()
        if any(entry.step == "ship" or entry.event == Event.END for entry in said):
            node.record("too_late")
            return
        try:
            await log.write(Event.CANCEL)
            return
        except Overtaken:
            continue
