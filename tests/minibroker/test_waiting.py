import asyncio

import pytest

from minibroker.waiting import WaitingLine


def test_a_wake_for_one_lets_one_look(virtually):
    async def scenario():
        line, looks = WaitingLine(), []

        async def look(name):
            await line.first(lambda: looks.append(name), wait=20)

        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(look(name))
            await asyncio.sleep(1)
            looks.clear()
            line.wake(1)
            await asyncio.sleep(1)
            after_one = list(looks)
            line.dissolve()
        return after_one, looks[1:], asyncio.get_running_loop().time()

    assert virtually(scenario()) == (["a"], ["a", "b", "c"], 2)


def test_nobody_in_line_is_no_matter():
    line = WaitingLine()

    line.wake(3)
    line.dissolve()

    assert len(line) == 0


def test_who_is_called_and_fails_passes_the_call_on(virtually):
    async def scenario():
        line, there = WaitingLine(), []

        def fail():
            if there:
                raise OSError("disk full")

        failing = asyncio.create_task(line.first(fail, wait=20))
        await asyncio.sleep(0)
        looking = asyncio.create_task(line.first(lambda: list(there), wait=20))
        await asyncio.sleep(1)
        there.append("letter")
        line.wake()
        with pytest.raises(OSError, match="disk full"):
            await failing
        return await looking, asyncio.get_running_loop().time()

    assert virtually(scenario()) == (["letter"], 1)
