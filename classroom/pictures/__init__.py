"""Pictures of a run: pure functions of its history, each with its text twin."""

from classroom.pictures.availability_curve import availability_curve
from classroom.pictures.blocked_time import blocked_time
from classroom.pictures.breaker_strip import breaker_strip
from classroom.pictures.call_tree import call_tree
from classroom.pictures.course_map import course_map
from classroom.pictures.crash_strip import crash_strip
from classroom.pictures.curves import curves
from classroom.pictures.dead_letters import dead_letters
from classroom.pictures.deployments import deployments
from classroom.pictures.goodput import goodput
from classroom.pictures.histograms import histograms
from classroom.pictures.lag import lag
from classroom.pictures.order_board import order_board
from classroom.pictures.ownership_strip import ownership_strip
from classroom.pictures.partition_tape import partition_tape
from classroom.pictures.phase_map import phase_map
from classroom.pictures.picture import Picture
from classroom.pictures.remedies import remedies
from classroom.pictures.saga_board import Mark, saga_board
from classroom.pictures.sequence import sequence
from classroom.pictures.staleness_band import staleness_band
from classroom.pictures.states import states
from classroom.pictures.story import story
from classroom.pictures.table import Table, table
from classroom.pictures.throughput import throughput
from classroom.pictures.timeline import timeline
from classroom.pictures.topology import topology
from classroom.pictures.two_phase_board import two_phase_board
from classroom.pictures.uptime import uptime
from classroom.pictures.wasted_work import wasted_work
from classroom.pictures.waterfall import waterfall

__all__ = [
    "Mark",
    "Picture",
    "Table",
    "availability_curve",
    "blocked_time",
    "breaker_strip",
    "call_tree",
    "course_map",
    "crash_strip",
    "curves",
    "dead_letters",
    "deployments",
    "goodput",
    "histograms",
    "lag",
    "order_board",
    "ownership_strip",
    "partition_tape",
    "phase_map",
    "remedies",
    "saga_board",
    "sequence",
    "staleness_band",
    "states",
    "story",
    "table",
    "throughput",
    "timeline",
    "topology",
    "two_phase_board",
    "uptime",
    "wasted_work",
    "waterfall",
]
