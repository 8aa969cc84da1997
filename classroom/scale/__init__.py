"""Models past one machine: SimPy, first laid over a measured small system, then scaled."""

from classroom.scale.measured import measured
from classroom.scale.retry_storm import Failure, Model, System, as_wait, made, storm
from classroom.scale.server_queue import Admission, DropHopeless, DropLate, Fifo, Lifo, ServerQueue
from classroom.scale.storm_counts import Storm

__all__ = [
    "Admission",
    "DropHopeless",
    "DropLate",
    "Failure",
    "Fifo",
    "Lifo",
    "Model",
    "ServerQueue",
    "Storm",
    "System",
    "as_wait",
    "made",
    "measured",
    "storm",
]
