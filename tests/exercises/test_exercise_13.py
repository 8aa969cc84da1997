"""Exercise 13 beyond its answers: its stages, its log, the shop by itself, and what is asked beyond it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from classroom import exercises, simulate, stretch
from classroom.check import Verdict, judge
from classroom.exercises.sagas.checks import held_at_the_end, is_completed
from classroom.exercises.sagas.explain import entries
from classroom.exercises.sagas.given import TABLE, Log, Outcome, Overtaken, Services
from classroom.exercises.sagas.shop import SAGA, UNDO, held, shop
from classroom.world.run import Run
from services.saga import Refused, Unknown

EXERCISE = exercises.load("13")
ANSWERS = Path(__file__).parents[1] / "answers" / "13"


def judged(name: str, **how: Any) -> Verdict:
    spec = importlib.util.spec_from_file_location(name, ANSWERS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return judge(how.pop("exercise", EXERCISE), {"advance": module.advance}, **how)


# -- the stages ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("wrong_hard_coded", ()),
        ("wrong_sends_then_logs", ()),
        ("wrong_lets_a_refusal_escape", ("A",)),
        ("wrong_oldest_first", ("A",)),
        ("wrong_no_answer_is_a_no", ("A", "B")),
        ("wrong_leaves_the_rest", ("A", "B")),
    ],
)
def test_each_stage_is_earned_by_itself(name: str, stages: tuple[str, ...]) -> None:
    assert judged(name).stages == stages


def test_an_untouched_exercise_makes_one_run_and_says_whose_turn_it_is() -> None:
    async def advance(log: Any, services: Any) -> Outcome:
        raise NotImplementedError("your turn: bring the order to its end")

    found = judge(EXERCISE, {"advance": advance})

    assert (found.status, found.runs, found.stages) == ("unfinished", 1, ())
    assert found.unfinished == (("advance", "your turn: bring the order to its end"),)


def test_a_stage_that_is_left_open_by_its_author_leaves_the_one_before() -> None:
    async def advance(log: Any, services: Any) -> Outcome:
        done = {entry.step for entry in await log.read() if entry.event == "done"}
        for step in services.steps:
            if step.name not in done:
                await log.write("start", step.name)
                try:
                    await services.do(step.name)
                except Refused:
                    raise NotImplementedError("your turn: the way back") from None
                await log.write("done", step.name)
        return Outcome.COMPLETED

    found = judge(EXERCISE, {"advance": advance})

    assert (found.status, found.stages) == ("unfinished", ("A",))
    assert found.unfinished == (("advance", "your turn: the way back"),)


def test_each_promise_belongs_to_a_stage_and_says_which() -> None:
    assert {promise.sentence[:2] for promise in EXERCISE.promises} == {"A:", "B:", "C:"}
    assert all(promise.sentence.startswith(f"{promise.stage}: ") for promise in EXERCISE.promises)


def test_no_sweep_is_so_long_that_it_would_be_thinned() -> None:
    found = judged("odd_undoes_whatever_there_is")

    assert found.status == "passed"
    assert len(found.swept) < 250


# -- the log -------------------------------------------------------------------------------


def with_log(use: Any) -> Any:
    async def scenario(world: Any) -> Any:
        node = world.node("operator")
        await node.database("coordinator").execute(TABLE)
        return await use(node)

    run = simulate(scenario)
    run.raise_error()
    return run.result


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (("begin",), "the log does not know the word 'begin'; it knows: start, done"),
        (("start", "pay"), "no step 'pay'; there are: open, reserve, charge, ship, confirm"),
        (("start",), "no step None"),
        (("end", "ship"), "'end' is about the whole order, and names no step"),
    ],
)
def test_the_log_refuses_what_it_has_no_word_for(entry: tuple[str, ...], says: str) -> None:
    async def use(node: Any) -> None:
        await Log(node).write(*entry)

    with pytest.raises(ValueError, match=says):
        with_log(use)


def test_whoever_writes_without_having_read_what_is_new_is_overtaken() -> None:
    async def use(node: Any) -> list[str]:
        mine, hers = Log(node), Log(node)
        await mine.read()
        await hers.write("cancel")
        with pytest.raises(Overtaken, match="entry 1: read the log again"):
            await mine.write("start", "open")
        await mine.read()
        await mine.write("undo", "open")
        return [entry.event for entry in await hers.read()]

    assert with_log(use) == ["cancel", "undo"]


def test_whoever_has_never_read_it_adds_to_its_end() -> None:
    async def use(node: Any) -> int:
        await Log(node).write("start", "open")
        await Log(node).write("done", "open")
        return len(await Log(node).read())

    assert with_log(use) == 2


# -- the shop ------------------------------------------------------------------------------


def with_shop(use: Any, **options: Any) -> Run:
    async def scenario(world: Any) -> Any:
        for name, factory in shop(**options).items():
            world.start(name, factory)
        await world.run_for(0.01)
        return await use(Services(world.node("coordinator")))

    run = simulate(scenario)
    run.raise_error()
    return run


def test_all_steps_twice_are_done_once() -> None:
    async def use(services: Services) -> None:
        for step in services.steps:
            await services.do(step.name)
            await services.do(step.name)

    assert held_at_the_end(with_shop(use)) == held(completed=True)


def test_all_steps_undone_twice_leave_nothing() -> None:
    async def use(services: Services) -> None:
        for step in UNDO.values():
            await services.do(step)
        for step in UNDO.values():
            await services.undo(step)
            await services.undo(step)

    assert held_at_the_end(with_shop(use)) == held(completed=False)


def test_a_step_that_comes_after_its_compensation_is_refused() -> None:
    async def use(services: Services) -> None:
        await services.undo("charge")
        with pytest.raises(Refused):
            await services.do("charge")

    assert held_at_the_end(with_shop(use)) == held(completed=False)


@pytest.mark.parametrize("step", ["ship", "confirm"])
def test_what_nobody_can_undo_is_refused_at_once(step: str) -> None:
    async def use(services: Services) -> None:
        with pytest.raises(Refused, match="nobody can undo it"):
            await services.undo(step)

    with_shop(use)


def test_no_answer_takes_a_second_even_if_nobody_listens() -> None:
    async def scenario(world: Any) -> float:
        for name, factory in shop().items():
            world.start(name, factory)
        world.crash("payments")
        node = world.node("coordinator")
        with pytest.raises(Unknown):
            await Services(node).do("charge")
        return float(node.now())

    run = simulate(scenario)
    run.raise_error()

    assert run.result == pytest.approx(1.0, abs=0.01)


# -- checks and pictures -----------------------------------------------------------------------


def test_the_log_is_read_by_its_commits_so_a_death_right_after_one_hides_nothing() -> None:
    from classroom.world.faults import Crash

    attack = next(each for each in EXERCISE.attacks(solved()) if each.name == "killed anywhere")
    run = attack.run(Crash("coordinator", after=1))

    first, again = entries(run)[0], run.of("crash")[0]
    assert (first.event, first.step) == ("start", "open")
    assert first.commit.number < again.number


def solved() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("right", ANSWERS / "odd_rereads_the_log.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {"advance": module.advance}


def test_the_board_has_a_column_for_each_service_and_a_line_for_each_entry_and_effect() -> None:
    run = EXERCISE.attacks(solved())[0].run()
    assert EXERCISE.picture is not None

    board = EXERCISE.picture(run)

    assert is_completed("x")(run) == []
    assert board.title.startswith("Advance says COMPLETED of order 7, and it reads 'confirmed'")
    told = board.text.splitlines()
    assert len([line for line in told if " saga log " in line]) == 2 * len(SAGA.steps)
    assert len([line for line in told if " inventory " in line]) == 1


# -- beyond it -----------------------------------------------------------------------------


def test_a_right_answer_need_not_know_of_cancellations_and_is_told_of_them_beyond_the_exercise() -> None:
    found = judged("odd_writes_the_end", exercise=EXERCISE.stretch)

    assert found.status == "failed"
    assert found.broken[0][0].name == "cancelled"
    assert "advance raised Overtaken" in found.broken[0][1].violation.message


def test_the_solution_keeps_what_is_asked_beyond_it(capsys: Any) -> None:
    import json

    solutions = Path(__file__).parents[2] / "solutions" / "13_sagas.ipynb"
    cells = json.loads(solutions.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {
        "Outcome": Outcome,
        "Overtaken": Overtaken,
        "Refused": Refused,
        "Unknown": Unknown,
    }
    exec("".join(next(cell for cell in cells if cell["id"] == "answer-advance")["source"]), names)

    stretch("13", names["advance"])

    assert "all 3 promises kept" in capsys.readouterr().out


def test_where_nothing_is_asked_beyond_an_exercise_it_is_said() -> None:
    with pytest.raises(LookupError, match="nothing is asked beyond exercise 11"):
        stretch("11")
