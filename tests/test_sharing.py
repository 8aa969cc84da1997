"""What `make test` does when it shares the tests out to several processes: what stays together, what is told.

Not here  That each part of `make test` passes: it says so itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tests.__main__ import ALL_CORES, COMPILED, environment, parts
from tests.conftest import together
from tests.repository import ROOT

TESTS = """
import pytest

def test_measures(record_property):
    record_property("measured", "seven")

@pytest.mark.parametrize("number", range(2))
def test_lacks(number):
    pytest.skip("a part: not here")
"""


@pytest.mark.parametrize(
    ("test", "piece"),
    [
        ("tests/test_a.py::test_one", "tests/test_a.py"),
        ("tests/test_a.py::test_one[x]", "tests/test_a.py"),
        ("tests/test_a.py::TestModel::runTest", "tests/test_a.py"),
        ("tests/exercises/test_answers.py::test_one[08-x]", "tests/exercises/test_answers.py[08-x]"),
        ("tests/exercises/test_answers.py::test_two[08-x]", "tests/exercises/test_answers.py[08-x]"),
        ("tests/minibroker/engines/test_a.py::test_one", "tests/minibroker/engines/"),
        ("tests/minibroker/engines/test_b.py::test_one", "tests/minibroker/engines/"),
    ],
)
def test_the_tests_of_a_file_stay_together_and_so_do_those_of_one_answer_or_of_real_brokers(test, piece):
    assert together(test) == piece


def test_the_tests_come_last_so_that_the_last_count_is_theirs():
    assert list(parts([]))[-1] == "tests"


def test_who_wants_no_compiled_files_beside_the_sources_gets_them_elsewhere():
    asked = environment({"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/"})
    assert asked == {"HOME": "/", "PYTHONPYCACHEPREFIX": str(COMPILED)}
    assert (
        environment({"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/x"})["PYTHONPYCACHEPREFIX"]
        == "/x"
    )
    assert environment({"HOME": "/"}) == {"HOME": "/"}


@pytest.fixture(scope="module")
def shared_out(tmp_path_factory):
    """Give three tests to another process, by way of this folder's conftest.py. shared_out(options)."""
    place = tmp_path_factory.mktemp("shared")
    (place / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", place / "tests")
    (place / "tests" / "test_three.py").write_text(TESTS, encoding="utf-8")
    (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

    def run(*options):
        one = ["--numprocesses=1", "-p", "no:nbval"]  # the plugin takes a second to import
        command = [sys.executable, "-m", "pytest", "tests", *ALL_CORES, *one, *options]
        return subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=240)

    return run


def test_what_was_measured_and_what_was_not_run_is_told_by_the_one_who_shares_out(shared_out):
    ended = shared_out()
    told = ended.stdout.splitlines()
    assert "MEASURED: seven" in told
    assert "NOT RUN (2): a part: not here" in told
    assert re.search(r"=+ 1 passed, 2 skipped in [\d.]+s", told[-1])
    assert ended.returncode == 0


def test_a_part_that_ran_no_test_has_not_passed(shared_out):
    assert shared_out("-k", "nothing_is_called_so").returncode != 0
