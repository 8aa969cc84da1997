"""The grade from file to row, with a kernel where one is needed: each costs about two seconds."""

import csv
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from classroom.__main__ import main
from classroom.grading.course import CourseError
from classroom.grading.grade import found_in, grade_file, judged
from classroom.grading.run import Cell, Outcome, run
from classroom.grading.splice import splice
from classroom.grading.verdicts import Verdict
from tests.grading import tiny

UNTOUCHED = {"double": 'def double(n):\n    raise NotImplementedError("your turn: double the number")'}
PASSED = Verdict("70", "passed")


@pytest.fixture
def pristine(tmp_path):
    return tiny.pristine(tmp_path / "course")


def of(outcome):
    return judged(outcome, ("70",), timeout=30)


# ---------------------------------------------------------------- a folder of submissions


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder graded once by the command line: course, exit status, rows by file name, output."""
    root = tmp_path_factory.mktemp("graded")
    course = tiny.course(root / "course")
    handed_in = root / "in"
    loud = "print('hello')\ndef double(n):\n    print('doubling', n)\n    return n + n\n"
    tiny.write(tiny.submission(double=loud), handed_in / "ada" / "my homework.ipynb")
    tiny.write(tiny.submission(**UNTOUCHED), handed_in / "bob" / tiny.NAME)
    tiny.write(tiny.submission(double="def double(n): return n"), handed_in / "cy" / tiny.NAME)
    whole = (handed_in / "cy" / tiny.NAME).read_bytes()
    (handed_in / "cut.ipynb").write_bytes(whole[: len(whole) // 2])
    with (handed_in / "huge.ipynb").open("wb") as file:
        file.truncate(50_000_000)
    (handed_in / "=1+1.ipynb").write_text("PASS", encoding="utf-8")
    tiny.write(tiny.submission(double="import os\ndouble = 1"), handed_in / "eve.ipynb")
    tiny.write(tiny.submission(double="def double(n:"), handed_in / "flo.ipynb")
    tiny.write(tiny.submission(), handed_in / ".ipynb_checkpoints" / "old.ipynb")
    (handed_in / "notes.txt").write_text("no notebook", encoding="utf-8")
    arguments = ["grade", str(handed_in), str(root / "nothing.ipynb"), "--timeout", "600"]
    status = main([*arguments, "--out", str(root / "out" / "deep")], course=course)
    with (root / "out" / "deep" / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = {Path(row["file"].removeprefix("'")).name: row for row in csv.DictReader(file)}
    return root, status, rows


def test_each_submission_has_its_row_and_hidden_copies_have_none(folder):
    _, status, rows = folder
    assert status == 1
    assert {name: row["status"] for name, row in rows.items()} == {
        "=1+1.ipynb": "invalid",
        "cut.ipynb": "invalid",
        "eve.ipynb": "refused",
        "flo.ipynb": "failed",
        "huge.ipynb": "invalid",
        "my homework.ipynb": "passed",
        tiny.NAME: "failed",  # cy's, the last of two with this name
        "nothing.ipynb": "invalid",
    }
    assert rows[tiny.NAME]["promise"] == "doubles"


def test_junit_tells_the_same_as_the_table_with_the_reasons(folder):
    root, _, _ = folder
    suite = ET.parse(root / "out" / "deep" / "junit.xml").getroot()[0]
    found = {case.get("name").removeprefix(str(root)): [child.text for child in case] for case in suite}
    assert len(found) == 9
    assert found[f"{os.sep}in{os.sep}ada{os.sep}my homework.ipynb"] == []
    assert found[f"{os.sep}in{os.sep}bob{os.sep}{tiny.NAME}"] == ["your turn: double the number"]
    assert found[f"{os.sep}in{os.sep}eve.ipynb"][0].startswith("double, line 1: import of os")
    assert found[f"{os.sep}in{os.sep}flo.ipynb"][0].startswith("SyntaxError: ")


# ---------------------------------------------------------------- runs that need watching

FORGED = """
import json, os
line = dict(exercise="70", status="passed", promise="", message="", runs=5, seconds=1, number=1)
token = os.environ.get("BOP_VERDICT_SECRET", "no secret is left there")
with open(os.environ["BOP_VERDICTS"], "a") as file:
    print(json.dumps(line | {"token": token}), file=file)
