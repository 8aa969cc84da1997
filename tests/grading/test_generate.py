"""exercises/ is what solutions/ makes, or `--check` says so."""

from classroom.grading.course import Course, pick
from classroom.grading.generate import main
from tests.grading import tiny


def test_exercises_are_written_once_and_are_then_in_order(tmp_path, capsys):
    course = tiny.course(tmp_path)
    assert main(["--check"], course=course) == 1
    assert "exercises/70_tiny.ipynb is not what solutions/70_tiny.ipynb makes" in capsys.readouterr().out
    assert main([], course=course) == 0
    assert main(["--check"], course=course) == 0
    capsys.readouterr()
    assert main([], course=course) == 0
    assert capsys.readouterr().out == ""


def test_an_exercise_that_was_edited_is_named_and_made_again(tmp_path, capsys):
    course = tiny.course(tmp_path)
    main([], course=course)
    made = course.exercises / tiny.NAME
    right = made.read_bytes()
    made.write_bytes(right.replace(b"double", b"triple"))
    assert main(["--check"], course=course) == 1
    assert main([], course=course) == 0
    assert made.read_bytes() == right


def test_an_exercise_whose_solution_is_gone_is_named_and_not_deleted(tmp_path, capsys):
    course = tiny.course(tmp_path)
    main([], course=course)
    (course.solutions / tiny.NAME).rename(course.solutions / "71_other.ipynb")
    left_over = course.exercises / tiny.NAME
    (course.solutions / "71_other.ipynb").unlink()
    assert main([], course=course) == 1
    assert "70_tiny.ipynb has no solution" in capsys.readouterr().out
    assert left_over.exists()


def test_a_solution_that_is_not_in_order_stops_it_with_file_cell_and_line(tmp_path, capsys):
    nb = tiny.solution()
    nb.cells[2].source = "def double(n):\n    # answer: begin\n    return 2"
    tiny.write(nb, tmp_path / "solutions" / tiny.NAME)
    assert main([], course=Course(tmp_path)) == 2
    assert "70_tiny.ipynb: cell answer-double, line 2: the region is not closed" in capsys.readouterr().err


def test_the_committed_exercises_are_what_the_committed_solutions_make():
    assert main(["--check"]) == 0


def test_a_number_may_be_short():
    assert pick("8", ["08", "10"]) == "08"
