"""The parts of a lesson that a learner moves: panels of faults, and a map to click through."""

from classroom.panels.controls import Choice, Prediction, Slider
from classroom.panels.explore import Explorer, explore
from classroom.panels.panel import Panel

__all__ = ["Choice", "Explorer", "Panel", "Prediction", "Slider", "explore"]