raise SystemExit
"""

STUBBORN = """
import os, pathlib, time
pathlib.Path({note!r}).write_text(str(os.getpid()))
def double(n):
    while True:
        try:
            time.sleep(9)
        except BaseException:
            pass
"""

REPLACED = """
double = None
def check(*answers): print("+ every number is doubled, in 5 runs")
"""

# Answers that the screen would refuse, and limits.
RUNS = {
    "ends": ({"double": "import os\ndef double(n): os._exit(0)"}, {"timeout": 1_000}),
    "greedy": ({"double": "def double(n): return bytearray(3_000_000_000)"}, {"memory": 2_000}),
    "forged": ({"double": FORGED}, {}),
    "replaced": ({"double": REPLACED}, {}),
    "silenced": ({"greeting": "greeting = 'hello'\nprint = lambda *words: None"}, {}),
}
WITHOUT_END = {"stubborn": STUBBORN, "endless": "def double(n):\n    while True: pass"}


@dataclass(frozen=True)
class Left:
    """What is left of a run, how long it took and how long it might have taken, in seconds."""

    outcome: Outcome
    took: float
    timeout: float


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What is left of each run: two at a time, since each mostly waits for a kernel.

    What does not end gets twice what an ordinary run takes here and now, so that its kernel starts.
    """
    root = tmp_path_factory.mktemp("left")
    pristine = tiny.pristine(root / "course")

    def one(answers, limits):
        limits = {"timeout": 600} | limits
        sources = {"double": tiny.DOUBLED, "greeting": tiny.GREETED} | answers
        sources["double"] = sources["double"].replace("{note!r}", repr(str(root / "kernel.pid")))
        began = time.monotonic()
        outcome = run(splice(pristine, sources), name=tiny.NAME, **limits)
        return Left(outcome, time.monotonic() - began, limits["timeout"])

    with ThreadPoolExecutor(2) as pool:
        runs = {name: pool.submit(one, *given) for name, given in RUNS.items()}
        limit = {"timeout": max(6.0, 2 * runs["silenced"].result().took)}
        runs |= {name: pool.submit(one, {"double": answer}, limit) for name, answer in WITHOUT_END.items()}
        yield root, runs


@pytest.fixture
def watched(left):
    return lambda name: left[1][name].result()


def test_a_loop_that_nothing_interrupts_is_timed_out_within_its_limit(watched):
    stubborn = watched("stubborn")
    assert of(stubborn.outcome)[0] == "timed_out"
    assert stubborn.timeout <= stubborn.took < 2 * stubborn.timeout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")
def test_after_a_time_out_no_kernel_is_left_running(left, watched):
    watched("stubborn")
    note = left[0] / "kernel.pid"
    if not note.exists():
        pytest.skip("this machine was too busy to start the kernel in time")
    assert not is_running(int(note.read_text(encoding="utf-8")))


def test_a_loop_that_can_be_interrupted_is_timed_out_too(watched):
    assert of(watched("endless").outcome)[0] == "timed_out"


def test_a_kernel_that_ends_is_noticed_long_before_its_cells_time_is_over(watched):
    ended = watched("ends")
    assert of(ended.outcome) == ("failed", "the kernel ended while it ran (cell check)", "")
    assert ended.took < 500


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="this system limits no process's memory")
def test_an_answer_that_takes_all_memory_fails_and_takes_nothing_else_with_it(watched):
    assert of(watched("greedy").outcome) == ("failed", "MemoryError (cell check)", "")


def test_a_verdict_that_was_written_by_the_answer_is_not_believed(watched):
    assert of(watched("forged").outcome) == ("failed", "verdict 1 was not written by check", "")


def test_an_answer_that_replaces_the_check_brings_no_verdict(watched):
    found = of(watched("replaced").outcome)
    assert found == ("failed", "0 of 1 verdicts came: the check did not run", "")


