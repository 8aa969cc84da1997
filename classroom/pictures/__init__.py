"""Pictures of a run: pure functions of its history, each with its text twin."""

from classroom.pictures.picture import Picture
from classroom.pictures.sequence import sequence
from classroom.pictures.story import story
from classroom.pictures.table import Table, table

__all__ = ["Picture", "Table", "sequence", "story", "table"]
