"""Whatever is handed in, its answers are found, or there is a reason why not."""

import json
import os

import pytest

from classroom.grading.course import CourseError
from classroom.grading.splice import Invalid, lift, load, pristines, recognise, splice
from tests.grading import tiny

LIMIT = 1.0  # MB


@pytest.fixture
def known(tmp_path):
    return pristines(tiny.course(tmp_path / "course").solutions)


@pytest.fixture
def lifted(tmp_path, known):
    """Write a notebook, load it, and lift its answers."""

    def lifted(nb, name="70_tiny.ipynb"):
        submission = load(tiny.write(nb, tmp_path / name), limit=LIMIT)
        return lift(submission, recognise(submission, known))

    return lifted


def raw(content, folder):
    """A file that no front end would write."""
    path = folder / "70_tiny.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def cell(nb, cell_id):
    return next(cell for cell in nb.cells if cell.id == cell_id)


# ---------------------------------------------------------------- what does not matter


def test_answers_are_found_wherever_their_cells_stand_and_whatever_else_is_gone(lifted):
    nb = tiny.submission()
    nb.cells = [cell(nb, "answer-greeting"), cell(nb, "answer-double")]
    assert lifted(nb) == {"double": tiny.DOUBLED, "greeting": tiny.GREETED}


def test_outputs_tags_and_counts_of_a_submission_do_not_reach_the_run(lifted, known):
    nb = tiny.submission()
    for each in nb.cells[1:]:
        each.metadata["tags"] = ["raises-exception", "nbval-skip"]
        each.execution_count = 99
    run = splice(known["70"], lifted(nb))
    assert [c.id for c in run.cells] == ["prelude", *(c.id for c in tiny.solution().cells)]
    assert [c.metadata.get("tags", []) for c in run.cells[2:]] == [
        [],
        ["nbval-ignore-output"],
        ["nbval-ignore-output"],
        [],
        ["nbval-check-output"],
    ]
    assert 99 not in [c.get("execution_count") for c in run.cells]


def test_a_cell_whose_id_was_lost_is_known_by_its_metadata(tmp_path, known):
    nb = tiny.submission()
    content = json.loads(json.dumps(nb)) | {"nbformat_minor": 4}
    for each in content["cells"]:
        del each["id"]
    submission = load(raw(content, tmp_path), limit=LIMIT)
    assert lift(submission, recognise(submission, known))["greeting"] == tiny.GREETED


def test_a_byte_order_mark_does_not_matter(tmp_path, known):
    submission = load(raw(b"\xef\xbb\xbf" + json.dumps(tiny.submission()).encode(), tmp_path), limit=LIMIT)
    assert recognise(submission, known).number == "70"


# ---------------------------------------------------------------- which exercise it is


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({"broken_on_purpose": {"exercise": "70"}}, "homework (1).ipynb"),
        ({}, "homework.ipynb"),
        ({"broken_on_purpose": {"exercise": "99"}}, "homework.ipynb"),
        ({"broken_on_purpose": "70"}, "homework.ipynb"),
    ],
)
def test_a_renamed_notebook_is_known_by_its_metadata_or_by_its_answer_cells(lifted, metadata, name):
    nb = tiny.submission()
    nb.metadata.pop("broken_on_purpose")
    nb.metadata |= metadata
    assert lifted(nb, name)["double"]


def test_a_notebook_without_any_sign_but_its_name_is_the_exercise_with_its_answers_missing(lifted):
    nb = tiny.submission()
    nb.metadata.pop("broken_on_purpose")
    nb.cells = nb.cells[:2]
    with pytest.raises(Invalid, match=r"answer cell 'double' .* is missing"):
        lifted(nb)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (None, "no answer cell of any exercise is in it; there are: 70"),
        ("99", "it says that it is exercise '99'"),
    ],
)
def test_a_notebook_that_is_no_exercise_is_told_which_exist(lifted, says, reason):
    nb = tiny.submission()
    nb.metadata["broken_on_purpose"] = {"exercise": says}
    nb.cells = nb.cells[:1]
    with pytest.raises(Invalid, match=reason):
        lifted(nb, "notes.ipynb")


def test_answers_of_two_exercises_in_one_notebook_are_not_guessed_at(tmp_path, known):
    other = tiny.solution()
    for number, each in enumerate(other.cells):
        each.id = f"other-{number}"
    tiny.write(other, tmp_path / "course" / "solutions" / "71_other.ipynb")
    both = pristines(tmp_path / "course" / "solutions")
    nb = tiny.submission()
    nb.metadata.pop("broken_on_purpose")
    nb.cells += other.cells
    submission = load(tiny.write(nb, tmp_path / "both.ipynb"), limit=LIMIT)
    with pytest.raises(Invalid, match=r"of several exercises \(70, 71\)"):
        recognise(submission, both)


# ---------------------------------------------------------------- answer cells that are not in order


def test_an_answer_cell_that_is_missing_is_named_with_what_to_do(lifted):
    nb = tiny.submission()
    nb.cells = [each for each in nb.cells if each.id != "answer-double"]
    with pytest.raises(Invalid, match=r"'double' \(id answer-double\) is missing: .* reset 70"):
        lifted(nb)


