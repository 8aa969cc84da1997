"""Faults are data: plain values that a learner writes, a slider sets and a search shrinks.

Idea      A plan is a tuple of faults. Each one's repr is the code that makes it again, so that a
          plan found by a search can be pasted into a cell. When a fault strikes is said in one of
          three ways: at a time (`at`, seconds), before or after an effect of a node (`before`,
          `after`, counted from 1 over the run), or at the n-th exchange of a pair (`nth`).
Not here  What a fault does: network.py, simulated.py.
Source    The "nemesis" of K. Kingsbury's Jepsen; fault names as in Toxiproxy and Maelstrom.
"""

import math
from dataclasses import KW_ONLY, MISSING, dataclass, fields
from typing import Literal, TypeAlias

ANY = "*"  # any node, where a fault names a caller or a callee


class _Value:
    """Shows a fault as the code that makes it, without the options left at their defaults."""

    def __repr__(self) -> str:
        parts = []
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if not field.kw_only:
                parts.append(repr(value))
            elif field.default is MISSING or value != field.default:
                parts.append(f"{field.name}={_code(value)}")
        return f"{type(self).__name__}({', '.join(parts)})"


def _code(value: object) -> str:
    """The code that makes `value`: repr(), but for what has no literal, and for the numbers of numpy."""
    if isinstance(value, float):
        return "float('inf')" if math.isinf(value) else repr(float(value))
    return repr(value)


def seconds(what: object, *, for_ever: bool = False, **given: float) -> None:
    """Raises ValueError unless each is a time or a span, from 0 up; endless only where `for_ever` says so."""
    name_of_it = what if isinstance(what, str) else type(what).__name__
    for name, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and value >= 0 and (for_ever or value < math.inf)):
            raise ValueError(f"{name_of_it}: {name} is in seconds, from 0 up; got {value!r}")


def _count(fault: object, counted: str, **given: int | None) -> None:
    for name, value in given.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ValueError(f"{type(fault).__name__}: {name} counts {counted} from 1; got {value!r}")


def _one_moment(fault: "Crash | Pause") -> None:
    given = [name for name in ("at", "before", "after") if getattr(fault, name) is not None]
    if len(given) != 1:
        raise ValueError(
            f"{type(fault).__name__} needs exactly one of at= (seconds), before= or after= "
            f"(an effect of {fault.node!r}, counted from 1); got {' and '.join(given) or 'none'}"
        )
    if fault.at is not None:
        seconds(fault, at=fault.at)
    _count(fault, "effects", before=fault.before, after=fault.after)


def _one_part(fault: object, part: str) -> None:
    if part not in ("request", "reply"):
        raise ValueError(f"{type(fault).__name__}: part is 'request' or 'reply'; got {part!r}")


@dataclass(frozen=True, repr=False)
class Crash(_Value):
    """kill -9: the process is gone at once, with no `finally` and no goodbye.

    down: seconds until it is started again; None leaves it down.
    """

    node: str
    _: KW_ONLY
    at: float | None = None
    before: int | None = None
    after: int | None = None
    down: float | None = 1.0

    def __post_init__(self) -> None:
        _one_moment(self)
        if self.down is not None:
            seconds(self, down=self.down)


@dataclass(frozen=True, repr=False)
class Pause(_Value):
    """The process stands still, then goes on as if nothing had been (a long GC, a stopped VM).

    lasts: seconds. What reaches a paused node waits at its door.
    """

    node: str
    _: KW_ONLY
    at: float | None = None
    before: int | None = None
    after: int | None = None
    lasts: float

    def __post_init__(self) -> None:
        _one_moment(self)
        seconds(self, for_ever=True, lasts=self.lasts)


@dataclass(frozen=True, repr=False)
class Partition(_Value):
    """The network between two nodes swallows what they send, without a word.

    at, lasts: seconds. one_way: only what `a` sends to `b` is lost.
    """

    a: str
    b: str
    _: KW_ONLY
    at: float = 0.0
    lasts: float = math.inf
    one_way: bool = False

    def __post_init__(self) -> None:
        seconds(self, at=self.at)
        seconds(self, for_ever=True, lasts=self.lasts)


@dataclass(frozen=True, repr=False)
class _LinkFault(_Value):
    """What strikes exchanges between a caller and a callee ("*" is any node).

    at, lasts: seconds; exchanges that begin in that time are struck.
    rate: the chance for each of them, from 0 to 1.
    nth:  strikes the n-th exchange of this caller with this callee alone, counted from 1.
    """

    caller: str
    callee: str
    _: KW_ONLY
    at: float = 0.0
    lasts: float = math.inf
    rate: float = 1.0
    nth: int | None = None

    def __post_init__(self) -> None:
        seconds(self, at=self.at)
        seconds(self, for_ever=True, lasts=self.lasts)
        if not (isinstance(self.rate, int | float) and 0 <= self.rate <= 1):
            raise ValueError(f"{type(self).__name__}: rate is a chance from 0 to 1; got {self.rate!r}")
        _count(self, "exchanges", nth=self.nth)

    def strikes(self, caller: str, callee: str, *, now: float, nth: int, chance: float) -> bool:
        """Does it hit the `nth` exchange of these two, begun at `now`? `chance` was drawn from [0, 1)."""
        if self.caller not in (ANY, caller) or self.callee not in (ANY, callee):
            return False
        if self.nth is not None:
            return nth == self.nth
        return self.at <= now < self.at + self.lasts and chance < self.rate


@dataclass(frozen=True, repr=False)
class Drop(_LinkFault):
    """A request, or the reply to it, is lost. The caller cannot tell which."""

    _: KW_ONLY
    part: Literal["request", "reply"] = "request"

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_part(self, self.part)


@dataclass(frozen=True, repr=False)
class Duplicate(_LinkFault):
    """The callee is given the request twice, as by a proxy that retries."""


@dataclass(frozen=True, repr=False)
class Delay(_LinkFault):
    """A request, or the reply to it, takes `by` seconds longer."""

    _: KW_ONLY
    by: float
    part: Literal["request", "reply"] = "request"

    def __post_init__(self) -> None:
        super().__post_init__()
        seconds(self, by=self.by)
        _one_part(self, self.part)


@dataclass(frozen=True, repr=False)
class ErrorRate(_LinkFault):
    """The callee answers with an error status in place of doing its work."""

    _: KW_ONLY
    status: int = 503

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.status, int) and 400 <= self.status <= 599):
            raise ValueError(f"ErrorRate: status is an HTTP error, 400 to 599; got {self.status!r}")


@dataclass(frozen=True, repr=False)
class Slow(_Value):
    """A node takes `by` seconds more before it begins with each request.

    at, lasts: seconds; requests that arrive in that time are slow.
    """

    node: str
    _: KW_ONLY
    by: float
    at: float = 0.0
    lasts: float = math.inf

    def __post_init__(self) -> None:
        seconds(self, by=self.by, at=self.at)
        seconds(self, for_ever=True, lasts=self.lasts)


@dataclass(frozen=True, repr=False)
class FullDisk(_Value):
    """The disk of a node takes nothing more: each write to a file fails (its databases are elsewhere).

    at, lasts: seconds.
    """

    node: str
    _: KW_ONLY
    at: float = 0.0
    lasts: float = math.inf

    def __post_init__(self) -> None:
        seconds(self, at=self.at)
        seconds(self, for_ever=True, lasts=self.lasts)


Fault: TypeAlias = Crash | Pause | Partition | Drop | Duplicate | Delay | ErrorRate | Slow | FullDisk
