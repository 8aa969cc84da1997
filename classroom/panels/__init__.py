"""The parts of a lesson that a learner moves: panels, a map to click through, a hunt by the clock."""

from classroom.panels.controls import Choice, Prediction, Slider
from classroom.panels.explore import Explorer, explore
from classroom.panels.hunt import Hunt
from classroom.panels.panel import Panel

__all__ = ["Choice", "Explorer", "Hunt", "Panel", "Prediction", "Slider", "explore"]
