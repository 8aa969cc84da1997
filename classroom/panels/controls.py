"""What a panel is made of: a slider, a choice, a prediction. Plain values, without a browser.

Idea      A control stands for one fault (or one setting) and knows the line of code that does the
          same, so that whoever moves it reads how to write it.
Not here  How a control looks (panel.js), what a panel does with its value (panel.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from typing import Any, TypeAlias

Number: TypeAlias = int | float
Code: TypeAlias = str | Callable[[Any], str]


def _line(code: Code, value: Any) -> str:
    """The line of code for a value: a template with {value}, or a function of the value."""
    return (
        code(value)
        if callable(code)
        else code.replace("{value!r}", repr(value)).replace("{value}", str(value))
    )


def figure(value: Number) -> str:
    """A number as code and prose write it: 40, 0.5."""
    return str(int(value)) if float(value).is_integer() else str(value)


@dataclass(frozen=True)
class Slider:
    """A number from `low` to `high`, both included, in steps of `step`.

    name:  the keyword of the panel's function that gets the number.
    value: where it stands at first.
    unit:  written behind the number ("s").
    label: what a reader is told; by default the name without underscores.
    code:  the line that does the same, with {value} where the number stands, or a function of the number.
    Raises ValueError if the range is empty, or the value is not a step of it.
    """

    name: str
    low: Number
    high: Number
    _: KW_ONLY
    step: Number = 1
    value: Number
    unit: str = ""
    label: str = ""
    code: Code = ""

    def __post_init__(self) -> None:
        if self.step <= 0 or self.low >= self.high:
            raise ValueError(
                f"slider {self.name!r}: needs low < high and a step above 0; "
                f"got low={self.low}, high={self.high}, step={self.step}"
            )
        self.read(self.value)

    @property
    def title(self) -> str:
        return self.label or self.name.replace("_", " ")

    def read(self, value: Any) -> Number:
        """The number that a page sent, as the function gets it: a whole one is an int.

        Raises ValueError if it is no step of the range.
        """
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"slider {self.name!r}: takes a number; got {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"slider {self.name!r}: takes {self.low} to {self.high}; got {value}")
        steps = (Decimal(str(value)) - Decimal(str(self.low))) / Decimal(str(self.step))
        if steps != round(steps):
            raise ValueError(
                f"slider {self.name!r}: takes {self.low} to {self.high} in steps of {self.step}; got {value}"
            )
        return int(value) if float(value).is_integer() else float(value)

    def line(self, value: Any) -> str:
        return _line(self.code, value)

    def sent(self, value: Any) -> Any:
        """The value as the page knows it."""
        return value

    def words(self, value: Any) -> str:
        return f"{figure(value)} {self.unit}".rstrip()

    def spec(self) -> dict[str, Any]:
        """What the page must know to draw it."""
        return {
            **{"kind": "slider", "name": self.name, "label": self.title, "unit": self.unit},
            **{"low": self.low, "high": self.high, "step": self.step, "value": self.read(self.value)},
        }


@dataclass(frozen=True)
class Choice:
    """One of a few options.

    options: the values, or a mapping from the words shown to the value that the function gets.
    value:   the words of the option that is chosen at first; by default the first.
    code:    the line that does the same: a template with {value}, a function of the value, or a mapping from
             the words of each option to its line.
    Raises ValueError for less than two options, or an unknown value.
    """

    name: str
    options: Sequence[Any] | Mapping[str, Any]
    _: KW_ONLY
    value: Any = None
    label: str = ""
    code: Code | Mapping[str, str] = ""

    def __post_init__(self) -> None:
        if len(self.shown) < 2:
            raise ValueError(f"choice {self.name!r}: needs two options or more; got {list(self.shown)}")
        if isinstance(self.code, Mapping) and (without := sorted(set(self.shown) - set(self.code))):
            raise ValueError(f"choice {self.name!r}: no line of code for {', '.join(map(repr, without))}")
        self.read(self.first)

    @property
    def title(self) -> str:
        return self.label or self.name.replace("_", " ")

    @property
    def shown(self) -> dict[str, Any]:
        """Words -> value."""
        if isinstance(self.options, Mapping):
            return {str(words): value for words, value in self.options.items()}
        return {str(value): value for value in self.options}

    @property
    def first(self) -> str:
        return next(iter(self.shown), "") if self.value is None else str(self.value)

    def read(self, words: Any) -> Any:
        """The value behind the words of an option. Raises ValueError for an unknown one."""
        if not isinstance(words, str) or words not in self.shown:
            options = ", ".join(map(repr, self.shown))
            raise ValueError(f"choice {self.name!r}: has no option {words!r}; the options: {options}")
        return self.shown[words]

    def line(self, value: Any) -> str:
        if isinstance(self.code, Mapping):
            return self.code[self.words(value)]
        return _line(self.code, value)

    def sent(self, value: Any) -> Any:
        """The value as the page knows it: its words."""
        return self.words(value)

    def words(self, value: Any) -> str:
        return next(words for words, own in self.shown.items() if own is value or own == value)

    def spec(self) -> dict[str, Any]:
        """What the page must know to draw it."""
        options = list(self.shown)
        return {
            "kind": "choice",
            "name": self.name,
            "label": self.title,
            "options": options,
            "value": self.first,
        }


Control: TypeAlias = Slider | Choice


@dataclass(frozen=True)
class Prediction:
    """What the learner thinks a number will be, kept beside what it was.

    label:     the question ("How many times is Ada charged?").
    low, high: the answers that may be given, both included; whole numbers.
    value:     the answer so far; None if none was given.
    answer:    what it was, computed from a run.
    """

    label: str
    low: int
    high: int
    value: int | None = None
    _: KW_ONLY
    answer: Callable[[Any], Number]
    unit: str = ""

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"prediction {self.label!r}: needs low < high; got {self.low} and {self.high}")
        self.read(self.value)

    def read(self, value: Any) -> int | None:
        """The answer that was given, or None. Raises ValueError if it is no whole number of the range."""
        if value is None:
            return None
        whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
        if not whole or not self.low <= value <= self.high:
            raise ValueError(
                f"prediction {self.label!r}: takes a whole number, {self.low} to {self.high}; got {value!r}"
            )
        return int(value)

    def verdict(self, said: int | None, was: Number) -> str:
        """One sentence: what was said, and what it was."""
        it_was = f"it was {figure(was)} {self.unit}".rstrip()
        if said is None:
            return f"No prediction made; {it_was}."
        return f"You said {figure(said)} {self.unit}".rstrip() + f"; {it_was}."

    def spec(self) -> dict[str, Any]:
        """What the page must know to draw it."""
        found = {"label": self.label, "low": self.low, "high": self.high, "unit": self.unit}
        return {**found, "value": self.read(self.value)}
