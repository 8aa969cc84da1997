"""Faults are values: they refuse what could never strike, and show themselves as code that runs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classroom.world import faults as module
from classroom.world.faults import Crash, Delay, Drop, Duplicate, ErrorRate, Fault, Partition, Pause, Slow
from classroom.world.simulated import simulate
from classroom.world.world import World

NAMES = {
    name: getattr(module, name)
    for name in "Crash Delay Drop Duplicate ErrorRate Partition Pause Slow".split()
}

names = st.sampled_from(["orders", "payments", "*", 'it\'s "one"\n', "ü"])
times = st.one_of(st.floats(0, 1e9), st.integers(0, 10**6))
spans = st.one_of(times, st.just(math.inf))
moments = st.one_of(
    st.fixed_dictionaries({"at": times}),
    st.fixed_dictionaries({"before": st.integers(1, 10**6)}),
    st.fixed_dictionaries({"after": st.integers(1, 10**6)}),
)
on_a_link = {
    "at": times,
    "lasts": spans,
    "rate": st.floats(0, 1),
    "nth": st.none() | st.integers(1, 10**6),
}
part = {"part": st.sampled_from(["request", "reply"])}


def link_faults(kind: Any, **more: Any) -> st.SearchStrategy[Fault]:
    needed = {"caller": names, "callee": names, **({"by": times} if kind is Delay else {})}
    return st.fixed_dictionaries(needed, optional={**on_a_link, **more}).map(lambda given: kind(**given))


faults = st.one_of(
    st.tuples(names, moments, st.none() | times).map(
        lambda given: Crash(given[0], **given[1], down=given[2])
    ),
    st.tuples(names, moments, spans).map(lambda given: Pause(given[0], **given[1], lasts=given[2])),
    st.fixed_dictionaries(
        {"a": names, "b": names}, optional={"at": times, "lasts": spans, "one_way": st.booleans()}
    ).map(lambda given: Partition(**given)),
    link_faults(Drop, **part),
    link_faults(Delay, **part),
    link_faults(Duplicate),
    link_faults(ErrorRate, status=st.integers(400, 599)),
    st.fixed_dictionaries({"node": names, "by": times}, optional={"at": times, "lasts": spans}).map(
        lambda given: Slow(**given)
    ),
)


@given(faults)
def test_the_repr_of_a_fault_is_the_code_that_makes_it_again(fault: Fault):
    assert eval(repr(fault), {"__builtins__": {"float": float}}, NAMES) == fault


@given(faults)
def test_the_repr_of_a_fault_leaves_out_what_is_at_its_default(fault: Fault):
    shown = repr(fault)

    for field in dataclasses.fields(fault):
        if field.default is not dataclasses.MISSING and getattr(fault, field.name) == field.default:
            assert f"{field.name}=" not in shown.replace("it's", "")


def test_a_fault_shows_itself_as_a_learner_would_write_it():
    assert repr(Crash("orders", at=0.5, down=2)) == "Crash('orders', at=0.5, down=2)"
    assert repr(Drop("ada", "orders", part="reply", nth=2)) == "Drop('ada', 'orders', nth=2, part='reply')"
    assert repr(Pause("orders", at=1, lasts=math.inf)) == "Pause('orders', at=1, lasts=float('inf'))"


def test_a_fault_made_with_a_number_of_numpy_shows_a_plain_one():
    assert repr(Crash("orders", at=np.float64(0.5))) == "Crash('orders', at=0.5)"


def test_faults_are_values():
    assert Crash("orders", at=1) == Crash("orders", at=1.0)
    assert len({Crash("orders", at=1), Crash("orders", at=1)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Crash("orders", at=1).at = 2


BAD: list[tuple[Any, tuple[Any, ...], dict[str, Any], str]] = [
    (Crash, ("a",), {}, "exactly one of"),
    (Crash, ("a",), {"at": 1, "before": 1}, "got at and before"),
    (Crash, ("a",), {"at": -1}, "from 0 up; got -1"),
    (Crash, ("a",), {"at": math.nan}, "got nan"),
    (Crash, ("a",), {"at": math.inf}, "got inf"),
    (Crash, ("a",), {"at": True}, "got True"),
    (Crash, ("a",), {"at": "1"}, "got '1'"),
    (Crash, ("a",), {"before": 0}, "counts effects from 1; got 0"),
    (Crash, ("a",), {"after": 1.5}, "got 1.5"),
    (Crash, ("a",), {"at": 1, "down": -1}, "down is in seconds"),
    (Crash, ("a",), {"at": 1, "down": math.inf}, "got inf"),
    (Pause, ("a",), {"at": 1, "lasts": -1}, "lasts is in seconds"),
    (Pause, ("a",), {"at": 1, "lasts": None}, "got None"),
    (Partition, ("a", "b"), {"lasts": -1}, "lasts is in seconds"),
    (Partition, ("a", "b"), {"at": None}, "got None"),
    (Drop, ("a", "b"), {"rate": 1.1}, "from 0 to 1; got 1.1"),
    (Drop, ("a", "b"), {"rate": "often"}, "got 'often'"),
    (Drop, ("a", "b"), {"nth": 0}, "counts exchanges from 1; got 0"),
    (Drop, ("a", "b"), {"nth": 1.5}, "got 1.5"),
    (Drop, ("a", "b"), {"part": "half"}, "got 'half'"),
    (Delay, ("a", "b"), {"by": -1}, "by is in seconds"),
    (Delay, ("a", "b"), {"by": math.inf}, "got inf"),
    (Delay, ("a", "b"), {"by": 1, "part": "half"}, "got 'half'"),
    (ErrorRate, ("a", "b"), {"status": 200}, "400 to 599; got 200"),
    (ErrorRate, ("a", "b"), {"status": 503.5}, "got 503.5"),
    (Slow, ("a",), {"by": None}, "got None"),
    (Slow, ("a",), {"by": 1, "lasts": -1}, "lasts is in seconds"),
]


@pytest.mark.parametrize("kind, names, options, told", BAD, ids=lambda value: str(value)[:40])
def test_a_fault_that_could_never_strike_is_refused(kind: Any, names: Any, options: Any, told: str):
    with pytest.raises(ValueError) as refused:
        kind(*names, **options)

    assert told in str(refused.value)
    assert str(refused.value).startswith(kind.__name__)


@pytest.mark.parametrize("kind, names", [(Pause, ("a",)), (Delay, ("a", "b")), (Slow, ("a",)), (Crash, ())])
def test_what_a_fault_must_be_told_is_asked_for(kind: Any, names: Any):
    with pytest.raises(TypeError, match="required"):
        kind(*names)


# ---- bad input to simulate() -----------------------------------------------------------------


async def nothing(world: World) -> None:
    pass


@pytest.mark.parametrize(
    "options, told",
    [
        ({"limit": 0}, "limit is in seconds, more than 0; got 0"),
        ({"limit": -1}, "got -1"),
        ({"limit": math.inf}, "got inf"),
        ({"limit": math.nan}, "got nan"),
        ({"limit": "long"}, "got 'long'"),
        ({"patience": 0}, "patience is in seconds, more than 0; got 0"),
        ({"patience": None}, "got None"),
    ],
)
def test_a_limit_or_a_patience_that_is_no_time_is_refused(options: Any, told: str):
    with pytest.raises(ValueError, match=told):
        simulate(nothing, **options)


@pytest.mark.parametrize("faults", [["Crash"], [None], None, 3, [Crash], [(Crash("a", at=1),)]])
def test_what_is_no_fault_is_refused(faults: Any):
    with pytest.raises(TypeError, match=r"such as Crash\('orders', at=1\.0\)"):
        simulate(nothing, faults=faults)


def test_a_single_fault_is_as_good_as_a_list_of_one():
    run = simulate(nothing, faults=Crash("nobody", at=1))  # type: ignore[arg-type]

    assert run.faults == (Crash("nobody", at=1),)


@pytest.mark.parametrize("scenario", [None, 3, "scenario"])
def test_what_is_no_scenario_is_refused(scenario: Any):
    with pytest.raises(TypeError, match="async def scenario"):
        simulate(scenario)


def test_a_scenario_that_was_called_by_mistake_is_told_so():
    called = nothing(None)  # type: ignore[arg-type]

    with pytest.raises(TypeError, match="not yet called"):
        simulate(called)  # type: ignore[arg-type]

    called.close()


def test_a_scenario_that_is_no_async_def_is_the_error_of_its_run():
    def scenario(world: World) -> None:
        pass

    assert isinstance(simulate(scenario).error, TypeError)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_run_for_takes_a_time_that_can_pass(seconds: float):
    async def scenario(world: World) -> None:
        await world.run_for(seconds)

    run = simulate(scenario)

    assert isinstance(run.error, ValueError)
    assert repr(seconds) in str(run.error)


@pytest.mark.parametrize("options", [{"down": -1}, {"down": math.nan}])
def test_a_crash_by_hand_takes_a_time_too(options: Any):
    async def scenario(world: World) -> None:
        world.start("worker", sleeps)
        world.crash("worker", **options)

    assert isinstance(simulate(scenario).error, ValueError)


def test_a_pause_by_hand_takes_a_time_too():
    async def scenario(world: World) -> None:
        world.start("worker", sleeps)
        world.pause("worker", lasts=-1)

    assert isinstance(simulate(scenario).error, ValueError)


async def sleeps(node: Any) -> None:
    import asyncio

    await asyncio.sleep(1)


@pytest.mark.parametrize("built", [None, 3, {}])
def test_a_factory_that_returns_no_service_is_told_what_one_is(built: Any):
    async def scenario(world: World) -> None:
        world.start("orders", lambda node: built)

    run = simulate(scenario)

    assert isinstance(run.error, TypeError)
    assert "'orders': a factory returns an ASGI app" in str(run.error)
