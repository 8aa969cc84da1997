"""`import classroom` in a fresh interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.benchmarks.measure import Measurement
from tests.repository import ROOT

PROGRAM = """
import sys, time
wall, cpu = time.perf_counter(), time.process_time()
import classroom
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
late = [name for name in ("fastapi", "matplotlib", "hypothesis", "IPython", "grpc") if name in sys.modules]
print(cpu, wall, *late)
"""


def once() -> list[str]:
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def measure() -> list[Measurement]:
    once()  # writes the bytecode, where there is none
    answers = [once() for _ in range(5)]
    cpu, wall = (statistics.median(float(answer[column]) for answer in answers) for column in (0, 1))
    late = answers[0][2:]
    note = f"{wall:.2f} s of wall" + (f"; imports {', '.join(late)}, which should come later" if late else "")
    return [Measurement("import classroom", cpu, "s", must=0.5, goal=0.3, note=note)]
