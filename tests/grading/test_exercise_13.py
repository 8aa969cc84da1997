"""Exercise 13 through the grade: the row says which stages are kept; the stretch costs nobody anything."""

from pathlib import Path

import pytest

from classroom.grading.course import Course, numbered
from classroom.grading.grade import Limits, grade_file
from classroom.grading.notebook import read
from classroom.grading.splice import pristines
from tests.grading import tiny

PATIENT = Limits(timeout=600)  # these tests are of verdicts, not of this machine's speed
ANSWERS = Path(__file__).parents[1] / "answers" / "13"


@pytest.fixture(scope="module")
def known():
    return pristines(Course.here().solutions)


def handed_in(folder, name):
    """The exercise with one of the answers that are known to be wrong, or odd, less its imports."""
    lines = (ANSWERS / f"{name}.py").read_text(encoding="utf-8").splitlines()
    source = "\n".join(line for line in lines if not line.startswith("from "))
    nb = read(numbered(Course.here().exercises)["13"])
    for cell in nb.cells:
        if "answer" in cell.metadata:
            cell.source = source
    return tiny.write(nb, folder / "ada.ipynb")


def test_the_untouched_exercise_is_unfinished_and_says_whose_turn_it_is(known):
    row = grade_file(numbered(Course.here().exercises)["13"], known, PATIENT)
    assert (row.status, row.promise, row.stages) == ("unfinished", "", "")
    assert "your turn: bring the order to its end" in row.message


def test_who_has_done_the_first_stage_has_earned_it(tmp_path, known):
    row = grade_file(handed_in(tmp_path, "wrong_lets_a_refusal_escape"), known, PATIENT)
    assert (row.status, row.promise, row.stages) == ("failed", "undone", "A")


def test_an_answer_that_knows_nothing_of_cancellations_passes_with_all_stages(tmp_path, known):
    row = grade_file(handed_in(tmp_path, "odd_writes_the_end"), known, PATIENT)
    assert (row.status, row.message, row.stages) == ("passed", "", "A B C")
