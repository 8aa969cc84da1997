"""A panel: controls, the code that they stand for, one sentence and one picture.

Idea      One fault a control, and beside it the line that does the same. A change makes the run
          anew (or finds it among those kept) and shows its picture and its sentence.
          Without a browser's script the panel is what it is at first: the lines, the sentence and
          the picture at the default values.
Not here  The controls as values (controls.py), making and keeping runs (outcome.py), the page's side
          (live.py, live.js, panel.js).
Source    B. Victor, "Explorable Explanations", 2011; WAI-ARIA Authoring Practices, "Slider".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from classroom.panels import live
from classroom.panels.controls import Control, Prediction
from classroom.panels.outcome import Outcome, Outcomes, told


class Panel:
    """Controls that make a run, and what came of it.

        pause = Slider("pause", 0, 90, step=5, value=40, unit="s", code="Pause('w', at=3, lasts={value})")
        Panel(night, [pause], view=lambda run: run.timeline(), say=how_often_ada_paid)

    run:      makes a Run from keyword values, one for each control.
    controls: Slider and Choice values.
    view:     what is shown of a run: a picture, a replay, a table.
    say:      one sentence computed from a run.
    code:     the line that makes the whole run: a template with the names in braces, or a function of the
              values by keyword. By default the call of `run`; "" for none.
    title:    stands above it.
    predict:  a Prediction, shown with the result.
    Raises ValueError if there are no controls, or two of one name.

    An error while a run is made is told in the panel, never raised.
    """

    def __init__(
        self,
        run: Callable[..., Any],
        controls: Sequence[Control],
        *,
        view: Callable[[Any], Any],
        say: Callable[[Any], str],
        code: Callable[..., str] | str | None = None,
        title: str = "",
        predict: Prediction | None = None,
    ) -> None:
        names = [control.name for control in controls]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"a panel needs controls, each with a name of its own; got {names}")
        self.title = title
        self.controls = {control.name: control for control in controls}
        self.predict = predict
        self.prediction = predict.value if predict else None  # what the learner says by now
        self._name = getattr(run, "__name__", "run")
        self._code = code
        self._outcomes = Outcomes(run, view, say)
        self._now = self._start = self.read({})

    # ---- for the cells below ---------------------------------------------------------

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand, as the panel's function gets them."""
        return dict(self._now)

    @property
    def run(self) -> Any:
        """The run that is shown; None if it could not be made."""
        return self.outcome(self._now).run

    # ---- what it shows ---------------------------------------------------------------

    def read(self, sent: dict[str, Any]) -> dict[str, Any]:
        """The values for the function, from what a page sent; what it left out stands at its default.

        Raises ValueError for a value that its control does not have.
        """
        return {
            name: control.read(sent.get(name, control.spec()["value"]))
            for name, control in self.controls.items()
        }

    def outcome(self, values: dict[str, Any]) -> Outcome:
        key = tuple(control.words(values[name]) for name, control in self.controls.items())
        return self._outcomes.of(key, **values)

    def lines(self, values: dict[str, Any]) -> dict[str, str]:
        """For each control the line of code that does what it does."""
        return {name: control.line(values[name]) for name, control in self.controls.items()}

    def call(self, values: dict[str, Any]) -> str:
        """The line of code that makes the whole run."""
        if self._code is None:
            return f"{self._name}({', '.join(f'{name}={value!r}' for name, value in values.items())})"
        return self._code(**values) if callable(self._code) else self._code.format(**values)

    def verdict(self, outcome: Outcome) -> dict[str, Any]:
        """What was predicted and what it was, as words, and whether they agree (None: nothing to compare)."""
        if self.predict is None or outcome.run is None or getattr(outcome.run, "error", None):
            return {"words": "", "right": None}
        try:
            was = self.predict.answer(outcome.run)
        except Exception as error:
            return {"words": told(error, "No answer to the prediction"), "right": None}
        right = None if self.prediction is None else self.prediction == was
        return {"words": self.predict.verdict(self.prediction, was), "right": right}

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the page is told when a control was moved or a prediction was made.

        A page that says hello (made anew, or a second one) is told where the controls stand by now.
        """
        if asked.get("hello"):
            said = self.predict.value if self.predict else None
            if self._now == self._start and self.prediction == said:
                return {}
            stand = {name: control.sent(self._now[name]) for name, control in self.controls.items()}
            return {**self.answer({"values": stand}), "values": stand, "prediction": self.prediction}
        try:
            values = self.read(asked.get("values", {}))
            if self.predict is not None and "prediction" in asked:
                self.prediction = self.predict.read(asked["prediction"])
        except ValueError as error:
            return {"sentence": str(error), "failed": True}
        self._now = values
        outcome = self.outcome(values)
        return {
            **{"html": outcome.html, "sentence": outcome.sentence, "failed": outcome.failed},
            **{"lines": self.lines(values), "call": self.call(values), "verdict": self.verdict(outcome)},
        }

    # ---- the output ------------------------------------------------------------------

    def spec(self) -> dict[str, Any]:
        """What the page must know to draw the controls."""
        return {
            **{"title": self.title, "controls": [control.spec() for control in self.controls.values()]},
            "prediction": self.predict.spec() if self.predict else None,
            **{"lines": self.lines(self._start), "call": self.call(self._start)},
            "verdict": self.verdict(self.outcome(self._start)),
        }

    def html(self, mark: str = "") -> str:
        """The panel as it stands where no script runs, at its default values."""
        outcome = self.outcome(self._start)
        rows = "".join(
            f"<li>{escape(control.title)}: <b>{escape(control.words(self._start[name]))}</b>"
            + (f" &nbsp;<code>{escape(line)}</code>" if (line := control.line(self._start[name])) else "")
            + "</li>"
            for name, control in self.controls.items()
        )
        title = f"<p><b>{escape(self.title)}</b></p>" if self.title else ""
        call = f"<p><code>{escape(self.call(self._start))}</code></p>" if self.call(self._start) else ""
        words = self.verdict(outcome)["words"]
        verdict = f"<p>{escape(words)}</p>" if words else ""
        return (
            f'<div class="bop-panel" data-bop-live="{mark}"><div class="bop-still">'
            f"{title}<ul>{rows}</ul>{call}"
            f'<p class="bop-sentence"><b>{escape(outcome.sentence)}</b></p>{verdict}</div>'
            f'<div class="bop-view">{outcome.html}</div></div>'
        )

    def text(self) -> str:
        """The same as plain text; a test of the notebook compares it."""
        outcome = self.outcome(self._start)
        parts = [
            f"Panel: {self.title}" if self.title else "Panel",
            *(f"{c.title}: {c.words(self._start[name])}" for name, c in self.controls.items()),
            outcome.sentence,
            self.verdict(outcome)["words"],
            outcome.plain,
        ]
        return "\n".join(part for part in parts if part)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        self._now = self._start
        mark = ""
        if live.listened_to():
            mark = live.token("panel", self.spec())
            live.enliven("panel", mark, self.spec(), self.answer)
        return {"text/html": self.html(mark), "text/plain": self.text()}
