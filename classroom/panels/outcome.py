"""What a panel shows for one set of values, made once and kept.

Idea      A run is a function of its values, so its picture is too: the second time that a slider
          stands at 40 nothing is computed. Whatever goes wrong on the way (in the scenario, in the
          picture, in the sentence) is told as a sentence, since a panel must go on working.
Not here  Which values there are (controls.py); how they come from a page (live.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from html import escape
from typing import Any

KEPT = 64  # outcomes; a run of a lesson is some 100 KB


@dataclass(frozen=True)
class Outcome:
    """A run, its sentence and its picture; or the sentence of what went wrong.

    html:   the picture as markup, "" if there is none.
    plain:  the picture's text/plain, by which a test compares it.
    failed: the sentence tells an error.
    """

    sentence: str
    html: str = field(default="", repr=False)
    plain: str = ""
    run: Any = field(default=None, repr=False)
    failed: bool = False


class Outcomes:
    """Makes outcomes and keeps the last of them.

    make: the run for some values. view, say: its picture and its sentence.
    """

    def __init__(
        self, make: Callable[..., Any], view: Callable[[Any], Any], say: Callable[[Any], str]
    ) -> None:
        self._make, self._view, self._say = make, view, say
        self._kept: OrderedDict[Hashable, Outcome] = OrderedDict()

    def of(self, key: Hashable, *args: Any, **values: Any) -> Outcome:
        """The outcome of `make(*args, **values)`, which `key` names."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        outcome = self._new(*args, **values)
        if not isinstance(outcome.run, BaseException):  # an interrupted run is made again
            self._kept[key] = outcome
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return outcome

    def _new(self, *args: Any, **values: Any) -> Outcome:
        try:
            run = self._make(*args, **values)
        except KeyboardInterrupt as error:
            return Outcome("The run was interrupted. Ask again to make it.", run=error, failed=True)
        except Exception as error:
            return Outcome(told(error, "No run"), failed=True)
        if getattr(run, "error", None) is not None:
            return Outcome(told(run.error, "The run broke off"), run=run, failed=True)
        try:
            sentence = str(self._say(run))
        except Exception as error:
            return Outcome(told(error, "No sentence for this run"), run=run, failed=True)
        try:
            html, plain = rendered(self._view(run))
        except Exception as error:
            return Outcome(f"{sentence} {told(error, 'It has no picture')}", run=run, failed=True)
        return Outcome(sentence, html, plain, run)


def told(error: BaseException, what: str) -> str:
    """An error as one sentence, without its traceback: "The run broke off: TimeoutError: ..."."""
    words = " ".join(str(error).split())
    if len(words) > 400:
        words = words[:399] + "…"
    name = type(error).__name__
    return f"{what}: {name}: {words}" if words else f"{what}: {name}."


def rendered(shown: Any) -> tuple[str, str]:
    """Markup and plain text of whatever a view gave: a picture, a replay, a table, or any value."""
    if shown is None:
        return "", ""
    if hasattr(shown, "_repr_mimebundle_"):
        bundle = shown._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        plain = data.get("text/plain", "")
        return data.get("text/html") or f"<pre>{escape(plain)}</pre>", plain
    if hasattr(shown, "_repr_html_"):
        return shown._repr_html_(), str(shown)
    return f"<pre>{escape(str(shown))}</pre>", str(shown)
