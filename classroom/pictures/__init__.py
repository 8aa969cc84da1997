"""Pictures of a run: pure functions of its history, each with its text twin."""

from classroom.pictures.crash_strip import crash_strip
from classroom.pictures.curves import curves
from classroom.pictures.dead_letters import dead_letters
from classroom.pictures.phase_map import phase_map
from classroom.pictures.picture import Picture
from classroom.pictures.sequence import sequence
from classroom.pictures.states import states
from classroom.pictures.story import story
from classroom.pictures.table import Table, table
from classroom.pictures.timeline import timeline

__all__ = [
    "Picture",
    "Table",
    "crash_strip",
    "curves",
    "dead_letters",
    "phase_map",
    "sequence",
    "states",
    "story",
    "table",
    "timeline",
]
