"""Exercise 14 through the grade: untouched, and solved. Its wrong answers have tests of their own."""

import pytest

from classroom.grading.course import Course, numbered
from classroom.grading.grade import Limits, grade_file
from classroom.grading.splice import pristines

PATIENT = Limits(timeout=600)  # these tests are of verdicts, not of this machine's speed


@pytest.fixture(scope="module")
def known():
    return pristines(Course.here().solutions)


def test_the_untouched_exercise_is_unfinished_and_says_whose_turn_it_is(known):
    row = grade_file(numbered(Course.here().exercises)["14"], known, PATIENT)
    assert (row.status, row.promise) == ("unfinished", "")
    assert "your turn: find the span that worked longest itself" in row.message


def test_the_solution_passes(known):
    row = grade_file(numbered(Course.here().solutions)["14"], known, PATIENT)
    assert (row.status, row.message) == ("passed", "")
