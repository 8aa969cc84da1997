"""The classroom: the world that services run in, how it is watched, and how answers are checked.

For notebooks and tests alone; services import nothing from here.
"""

from classroom.adversary import sweep
from classroom.check import PromiseBroken, Unfinished, check, replay, stretch
from classroom.world.faults import (
    Crash,
    Delay,
    Drop,
    Duplicate,
    ErrorRate,
    FullDisk,
    Partition,
    Pause,
    Slow,
)
from classroom.world.live import live
from classroom.world.run import Run
from classroom.world.simulated import simulate

__all__ = [
    "Crash",
    "Delay",
    "Drop",
    "Duplicate",
    "ErrorRate",
    "FullDisk",
    "Partition",
    "Pause",
    "PromiseBroken",
    "Run",
    "Slow",
    "Unfinished",
    "check",
    "live",
    "replay",
    "simulate",
    "stretch",
    "sweep",
]
