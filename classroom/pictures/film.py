"""A drawing that moves by itself: an SVG whose style sheet animates it, without a script.

Idea      GitHub shows an SVG file as an image. No script runs there, but CSS does. Each part that
          moves is a group with poses at moments of the film, and becomes a @keyframes rule. Where
          motion is not wanted (prefers-reduced-motion), or styles are taken away, there is no
          animation, and each group stands as it does at the moment `still`.
Not here  What is told (hook.py); a replay with controls (replay.py), which needs a script.
Source    CSS Animations 1; Media Queries 5, "prefers-reduced-motion"; SVG 2, "Secure animated mode".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from classroom.pictures import svg

FADE = 0.18  # seconds


@dataclass(frozen=True, slots=True)
class Pose:
    """How a group stands at one moment of the film.

    at:    seconds of the film. x, y: pixels by which it is moved. seen: its opacity, 0 to 1.
    wide:  its width as a share, from x = 0 on. big: its size as a share, around (0, 0).
    ease:  a CSS timing function, of the way from here to the next pose.
    """

    at: float
    x: float = 0.0
    y: float = 0.0
    seen: float = 1.0
    wide: float = 1.0
    big: float = 1.0
    ease: str = ""

    @property
    def placed(self) -> tuple[float, ...]:
        return self.x, self.y, self.seen, self.wide, self.big


class Film:
    """Collects what moves. seconds: the length of one round. still: the moment shown without motion."""

    def __init__(self, seconds: float, *, still: float) -> None:
        self.seconds, self.still = seconds, still
        self._rules: list[str] = []

    def move(self, body: str, *poses: Pose) -> str:
        """`body` as a group that goes through `poses`, from the first at 0 to the last at the end.

        Raises ValueError if they are not in the order of time, or if it moves at the moment `still`.
        """
        moments = [pose.at for pose in poses]
        if not poses or moments != sorted(moments) or moments[-1] > self.seconds:
            raise ValueError(f"poses go from 0 to {self.seconds:g} s in order; got {moments}")
        first, last = replace(poses[0], at=0.0), replace(poses[-1], at=self.seconds)
        whole = [first, *(pose for pose in poses if 0 < pose.at < self.seconds), last]
        here = next(a for a, b in pairwise(whole) if a.at <= self.still <= b.at)
        after = next(pose for pose in whole if pose.at >= self.still)
        if here.placed != after.placed:
            raise ValueError(f"no still at {self.still:g} s: it moves from {here.at:g} to {after.at:g} s")
        name = f"m{len(self._rules)}"
        steps = "".join(f"{100 * pose.at / self.seconds:.4g}%{{{_css(pose, whole)}}}" for pose in whole)
        self._rules.append(f"@keyframes {name}{{{steps}}}.{name}{{animation-name:{name}}}")
        transform = f"translate({here.x:g} {here.y:g}) scale({here.wide * here.big:g} {here.big:g})"
        moved = (here.x, here.y, here.wide, here.big) != (0, 0, 1, 1)
        looks = {"transform": transform if moved else None, "opacity": None if here.seen == 1 else here.seen}
        return svg.element("g", body, class_=f"film {name}", **looks)

    def seen(self, body: str, since: float = 0.0, until: float | None = None) -> str:
        """`body`, seen from one moment to another, by default to the end of the round."""
        end = self.seconds if until is None else until
        poses = [Pose(since, seen=0), Pose(since + FADE), Pose(end - FADE), Pose(end, seen=0)]
        return self.move(body, *poses)

    def style(self) -> str:
        """The style element that sets all of it in motion, for whoever does not mind motion."""
        each = f".film{{animation:{self.seconds:g}s linear infinite}}"
        return f"<style>@media (prefers-reduced-motion:no-preference){{{each}{''.join(self._rules)}}}</style>"


def _css(pose: Pose, whole: list[Pose]) -> str:
    """The declarations of one pose; what stays the same in all of them is left to the attributes."""
    found = []
    if len({each.seen for each in whole}) > 1:
        found.append(f"opacity:{pose.seen:g}")
    if len({(each.x, each.y, each.wide, each.big) for each in whole}) > 1:
        scale = f"scale({pose.wide * pose.big:g},{pose.big:g})"
        found.append(f"transform:translate({pose.x:g}px,{pose.y:g}px) {scale}")
    if pose.ease:
        found.append(f"animation-timing-function:{pose.ease}")
    return ";".join(found)