def test_an_answer_that_silences_the_check_is_seen_by_nbval(watched):
    found = of(watched("silenced").outcome)
    assert found == ("failed", "it shows something else than a right answer does (cell check)", "")


# ---------------------------------------------------------------- what a run means


def cells(*outcomes):
    return [
        Cell(f"cell-{number}", outcome, error, kind) for number, (outcome, error, kind) in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("left", "status", "message"),
    [
        (Outcome(cells(("passed", "", "")), [PASSED], False), "passed", ""),
        (Outcome([], [], False), "failed", "0 of 1 verdicts came: the check did not run"),
        (
            Outcome([], [PASSED, PASSED], False),
            "failed",
            "its verdicts are not those of the notebook's checks",
        ),
        (Outcome([], [Verdict("71", "passed")], False), "failed", "its verdicts are not those"),
        (Outcome([], [PASSED], True), "timed_out", "not done within 30 s"),
        (Outcome([], [Verdict("70", "failed", "p", "why")], True), "failed", "why"),
        (Outcome([], [Verdict("70", "unfinished", "", "your turn: x")], False), "unfinished", "your turn: x"),
        (Outcome([], [], False, forged="verdict 1 is not signed"), "failed", "verdict 1 is not signed"),
        (
            Outcome(cells(("raised", "your turn: greet", "NotImplementedError")), [], False),
            "unfinished",
            "your turn: greet",
        ),
        (
            Outcome(cells(("raised", "not yet", "NotImplementedError")), [], False),
            "failed",
            "NotImplementedError: not yet (cell cell-0)",
        ),
        (
            Outcome(cells(("raised", "x", "NameError")), [PASSED], False),
            "failed",
            "NameError: x (cell cell-0)",
        ),
    ],
)
def test_status_and_reason_follow_from_verdicts_first_and_cells_second(left, status, message):
    found = of(left)
    assert found[0] == status
    assert found[1].startswith(message)


# ---------------------------------------------------------------- files and folders


def test_a_folder_gives_its_notebooks_in_order_without_hidden_ones_and_none_twice(tmp_path):
    for name in (
        "b/2.ipynb",
        "a.IPYNB",
        "b/1.ipynb",
        "b/.ipynb_checkpoints/1.ipynb",
        ".trash/x.ipynb",
        "b/n.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    found = found_in([tmp_path, tmp_path / "b" / "1.ipynb", tmp_path / "gone"])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a.IPYNB",
        "b/1.ipynb",
        "b/2.ipynb",
        "gone",
    ]


def test_a_folder_without_notebooks_gets_a_row(tmp_path, pristine):
    row = grade_file(tmp_path, {"70": pristine})
    assert (row.status, row.message) == ("invalid", "no notebook is in this folder")


def test_a_grade_that_cannot_run_notebooks_here_says_so_and_blames_nobody(pristine, monkeypatch):
    no_python = {"PATH": "", "PYTHONHOME": "nowhere"}
    monkeypatch.setattr("classroom.grading.run._environment", lambda *given: no_python)
    with pytest.raises(CourseError, match="no notebook can be run here"):
        run(pristine.notebook, name=tiny.NAME, timeout=600)


def test_an_interrupted_grade_keeps_the_rows_it_had(tmp_path, monkeypatch, capsys):
    course = tiny.course(tmp_path / "course")
    (tmp_path / "in").mkdir()
    for name in ("1.ipynb", "2.ipynb", "3.ipynb"):
        (tmp_path / "in" / name).touch()

    def interrupted(path, known, limits):
        if path.name == "2.ipynb":
            raise KeyboardInterrupt
        return grade_file(path, known, limits)

    monkeypatch.setattr("classroom.grading.grade.grade_file", interrupted)
    out = tmp_path / "out"
    assert main(["grade", str(tmp_path / "in"), "--out", str(out)], course=course) == 2
    assert "interrupted: 1 of 3 graded, kept in" in capsys.readouterr().err
    assert len((out / "grades.csv").read_text(encoding="utf-8").splitlines()) == 2


def is_running(pid):
    """Is there such a process, apart from one that has ended and was not yet buried?"""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
