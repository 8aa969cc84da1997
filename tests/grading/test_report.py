"""Rows as lines, as a table and as JUnit, whatever the file names hold."""

import csv
import io
from xml.etree import ElementTree as ET

import pytest

from classroom.grading import report
from classroom.grading.report import Row

ROWS = [
    Row("ada/08.ipynb", "08", "passed", "", 9.2, ""),
    Row("bob/08.ipynb", "08", "failed", "once", 4.0, "order 1 was charged twice"),
    Row("cy/08.ipynb", "", "invalid", "", 0.0, "it is empty"),
]


def row(**fields):
    return Row(
        **(
            {"file": "a", "exercise": "08", "status": "failed", "promise": "", "seconds": 0, "message": ""}
            | fields
        )
    )


def table(rows):
    return list(csv.reader(io.StringIO(report.as_csv(rows))))


def test_a_line_has_status_exercise_seconds_file_and_reason_in_columns():
    assert [report.line(row, width=14) for row in ROWS] == [
        "passed      08    9.2 s  ada/08.ipynb",
        "failed      08    4.0 s  bob/08.ipynb    once: order 1 was charged twice",
        "invalid     --    0.0 s  cy/08.ipynb     it is empty",
    ]


def test_a_long_reason_is_cut_and_a_line_stays_one_line():
    line = report.line(row(message="a\nb" + "c" * 500), cut=20)
    assert line.endswith("a bcccccccccccccccc…")
    assert len(line.splitlines()) == 1


def test_a_name_cannot_speak_to_the_terminal():
    line = report.line(row(file="\x1b[2Jx\ny\u202egpj.ipynb\udcff"))
    assert "\x1b" not in line and "\n" not in line and "\u202e" not in line
    assert "\\x1b[2Jx y\\u202egpj.ipynb\\udcff" in line
    line.encode()


def test_the_summary_counts_each_status():
    assert report.summary(ROWS) == "3 files: 1 passed, 1 failed, 1 invalid"
    assert report.summary(ROWS[:1]) == "1 file: 1 passed"


def test_the_table_has_the_six_columns():
    assert table(ROWS) == [
        ["file", "exercise", "status", "promise", "seconds", "stages"],
        ["ada/08.ipynb", "08", "passed", "", "9.2", ""],
        ["bob/08.ipynb", "08", "failed", "once", "4.0", ""],
        ["cy/08.ipynb", "", "invalid", "", "0.0", ""],
    ]


IN_PART = row(file="dee.ipynb", exercise="13", promise="undone", message="5 lamps are gone", stages="A")


def test_what_a_failed_submission_has_earned_stands_in_the_line_the_table_and_junit():
    assert report.line(IN_PART).endswith("[stages kept: A] undone: 5 lamps are gone")
    assert table([IN_PART])[1][-1] == "A"
    assert ET.fromstring(report.as_junit([IN_PART]))[0][0][0].text == "stages kept: A. 5 lamps are gone"


@pytest.mark.parametrize("name", ["=1+1.ipynb", "+x", "-x", "@SUM(A1)", "\t=x", "=HYPERLINK(\"u\",'v')"])
def test_a_name_cannot_be_a_formula(name):
    assert table([row(file=name)])[1][0][0] not in "=+-@\t\r"


def test_a_name_with_quotes_commas_and_line_breaks_stays_one_cell():
    assert table([row(file='a,"b"\nc.ipynb')])[1][0] == 'a,"b" c.ipynb'


def test_junit_counts_failures_and_errors_and_tells_each():
    suite = ET.fromstring(report.as_junit(ROWS))[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    passed, failed, invalid = suite
    assert (passed.get("name"), list(passed)) == ("ada/08.ipynb", [])
    assert (failed[0].tag, failed[0].get("type"), failed[0].get("message")) == ("failure", "failed", "once")
    assert failed[0].text == "order 1 was charged twice"
    assert (invalid[0].tag, invalid[0].text) == ("error", "it is empty")


def test_junit_stays_xml_whatever_a_message_holds():
    made = report.as_junit([row(file="<a>&\x00\ud800", message="]]> \x08 <b> é")])
    assert "]]> ? <b> é" in ET.fromstring(made)[0][0][0].text


def test_the_files_are_replaced_as_a_whole_or_stay_as_they_were(tmp_path, monkeypatch):
    report.write(ROWS[:1], tmp_path)
    before = (tmp_path / "grades.csv").read_bytes()

    def full(self, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        report.write(ROWS, tmp_path)
    assert (tmp_path / "grades.csv").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grades.csv", "junit.xml"]