def test_an_answer_cell_that_was_copied_is_not_chosen_between(lifted):
    nb = tiny.submission()
    copy = json.loads(json.dumps(cell(nb, "answer-double")))
    nb.cells.append(type(nb)(copy | {"id": "ab12"}))
    nb.cells[-1].metadata = type(nb)(copy["metadata"])
    with pytest.raises(Invalid, match="2 cells answer 'double': keep the one that you mean"):
        lifted(nb)


def test_two_cells_with_one_answers_id_are_not_chosen_between(tmp_path, known):
    nb = json.loads(json.dumps(tiny.submission()))
    nb["cells"].append(dict(nb["cells"][2]))
    submission = load(raw(nb, tmp_path), limit=LIMIT)
    with pytest.raises(Invalid, match="2 cells answer 'double'"):
        lift(submission, recognise(submission, known))


def test_an_answer_that_the_exercise_does_not_ask_for_is_named(lifted):
    nb = tiny.submission()
    cell(nb, "look").metadata["answer"] = "triple"
    with pytest.raises(Invalid, match="answers 'triple'; this exercise asks for double, greeting"):
        lifted(nb)


def test_an_answer_cell_that_became_prose_is_named(tmp_path, known):
    nb = json.loads(json.dumps(tiny.submission()))
    nb["cells"][2]["cell_type"] = "markdown"
    submission = load(raw(nb, tmp_path), limit=LIMIT)
    with pytest.raises(Invalid, match="'double' is no code cell any more"):
        lift(submission, recognise(submission, known))


# ---------------------------------------------------------------- files that are no notebooks


WHOLE = json.dumps(tiny.submission(), indent=1).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (WHOLE[: len(WHOLE) // 2], r"it is no notebook: .* was it cut off\?"),
        (WHOLE[:-2], r"it is no notebook: .* was it cut off\?"),
        (b"\xff\xfe\x00", "byte 0 is not UTF-8"),
        ("Grüße".encode("latin-1"), "byte 2 is not UTF-8"),
        (b"print('PASS')", "no notebook: Expecting value in line 1"),
        (b"[" * 100_000, "it is no notebook"),
        ([], "JSON, but no notebook"),
        ({"cells": []}, "JSON, but no notebook"),
        ({"nbformat": 3, "worksheets": []}, "its format is 3, not 4"),
        ({"nbformat": "four", "cells": []}, "its format is 'four'"),
        ({"nbformat": 4, "cells": {}}, "its format is 4, not 4"),
        ({"nbformat": 4, "cells": [1, None]}, "some of its cells are no cells"),
        (b"0" * 1_100_000, r"it has 1\.1 MB, the limit is 1 MB: clear its outputs"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_no_notebook_is_told_why(tmp_path, content, reason):
    with pytest.raises(Invalid, match=reason):
        load(raw(content, tmp_path), limit=LIMIT)


@pytest.mark.parametrize(
    "cell",
    [
        {"id": 7, "metadata": [], "source": 3},
        {"id": ["a"], "metadata": {"answer": ["x"]}},
        {"id": "answer-double", "source": [1, 2], "cell_type": "code"},
        {"metadata": None},
        {},
    ],
)
def test_cells_of_any_shape_lead_to_a_reason_and_to_no_other_error(tmp_path, known, cell):
    content = {"nbformat": 4, "cells": [cell], "metadata": {"broken_on_purpose": {"exercise": "70"}}}
    submission = load(raw(content, tmp_path), limit=LIMIT)
    with pytest.raises(Invalid):
        lift(submission, recognise(submission, known))


def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(tmp_path):
    with pytest.raises(Invalid, match="there is no such file"):
        load(tmp_path / "nothing.ipynb", limit=LIMIT)
    with pytest.raises(Invalid, match="it is a folder"):
        load(tmp_path, limit=LIMIT)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.ipynb")
        with pytest.raises(Invalid, match="it is no regular file"):
            load(tmp_path / "pipe.ipynb", limit=LIMIT)


def test_a_file_of_50_mb_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "huge.ipynb"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    monkeypatch.setattr(type(path), "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(Invalid, match=r"it has 50\.0 MB, the limit is 5 MB"):
        load(path, limit=5)


# ---------------------------------------------------------------- the course itself


def test_a_course_without_solutions_says_that_the_clone_is_needed(tmp_path):
    with pytest.raises(CourseError, match="the grade needs the whole clone"):
        pristines(tmp_path)


def test_a_solution_that_is_not_in_order_is_named(tmp_path):
    (tmp_path / "70_tiny.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(CourseError, match=r"the solution 70_tiny\.ipynb is not in order"):
        pristines(tmp_path)


def test_two_solutions_of_one_number_are_named(tmp_path):
    for name in ("70_a.ipynb", "70_b.ipynb"):
        tiny.write(tiny.solution(), tmp_path / name)
    with pytest.raises(CourseError, match=r"two notebooks have the number 70: 70_a\.ipynb, 70_b\.ipynb"):
        pristines(tmp_path)
