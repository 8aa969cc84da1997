"""doctor, start, reset, check, hint: what a learner types, and what comes back."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

from classroom import exercises
from classroom.__main__ import main
from classroom.commands import doctor
from classroom.commands.hint import forget, hint
from classroom.grading import generate
from classroom.grading.course import Course
from tests.grading import tiny


@dataclass(frozen=True)
class Ladder:
    number: str = "70"
    title: str = "Double it"
    hints: tuple[str, ...] = (
        "What is twice 1?",
        "Look at the body of double.",
        "Add n to itself, and return it.",
    )


@pytest.fixture
def course(tmp_path):
    """A course with one lesson and one exercise, both of number 70."""
    made = tiny.course(tmp_path / "course")
    generate.main([], course=made)
    tiny.write(tiny.solution(), made.lessons / "70_lesson.ipynb")
    return made


@pytest.fixture
def classroom(course, capsys):
    """Run a command: exit status, stdout, stderr."""

    def classroom(*arguments):
        capsys.readouterr()
        try:
            status = main([str(each) for each in arguments], course=course)
        except SystemExit as stopped:
            status = stopped.code
        told = capsys.readouterr()
        return status, told.out, told.err

    return classroom


# ---------------------------------------------------------------- start


def test_start_copies_lessons_and_exercises_without_outputs(classroom, course):
    status, out, _ = classroom("start")
    assert status == 0
    assert "2 new, 0 kept" in out
    lesson = json.loads((course.desk / "lessons" / "70_lesson.ipynb").read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in lesson["cells"])
    exercise = (course.desk / "exercises" / tiny.NAME).read_text(encoding="utf-8")
    assert exercise == (course.exercises / tiny.NAME).read_text(encoding="utf-8")


def test_start_never_overwrites_and_says_what_it_kept(classroom, course):
    classroom("start")
    mine = course.desk / "exercises" / tiny.NAME
    mine.write_text("my work", encoding="utf-8")
    status, out, _ = classroom("start")
    assert (status, mine.read_text(encoding="utf-8")) == (0, "my work")
    assert "kept  exercises/70_tiny.ipynb (yours)" in out
    assert "0 new, 2 kept" in out


def test_start_takes_another_folder(classroom, tmp_path):
    status, _, _ = classroom("start", tmp_path / "elsewhere")
    assert status == 0
    assert (tmp_path / "elsewhere" / "exercises" / tiny.NAME).exists()


def test_a_full_disk_leaves_no_half_notebook_that_would_be_kept(classroom, course, monkeypatch):
    def full(self, *args, **kwargs):
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(type(course.root), "write_text", full)
    status, _, err = classroom("start")
    assert status == 2
    assert "No space left on device" in err
    assert list((course.desk / "lessons").iterdir()) == []


def test_start_where_a_file_is_in_the_way_says_so(classroom, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    status, _, err = classroom("start", tmp_path / "file")
    assert status == 2
    assert "cannot be made" in err


def test_a_package_without_its_clone_says_what_is_needed(tmp_path, capsys):
    assert main(["start"], course=Course(tmp_path)) == 2
    assert "start needs the whole clone" in capsys.readouterr().err


# ---------------------------------------------------------------- reset


def test_reset_keeps_a_copy_and_lays_out_a_fresh_one(classroom, course):
    classroom("start")
    mine = course.desk / "exercises" / tiny.NAME
    mine.write_text("my work", encoding="utf-8")
    status, out, _ = classroom("reset", "70")
    (saved,) = (course.desk / "saved").iterdir()
    assert (status, saved.read_text(encoding="utf-8")) == (0, "my work")
    assert saved.name.startswith("70_tiny.exercises.20")
    assert mine.read_text(encoding="utf-8") == (course.exercises / tiny.NAME).read_text(encoding="utf-8")
    assert str(saved) in out


def test_two_resets_in_one_second_keep_two_copies(classroom, course):
    classroom("start")
    for work in ("first", "second"):
        (course.desk / "exercises" / tiny.NAME).write_text(work, encoding="utf-8")
        classroom("reset", "70")
    kept = sorted(path.read_text(encoding="utf-8") for path in (course.desk / "saved").iterdir())
    assert kept == ["first", "second"]


def test_what_is_fresh_is_not_saved(classroom, course):
    classroom("start")
    status, out, _ = classroom("reset", "70")
    assert status == 0
    assert not (course.desk / "saved").exists()
    assert "saved" not in out


# ---------------------------------------------------------------- what is asked for and is not there


@pytest.mark.parametrize("command", ["reset", "check"])
def test_a_number_that_does_not_exist_is_told_which_do(classroom, command):
    classroom("start")
    status, _, err = classroom(command, "7x")
    assert status == 2
    assert err.endswith("'7x'; there are: 70\n")


@pytest.mark.parametrize("command", ["reset", "check", "hint"])
def test_before_start_each_command_says_so(classroom, command):
    status, _, err = classroom(command, "70")
    assert status == 2
    assert "there is no desk at" in err and "python -m classroom start makes it" in err


def test_a_copy_that_was_deleted_is_told_how_to_come_back(classroom, course):
    classroom("start")
    (course.desk / "exercises" / tiny.NAME).unlink()
    status, _, err = classroom("check", "70")
    assert status == 2
    assert "70_tiny.ipynb is not there: python -m classroom start makes it" in err


@pytest.mark.parametrize(
    "arguments",
    [(), ("graed", "x"), ("grade",), ("grade", "x", "--timeout", "0"), ("grade", "x", "--timeout", "soon")],
)
def test_a_command_that_is_no_command_is_usage(classroom, arguments):
    status, _, err = classroom(*arguments)
    assert status == 2
    assert err.startswith("usage: python -m classroom")


def test_an_out_that_cannot_be_made_stops_before_anything_is_graded(classroom, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    status, out, err = classroom("grade", tmp_path, "--out", tmp_path / "file" / "deep")
    assert (status, out) == (2, "")
    assert "cannot be made" in err


# ---------------------------------------------------------------- check


def test_check_is_grade_on_the_desks_copy(classroom, course):
    """A kernel is not needed to see it: the copy is one that the screen refuses."""
    classroom("start")
    answer = "import os\ndef double(n): return n"
    tiny.write(tiny.submission(double=answer), course.desk / "exercises" / tiny.NAME)
    status, checked, _ = classroom("check", "70")
    _, graded, _ = classroom("grade", course.desk / "exercises")
    assert status == 1
    assert checked.splitlines()[0] == graded.splitlines()[0]
    assert checked.startswith("refused     70 ")
    assert "A hint: python -m classroom hint 70" in checked


# ---------------------------------------------------------------- hint


def test_hints_come_one_at_a_time_and_then_there_is_no_further_one(tmp_path, capsys):
    told = []
    for _ in range(5):
        assert hint(Ladder(), tmp_path) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == "Exercise 70, Double it: hint 1 of 3\n\nWhat is twice 1?\n"
    assert "hint 3 of 3\n\nAdd n to itself" in told[2]
    assert told[3] == told[4]
    assert told[3].startswith("There is no further hint for exercise 70.")
    assert "1  What is twice 1?" in told[3]


def test_a_reset_begins_the_hints_anew(tmp_path, capsys):
    hint(Ladder(), tmp_path)
    forget("70", tmp_path)
    capsys.readouterr()
    hint(Ladder(), tmp_path)
    assert "hint 1 of 3" in capsys.readouterr().out


@pytest.mark.parametrize("stored", ["", "[]", '{"70": "two"}', '{"70": -4}', "{"])
def test_a_file_of_hints_that_makes_no_sense_begins_anew(tmp_path, capsys, stored):
    (tmp_path / ".hints.json").write_text(stored, encoding="utf-8")
    hint(Ladder(), tmp_path)
    assert "hint 1 of 3" in capsys.readouterr().out


def test_every_exercise_has_three_hints_without_code(tmp_path, capsys):
    for number in exercises.numbers():
        exercise = exercises.load(number)
        assert (exercise.number, len(exercise.hints)) == (number, 3)
        assert not any(mark in text for text in exercise.hints for mark in ("```", "def ", "await ", " = "))


def test_hint_takes_a_short_number_and_names_what_exists(capsys, tmp_path):
    assert main(["hint", "8", "--desk", str(tmp_path)]) == 0
    assert "Exercise 08" in capsys.readouterr().out
    assert main(["hint", "8x", "--desk", str(tmp_path)]) == 2
    assert re.match(r"no exercise '8x'; there are: .*\b08\b", capsys.readouterr().err)


# ---------------------------------------------------------------- doctor


def test_the_doctor_names_what_is_missing_and_what_that_costs(tmp_path):
    text = '[project]\ndependencies = ["pytest>=999", "nbval>=0.1", "no-such-thing>=1"]\n'
    text += '[project.optional-dependencies]\nengines = ["aio-nothing>=1"]\notlp = ["no-export"]\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    told = [str(finding) for finding in doctor.packages(Course(tmp_path))]
    assert told[0].split() == ["ok", "packages", "1", "of", "3"]
    assert (
        told[1].startswith("missing  pytest")
        and "999 or newer is needed; without it: check and grade" in told[1]
    )
    assert told[2].startswith("missing  no-such-thing") and "not installed" in told[2]
    assert [line.split()[:2] for line in told[3:]] == [["without", "aio-nothing"], ["without", "no-export"]]


def test_the_doctor_finds_every_package_of_the_course_here():
    states = [finding.state for finding in doctor.packages(Course.here())]
    assert "missing" not in states


def test_the_doctor_names_a_python_that_is_too_old():
    assert "3.10.2; the course needs 3.11 or newer" in str(doctor.python(Course.here(), (3, 10, 2)))


def test_the_doctor_misses_a_course_without_notebooks(tmp_path):
    assert doctor.clone(Course(tmp_path)).state == "missing"


def test_help_is_one_process_without_the_parts_that_take_long():
    """By what it imports, not by its seconds: those are the machine's."""
    code = (
        "import sys, classroom.__main__ as m\ntry: m.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'nbformat', 'fastapi', 'matplotlib', 'pytest', 'hypothesis'} & sys.modules.keys()))"
    )
    root = Course.here().root
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
