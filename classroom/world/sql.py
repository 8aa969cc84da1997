"""SQL that means the same in every run: no wall clock, no dice, no other database.

Idea      SQLite's own functions of dates stay as they are, but for "now", however it is written:
          they are replaced by ones that look at their arguments when they are called. Functions of
          chance are refused. Two moves of SQL are taken from execute(), since db.transaction()
          makes them: to begin a transaction and to end it.
Not here  Whose turn it is, and what is durable (storage.py).
Source    sqlite.org, "Date And Time Functions", "Deterministic SQL Functions".
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

_LEAD = r"(?:[\s;]|--[^\n]*(?:\n|$)|/\*.*?\*/)*"  # what may stand before a statement
_READS = re.compile(
    _LEAD
    + r"(select\b|explain\b|values\b|pragma\s+\w+\s*($|\()|with\b(?!.*\b(insert|update|delete|replace)\b))",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL = re.compile(
    _LEAD + r"(begin|commit|end|rollback|savepoint|release|attach|detach|vacuum)\b", re.IGNORECASE | re.DOTALL
)
_CLOCK = "current_date current_time current_timestamp".split()
_DATES = "date time datetime julianday unixepoch strftime timediff".split()
_CHANCE = "random randomblob".split()
_NOW = ("now", "subsec", "subsecond")  # as the first argument: SQLite reads the clock
_HERE = ("localtime", "utc")  # as a further one: SQLite asks for the time zone of the machine
SUSPECT = re.compile(rf"\b({'|'.join(_CLOCK + _DATES + _CHANCE)})\b", re.IGNORECASE)


def reads(sql: str) -> bool:
    """Does the statement change nothing?"""
    return _READS.match(sql) is not None


def short(sql: str) -> str:
    """The statement on one line of at most 100 characters."""
    return " ".join(sql.split())[:100]


def refuse_control(sql: str, parameters: Any) -> None:
    """Raises sqlite3.Error for what execute() is not made for."""
    if found := _CONTROL.match(sql):
        raise sqlite3.OperationalError(
            f"{found[1].upper()} is not for execute(): write `async with db.transaction():`"
        )
    if isinstance(parameters, str | bytes):
        raise sqlite3.ProgrammingError(
            f"parameters are a sequence or a dict, such as ({parameters!r},); got text"
        )


class Guard:
    """Replaces what differs from run to run in one connection, by the time a statement names it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._reason = ""
        self._on = False

    def run(self, sql: str, parameters: Sequence[object] | dict[str, object]) -> list[sqlite3.Row]:
        """One statement and all of its rows."""
        if not self._on and SUSPECT.search(sql):  # defaults and triggers have passed here too, when made
            self._on = True
            self._replace_functions()
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if not self._reason:
                raise
            reason, self._reason = self._reason, ""
            raise sqlite3.OperationalError(f"{reason} In: {short(sql)}") from error

    def _replace_functions(self) -> None:
        library = sqlite3.connect(":memory:", check_same_thread=False)  # its functions are SQLite's own
        replace = self._connection.create_function
        for name in _DATES:
            replace(name, -1, self._guarded(partial(_date, library, name)), deterministic=True)
        for name in _CLOCK + _CHANCE:
            replace(name, -1, self._guarded(partial(_refuse, name)))

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except sqlite3.Error as error:  # SQLite would say "user-defined function raised exception"
                self._reason = str(error)
                raise

        return call


def _date(library: sqlite3.Connection, name: str, *arguments: Any) -> Any:
    times = arguments[1:] if name == "strftime" else arguments
    moments = times[:2] if name == "timediff" else times[:1]
    if not times or any(_is(moment, _NOW) for moment in moments):
        _refuse(name)
    if any(_is(modifier, _HERE) for modifier in times[1:]):
        raise sqlite3.OperationalError(
            f"{name}() with 'localtime' or 'utc' differs from machine to machine: leave them out."
        )
    marks = ", ".join("?" * len(arguments))
    return library.execute(f"SELECT {name}({marks})", arguments).fetchone()[0]


def _is(value: Any, names: tuple[str, ...]) -> bool:
    return isinstance(value, str) and value.strip().lower() in names


def _refuse(name: str, *arguments: Any) -> None:
    what = "rolls dice" if name in _CHANCE else "reads the wall clock"
    raise sqlite3.OperationalError(
        f"{name}, in this statement or in a DEFAULT or a trigger of its table, {what} and would differ from "
        "run to run: pass the value in as a parameter (node.now(), node.rng(...))."
    )
