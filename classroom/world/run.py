"""A Run: all that happened and all that is durable, frozen. Pictures and checks read nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classroom.world.effects import Effect
from classroom.world.faults import Fault
from classroom.world.history import Event, digest

if TYPE_CHECKING:
    from classroom.checks import Check, Violation

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What `simulate` and `live` return.

    history:   every Event, in order.
    databases: name -> table -> rows, as they were committed at the end.
    faults, seed: what made it; the same again makes the same run.
    duration:  seconds, virtual in a simulation.
    result:    what the scenario returned.
    error:     what it raised, or None; `waiting` then says for what each task was waiting.
    effects:   the moments at which a fault can be aimed: Crash(effect.node, before=effect.number).
    """

    history: tuple[Event, ...]
    databases: Mapping[str, Mapping[str, tuple[Row, ...]]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    seed: int = 0
    duration: float = 0.0
    result: Any = None
    error: BaseException | None = None
    waiting: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    scenario: str = "scenario"

    @cached_property
    def digest(self) -> str:
        """16 hex digits of the history: equal runs have equal digests."""
        return digest(self.history)

    def of(self, *kinds: str, node: str | None = None, **data: Any) -> list[Event]:
        """The events of these kinds (all, if none is named), of this node, with these data."""
        return [
            event
            for event in self.history
            if (not kinds or event.kind in kinds)
            and (node is None or event.node == node)
            and all(event.get(key) == value for key, value in data.items())
        ]

    def rows(self, database: str, table: str) -> list[Row]:
        """The committed rows of a table; none if it was never made."""
        return [dict(row) for row in self.databases.get(database, {}).get(table, ())]

    def violations(self, *checks: Check) -> list[Violation]:
        """What these checks have to say against this run."""
        return [violation for check in checks for violation in check(self)]

    def raise_error(self) -> None:
        """Raise what the scenario raised, if it did, with what every task was waiting for."""
        if self.error is not None:
            notes = getattr(self.error, "__notes__", [])
            for line in self.waiting:
                if line not in notes:
                    self.error.add_note(line)
            raise self.error

    # ---- pictures --------------------------------------------------------------------
    # Each raises the scenario's own error first, so that nobody admires the picture of a
    # run that broke off; anyway=True shows it all the same.

    def sequence(self, *, anyway: bool = False, **options: Any) -> Any:
        """Who said what to whom: a sequence diagram (classroom.pictures.sequence)."""
        return self._picture("sequence", anyway, options)

    def table(self, *, anyway: bool = False, **options: Any) -> Any:
        """The history as a table (classroom.pictures.table)."""
        return self._picture("table", anyway, options)

    def timeline(self, *, anyway: bool = False, **options: Any) -> Any:
        """Leases, deliveries, pauses and crashes as bars (classroom.pictures.timeline)."""
        return self._picture("timeline", anyway, options)

    def replay(self, *, anyway: bool = False, **options: Any) -> Any:
        """The run to play, pause, scrub and step through (classroom.pictures.replay)."""
        return self._picture("replay", anyway, options)

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write the replay as one HTML file that needs nothing else, and return its path."""
        target: Path = self._picture("replay", True, options).save(path)
        return target

    def _picture(self, name: str, anyway: bool, options: dict[str, Any]) -> Any:
        if not anyway:
            self.raise_error()
        draw: Callable[..., Any] = getattr(import_module(f"classroom.pictures.{name}"), name)
        return draw(self, **options)

    def __repr__(self) -> str:
        ended = f", ended by {type(self.error).__name__}: {self.error}" if self.error else ""
        with_faults = f", faults={list(self.faults)}" if self.faults else ""
        return (
            f"<Run of {self.scenario}: {len(self.history)} events in {self.duration:.3f} s, "
            f"seed={self.seed}{with_faults}, digest {self.digest}{ended}>"
        )
