"""The rows of a grade: a line for a reader, junit.xml for a machine, grades.csv for a table.

Idea      Both files are written anew after each row, under another name first, so that a grade that
          is interrupted leaves whole files with what it had. Names of files come from outside: they
          may hold line breaks, escape sequences for a terminal, or a formula for a spreadsheet.
Not here  How a row comes about (grade.py).
Source    OWASP, "CSV Injection"; the JUnit XML schema that CI servers read.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from classroom.grading.files import replace

STATUSES = ("passed", "failed", "unfinished", "timed_out", "invalid", "refused")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute, were it not quoted
COLUMNS = ("file", "exercise", "status", "promise", "seconds", "stages")
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One submission. promise: the name of the first one broken. seconds: the grading took.

    stages: of an exercise that is graded in stages, those that are kept: "A B".
    """

    file: str
    exercise: str
    status: str
    promise: str
    seconds: float
    message: str
    stages: str = ""


def printable(text: str) -> str:
    """The text on one line, with whatever a terminal would not just show as an escape."""
    return "".join(
        char if char.isprintable() else " " if char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def line(row: Row, *, width: int = 0, cut: int = 200) -> str:
    """One line for one row. width: of the column of file names. cut: of the message."""
    earned = f"[stages kept: {row.stages}] " if row.stages and row.status != "passed" else ""
    message = printable(earned + (f"{row.promise}: {row.message}" if row.promise else row.message))
    if len(message) > cut:
        message = message[: cut - 1] + "…"
    name = printable(row.file).ljust(width)
    return f"{row.status:10}  {row.exercise or '--':2}  {row.seconds:5.1f} s  {name}  {message}".rstrip()


def summary(rows: list[Row]) -> str:
    """How many there are of each status."""
    counts = Counter(row.status for row in rows)
    parts = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
    return f"{len(rows)} file{'' if len(rows) == 1 else 's'}: {parts}"


def write(rows: list[Row], folder: Path) -> None:
    """Write junit.xml and grades.csv. Raises OSError; then the files are as they were before."""
    replace(folder / "grades.csv", as_csv(rows))
    replace(folder / "junit.xml", as_junit(rows))


def as_csv(rows: list[Row]) -> str:
    """A table of the columns above, in UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = (printable(row.file), row.exercise, row.status, row.promise, f"{row.seconds:.1f}", row.stages)
        writer.writerow("'" + cell if cell.startswith(FORMULA) else cell for cell in cells)
    return text.getvalue()


def as_junit(rows: list[Row]) -> str:
    """A test case for each row; what is not passed is a failure, what could not be run an error."""
    suite = ET.Element("testsuite", name="broken-on-purpose", tests=str(len(rows)))
    bad = {"invalid", "refused"}
    suite.set("errors", str(sum(row.status in bad for row in rows)))
    suite.set("failures", str(sum(row.status not in bad | {"passed"} for row in rows)))
    suite.set("skipped", "0")
    suite.set("time", f"{sum(row.seconds for row in rows):.1f}")
    for row in rows:
        case = ET.SubElement(suite, "testcase", name=_xml(printable(row.file)), time=f"{row.seconds:.1f}")
        case.set("classname", f"exercise.{row.exercise or 'unknown'}")
        if row.status != "passed":
            kind = "error" if row.status in bad else "failure"
            reason = ET.SubElement(case, kind, type=row.status, message=_xml(row.promise or row.message))
            reason.text = _xml(f"stages kept: {row.stages}. {row.message}" if row.stages else row.message)
    tree = ET.Element("testsuites")
    tree.append(suite)
    ET.indent(tree)
    return ET.tostring(tree, encoding="unicode", xml_declaration=False) + "\n"


def _xml(text: str) -> str:
    return NOT_IN_XML.sub("?", text)
