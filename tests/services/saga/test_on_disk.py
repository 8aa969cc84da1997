"""A saga log on a real file: killed with kill -9, gone on with, and told by `python -m services.saga`."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from services.saga.__main__ import main
from tests.repository import ROOT

KINDS = {"all goes well": ["flight", "hotel", "visa", "mail"], "no visa": []}


def travel(folder: Path, kind: str, *, killed_at: int) -> int:
    command = [sys.executable, "-m", "tests.services.saga.killed", str(folder), kind, str(killed_at)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


def done(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "services.sqlite")) as db:
        return [what for (what,) in db.execute("SELECT what FROM done ORDER BY rowid")]


def get_over(folder: Path, kind: str, killed_at: int) -> bool:
    """Kill it there, let it go on, and look: is all as if nothing had been? False: it did not get so far."""
    folder.mkdir(exist_ok=True)
    first = travel(folder, kind, killed_at=killed_at)
    if first == 0:
        return False
    assert first == -signal.SIGKILL
    assert travel(folder, kind, killed_at=0) == 0
    assert done(folder) == KINDS[kind]
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")
@pytest.mark.parametrize("killed_at", [7, 12, 19])
def test_a_coordinator_that_was_killed_goes_on_from_its_file(tmp_path, killed_at):
    assert get_over(tmp_path, "no visa", killed_at)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_before_and_after_every_commit_of_a_real_file(tmp_path, kind, record_property):
    killed_at = 1
    while get_over(tmp_path / str(killed_at), kind, killed_at):
        killed_at += 1

    record_property("measured", f"{killed_at - 1} processes killed with kill -9, each got over: {kind}")
    assert killed_at > 20


# ---------------------------------------------------------------- its story


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trips")
    assert travel(folder, "no visa", killed_at=0) == 0
    return folder / "trips.sqlite"


def test_it_tells_the_story_of_each_saga_and_how_it_ended(trips, capsys):
    assert main([str(trips)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "trip-1 (trip): compensated, visa: refused, no visa for you"
    assert [line.split()[3:5] for line in lines[1:5]] == [
        ["begin", '{"who":'],
        ["start", "flight"],
        ["done", "flight"],
        ["start", "hotel"],
    ]
    assert "  steps: flight undone, hotel undone, visa refused, mail waiting" in lines


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9 on Windows")
def test_of_one_that_has_not_ended_it_tells_what_comes_next(tmp_path, capsys):
    travel(tmp_path, "no visa", killed_at=11)

    assert main([str(tmp_path / "trips.sqlite"), "--unfinished"]) == 0
    told = capsys.readouterr().out
    assert "trip-1 (trip): running" in told
    assert "next: start flight; its command may have been sent, and is sent again" in told


def test_where_every_saga_has_ended_it_says_so(trips, capsys):
    assert main([str(trips), "--unfinished"]) == 0
    assert capsys.readouterr().out == "Every saga has ended.\n"


def test_it_changes_nothing(trips):
    before = {file.name: file.read_bytes() for file in trips.parent.iterdir()}
    main([str(trips)])
    assert {file.name: file.read_bytes() for file in trips.parent.iterdir()} == before


def test_one_saga_can_be_asked_for_and_one_that_is_not_there_is_an_error(trips, capsys):
    assert main([str(trips), "--saga", "trip-1"]) == 0
    assert capsys.readouterr().out.startswith("trip-1 (trip): compensated")
    assert main([str(trips), "--saga", "trip-2"]) == 1
    assert capsys.readouterr().err == f"{trips}: there is no saga 'trip-2' in it\n"


def broken(tmp_path: Path, trips: Path, how: str) -> Path:
    path = tmp_path / "log.sqlite"
    if how == "a folder":
        path.mkdir()
    elif how == "no database":
        path.write_text("dear diary " * 200)
    elif how in ("empty", "another's"):
        with closing(sqlite3.connect(path)) as db, db:
            if how == "another's":
                db.execute("CREATE TABLE orders (n)")
    elif how != "missing":
        with closing(sqlite3.connect(trips)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)
            with target:
                if how == "unknown event":
                    target.execute("UPDATE saga_log SET event = 'explode' WHERE position = 3")
                if how == "out of turn":
                    target.execute("DELETE FROM saga_log WHERE position = 4")
                if how == "bad detail":
                    target.execute("UPDATE saga_log SET detail = '{' WHERE position = 1")
                if how == "other detail":
                    target.execute("UPDATE saga_log SET detail = '[]' WHERE position = 1")
        if how == "damaged":
            data = bytearray(path.read_bytes())
            data[100:3000] = b"\xff" * 2900
            path.write_bytes(bytes(data))
        if how == "cut short":
            path.write_bytes(path.read_bytes()[:5000])
    return path


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("missing", "there is no such file"),
        ("a folder", "this is no file"),
        ("no database", "this is no SQLite database"),
        ("empty", "has no saga log in it; its tables: none"),
        ("another's", "has no saga log in it; its tables: orders"),
        ("damaged", "this is no SQLite database, or a damaged one"),
        ("cut short", "this is no SQLite database, or a damaged one"),
        ("unknown event", "record 3 is none of a saga log: 'explode' is not a valid Event"),
        ("out of turn", "record 5 cannot be: saga trip-1, record 5: "),
        ("bad detail", "record 1 is none of a saga log: "),
        ("other detail", "record 1 cannot be: "),
    ],
)
def test_a_file_that_is_no_log_is_refused_with_its_reason(tmp_path, trips, capsys, how, words):
    path = broken(tmp_path, trips, how)

    assert main([str(path)]) == 1
    heard = capsys.readouterr()
    assert heard.err.startswith(f"{path}: ") and words in heard.err
    assert path.exists() == (how != "missing")


def test_an_empty_log_is_no_error(tmp_path, trips, capsys):
    path = tmp_path / "log.sqlite"
    shutil.copy(trips, path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM saga_log")

    assert main([str(path)]) == 0
    assert capsys.readouterr().out == "The log is empty: no saga has begun.\n"
