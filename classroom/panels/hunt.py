"""A hunt: evidence, suspects, and a clock that runs until the right one is named.

Idea      How long it takes to find a culprit is a fact about the evidence, and only whoever hunts can
          measure it. So the page hides the evidence until the clock is started, and stops it at the right
          name. The seconds stay in the kernel, and are nobody's but the learner's: no stored output holds
          them. Lines can be filtered, as with grep, since nobody hunts in logs by eye alone.
          Without a page that listens the evidence simply stands there, with the question.
Not here  The page's side (live.js, hunt.js).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape
from typing import Any

from classroom.panels import live
from classroom.panels.outcome import rendered

NOT_YET = "not hunted yet"


class Hunt:
    """A question, its evidence and its suspects.

        by_eye = Hunt("Which service lost it:", lines, suspects=["orders", "payments"], culprit="payments")

    evidence: lines of text, or a picture.
    suspects: the names to choose from; culprit is one of them.
    title:    stands above it.
    Raises ValueError if the culprit is no suspect.

    seconds: how long it took, None as long as it was not found; wrong: how many others were named first.
    """

    def __init__(
        self, question: str, evidence: Any, *, suspects: Sequence[str], culprit: str, title: str = "A hunt"
    ) -> None:
        if culprit not in suspects:
            raise ValueError(f"the culprit is one of the suspects, {', '.join(suspects)}; got {culprit!r}")
        self.question, self.title, self.suspects = question, title, list(suspects)
        self.seconds: float | None = None
        self.wrong = 0
        self._culprit = culprit
        self._lines = [str(line) for line in evidence] if isinstance(evidence, list | tuple) else None
        self._html, self._plain = ("", "") if self._lines is not None else rendered(evidence)

    def __str__(self) -> str:
        """How it went, as a table of hunts has it."""
        if self.seconds is None:
            return NOT_YET
        wrong = {0: "", 1: ", one wrong guess"}.get(self.wrong, f", {self.wrong} wrong guesses")
        return f"{self.seconds:.1f} s{wrong}"

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the page is told: {"start": True} begins anew, {"guess": name, "seconds": n} is a name."""
        if asked.get("start"):
            self.seconds, self.wrong = None, 0
            return {"sentence": "The clock runs.", "found": False}
        if "guess" not in asked:
            return {}
        name, seconds = asked["guess"], asked.get("seconds")
        if name not in self.suspects or not isinstance(seconds, int | float):
            return {"sentence": f"{name!r} is no suspect.", "found": False}
        if name != self._culprit:
            self.wrong += 1
            return {"sentence": f"It was not {name}. The clock runs on.", "found": False}
        self.seconds = float(seconds)
        return {"sentence": f"It was {name}. You needed {self}.", "found": True}

    # ---- the output ------------------------------------------------------------------

    def spec(self) -> dict[str, Any]:
        """What the page must know. The culprit is not in it."""
        return {
            **{"title": self.title, "question": self.question, "suspects": self.suspects},
            **{"lines": self._lines, "html": self._html},
        }

    def html(self, mark: str = "") -> str:
        """The hunt as it stands where no script runs: the question and the evidence."""
        evidence = self._html
        if self._lines is not None:
            evidence = f'<pre style="max-height:24em;overflow:auto">{escape(chr(10).join(self._lines))}</pre>'
        return (
            f'<div class="bop-hunt" data-bop-live="{mark}"><div class="bop-still">'
            f"<p><b>{escape(self.title)}</b></p>"
            f"<p>{escape(self.question)} {escape(', '.join(self.suspects))}?</p>"
            f'</div><div class="bop-view">{evidence}</div></div>'
        )

    def text(self) -> str:
        """The same as plain text, with a digest of the evidence; a test of the notebook compares it."""
        of = self._plain
        if self._lines is not None:
            digest = hashlib.sha256("\n".join(self._lines).encode()).hexdigest()[:16]
            of = f"{len(self._lines)} lines [{digest}]"
        return f"Hunt: {self.title}\n{self.question} {', '.join(self.suspects)}?\n{of}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        mark = ""
        if live.listened_to():
            mark = live.token("hunt", self.spec())
            live.enliven("hunt", mark, self.spec(), self.answer)
        return {"text/html": self.html(mark), "text/plain": self.text()}
