"""Exercise 08 through the grade: untouched, solved, cheated. Its wrong answers have tests of their own."""

import importlib.util
import json
from pathlib import Path

import nbformat
import pytest

from classroom.grading.course import Course, numbered
from classroom.grading.grade import Limits, grade_file
from classroom.grading.notebook import read
from classroom.grading.splice import lift, load, pristines, recognise, splice
from tests.grading import tiny

CHEATS = Path(__file__).parents[1] / "answers" / "cheats"
PATIENT = Limits(timeout=600)  # these tests are of verdicts, not of this machine's speed
NOTHING = {
    "record_charge": "async def record_charge(db, message):\n    pass",
    "handle": "async def handle(delivery, db, card):\n    pass",
}


@pytest.fixture(scope="module")
def known():
    return pristines(Course.here().solutions)


@pytest.fixture
def handed_in(tmp_path):
    """Write the exercise with these answers, after `change` was made to the notebook."""

    def handed_in(*, change=lambda nb: None, **answers):
        nb = read(numbered(Course.here().exercises)["08"])
        for cell in nb.cells:
            if (name := cell.metadata.get("answer")) in answers:
                cell.source = answers[name]
        change(nb)
        return tiny.write(nb, tmp_path / "ada.ipynb")

    return handed_in


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def cheat_in(path):
    """STATUS and SAYS of a cheat, and the rest of it: what is handed in."""
    lines = path.read_text(encoding="utf-8").splitlines()
    told = {line for line in lines if line.startswith(("STATUS = ", "SAYS = "))}
    found = dict(line.split(" = ", 1) for line in told)
    source = "\n".join(line for line in lines if line not in told)
    return json.loads(found["STATUS"]), json.loads(found["SAYS"]), source


def test_the_untouched_exercise_is_unfinished_and_says_whose_turn_it_is(handed_in, known):
    row = grade_file(handed_in(), known, PATIENT)
    assert (row.status, row.promise) == ("unfinished", "")
    assert "your turn: " in row.message


def test_the_solution_passes(known):
    row = grade_file(numbered(Course.here().solutions)["08"], known, PATIENT)
    assert (row.status, row.message) == ("passed", "")


ANSWERS = sorted(path for path in CHEATS.glob("*.py") if path.stem != "notebooks")


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_a_cheat_in_an_answer_is_refused_with_its_reason_or_fails(handed_in, known, path):
    status, says, source = cheat_in(path)
    row = grade_file(handed_in(**NOTHING | {"handle": source}), known, PATIENT)
    assert (row.status, says in row.message) == (status, True)
    if status == "failed":
        assert row.promise in {promise.name for promise in promises()}


def promises():
    from classroom import exercises

    return exercises.load("08").promises


@pytest.mark.parametrize("cheat", module(CHEATS / "notebooks.py").CHEATS, ids=lambda cheat: cheat.__name__)
def test_a_cheat_around_the_answers_changes_nothing_of_what_is_run(handed_in, known, cheat):
    def spliced(change=lambda nb: None):
        submission = load(handed_in(**NOTHING, change=change), limit=5)
        return splice(known["08"], lift(submission, recognise(submission, known)))

    assert nbformat.writes(spliced(cheat)) == nbformat.writes(spliced())


def test_there_are_more_than_ten_cheats():
    assert len(ANSWERS) + len(module(CHEATS / "notebooks.py").CHEATS) >= 10
