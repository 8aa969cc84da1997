"""Verdicts reach the grade by a signed file, or are not believed."""

import json

import pytest

from classroom.grading import verdicts
from classroom.grading.verdicts import Forged, Verdict, read, report

SECRET = "between us"


@pytest.fixture
def told(tmp_path, monkeypatch):
    """The file of a grade that is listening to this process."""
    path = tmp_path / "verdicts.jsonl"
    monkeypatch.setenv(verdicts.FILE, str(path))
    monkeypatch.setattr(verdicts, "_secret", SECRET)
    monkeypatch.setattr(verdicts, "_counter", iter(range(1, 100)))
    return path


def test_what_is_reported_is_read_in_its_order(told):
    report("08", "failed", promise="once", message="Ada was charged twice", runs=12, seconds=0.1234)
    report("10", "passed", runs=150, seconds=3)
    report("13", "failed", promise="undone", stages="A B")
    assert read(told, SECRET) == [
        Verdict("08", "failed", "once", "Ada was charged twice", 12, 0.123),
        Verdict("10", "passed", "", "", 150, 3),
        Verdict("13", "failed", "undone", stages="A B"),
    ]


def test_without_a_grade_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv(verdicts.FILE, raising=False)
    monkeypatch.chdir(tmp_path)
    report("08", "passed")
    assert list(tmp_path.iterdir()) == []


def test_a_grade_that_heard_nothing_has_no_verdicts(tmp_path):
    assert read(tmp_path / "verdicts.jsonl", SECRET) == []


def test_a_status_that_does_not_exist_is_refused(told):
    with pytest.raises(ValueError, match="passed, failed, unfinished; got 'PASS'"):
        report("08", "PASS")


def test_the_secret_does_not_stand_in_the_file(told):
    report("08", "passed")
    assert SECRET not in told.read_text(encoding="utf-8")


def changed(line, **fields):
    return json.dumps(json.loads(line) | fields)


@pytest.mark.parametrize(
    "forge",
    [
        lambda line: changed(line, status="passed"),
        lambda line: changed(line, token="0" * 64),
        lambda line: line + "\n" + line,
        lambda line: line + "\nPASS",
        lambda line: "[]",
        lambda line: json.dumps({"exercise": "08", "status": "passed"}),
    ],
    ids=["changed", "another signature", "twice", "no JSON", "no object", "not signed"],
)
def test_a_line_that_report_did_not_write_is_seen(told, forge):
    report("08", "failed", promise="once")
    told.write_text(forge(told.read_text(encoding="utf-8").strip()), encoding="utf-8")
    with pytest.raises(Forged, match=r"verdict [12] "):
        read(told, SECRET)
