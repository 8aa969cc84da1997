"""What a saga log says, read from the disk: which sagas there are, what each did, and what comes next.

    python -m services.saga LOG                     every saga in the SQLite file LOG
    python -m services.saga LOG --saga order-7      this one
    python -m services.saga LOG --unfinished        those that have not ended

Idea      The log is all that a coordinator knows, so it is all that is needed to see where one stands, be it
          alive or dead. The file is opened read-only: nothing is repaired, and nothing goes on.
Not here  The services' own databases: whether a command in doubt was done is theirs to say.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from services.saga.progress import Progress, Record
from services.saga.saga_log import COLUMNS, record_of, stories
from services.saga.states import Event, IllegalMove


class NoLog(Exception):
    """The file holds no saga log that can be read."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0: told; 1: there is no such log, or it cannot be read; 2: wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m services.saga", description="Tell the story of each saga in a log."
    )
    parser.add_argument("log", metavar="LOG", type=Path, help="the coordinator's SQLite file")
    parser.add_argument("--saga", metavar="ID", help="this saga alone")
    parser.add_argument("--unfinished", action="store_true", help="those alone that have not ended")
    options = parser.parse_args(arguments)
    try:
        told = stories(read(options.log, options.saga))
        if options.saga is not None and not told:
            raise NoLog(f"there is no saga {options.saga!r} in it")
        stories_told = [story(saga, records) for saga, records in told.items()]
        wanted = [lines for lines, ended in stories_told if not (options.unfinished and ended)]
        for lines in wanted:
            print("\n".join(lines), end="\n\n")
        if not wanted:
            print("Every saga has ended." if told else "The log is empty: no saga has begun.")
    except NoLog as error:
        print(f"{options.log}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `| head` has seen enough
        sys.stderr.close()
    return 0


def read(path: Path, saga: str | None = None) -> list[Record]:
    """The records of a log on disk, all or those of one saga. Raises NoLog, with the reason."""
    if not path.exists():
        raise NoLog("there is no such file")
    if not path.is_file():
        raise NoLog("this is no file")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise NoLog(f"it cannot be opened: {error}") from error
    connection.row_factory = sqlite3.Row
    try:
        columns = [row["name"] for row in connection.execute("PRAGMA table_info(saga_log)")]
        if not set(COLUMNS) <= set(columns):
            there = ", ".join(name for (name,) in connection.execute("SELECT name FROM sqlite_schema"))
            raise NoLog(f"this database has no saga log in it; its tables: {there or 'none'}")
        select = "SELECT * FROM saga_log WHERE saga = ?1 OR ?1 IS NULL ORDER BY position"
        rows = [dict(row) for row in connection.execute(select, (saga,))]
    except sqlite3.OperationalError as error:
        raise NoLog(f"it cannot be read: {error}") from error
    except sqlite3.DatabaseError as error:
        raise NoLog(f"this is no SQLite database, or a damaged one: {error}") from error
    finally:
        connection.close()
    records = []
    for row in rows:
        try:
            records.append(record_of(row))
        except (ValueError, TypeError) as error:
            raise NoLog(f"record {row['position']} is none of a saga log: {error}") from error
    return records


def story(saga: str, records: list[Record]) -> tuple[list[str], bool]:
    """A saga in lines of text, and whether it has ended. Raises NoLog for one that cannot be."""
    progress = Progress(saga)
    lines = []
    for record in records:
        try:
            progress = progress.after(record)
        except (IllegalMove, KeyError, TypeError, ValueError) as error:
            raise NoLog(f"record {record.position} cannot be: {error}") from error
        lines.append(_line(record, progress))
    head = f"{saga} ({progress.making}): {progress.state}" + (
        f", {progress.reason}" if progress.reason else ""
    )
    steps = ", ".join(f"{step} {state}" for step, state in progress.steps.items())
    return [head, *lines, f"  steps: {steps}", *_next(progress)], progress.ended


def _line(record: Record, progress: Progress) -> str:
    detail = progress.data if record.event is Event.BEGIN else record.detail
    text = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
    what = f"{record.event:<8} {record.step or '':<12} {'' if detail is None else text}"
    return f"  {record.position:>6} {record.at:>12.3f} s  {what}".rstrip()


def _next(progress: Progress) -> Iterator[str]:
    move = progress.next()
    if move is not None:
        what = "compensation" if move.event is Event.UNDO else "command"
        again = f"; its {what} may have been sent, and is sent again" if move.again else ""
        yield f"  next: {' '.join(filter(None, (move.event, move.step)))}{again}"


if __name__ == "__main__":
    raise SystemExit(main())
