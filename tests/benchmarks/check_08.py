"""A check of exercise 08: on a right answer, and on wrong ones to their shrunk story."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from classroom import exercises
from classroom.check import Verdict, judge
from tests.benchmarks.measure import Measurement, taken
from tests.repository import ROOT

RIGHT = "odd_key_of_its_own"
WRONG = ("wrong_set_in_memory", "wrong_look_then_write")


def load(name: str) -> ModuleType:
    path = ROOT / "tests" / "answers" / "08" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def verdict(name: str) -> Verdict:
    module = load(name)
    exercise = exercises.load("08")
    return judge(exercise, {answer: getattr(module, answer) for answer in exercise.answers})


def measure() -> list[Measurement]:
    verdict(WRONG[0])  # imports FastAPI and Hypothesis
    measurements = []
    for name in (RIGHT, *WRONG):
        with taken() as took:
            said = str(verdict_ := verdict(name))
        status = "passed" if name == RIGHT else "failed"
        assert verdict_.status == status, said
        each = took.cpu / verdict_.runs * 1e3
        note = f"{name}: {verdict_.runs} runs, {each:.0f} ms each; {took.wall:.1f} s of wall"
        right = name == RIGHT
        what = "a check on a right answer" if right else "a check on a wrong answer, to its story"
        measurements.append(Measurement(what, took.cpu, "s", *((8, 4) if right else (4, 2)), note=note))
    return measurements
