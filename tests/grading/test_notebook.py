"""The notebook format: marked regions, answer cells, what an exercise is made of."""

import json

import pytest

from classroom.grading.notebook import NotebookError, as_exercise, checks_in, read, without_answers
from tests.grading import tiny


def taken_out(source, *, name="handle"):
    return without_answers(source, cell="answer-handle", name=name)


def test_a_region_becomes_a_raise_with_its_prompt_at_its_own_indentation():
    source = """\
async def handle(delivery, db, card):
    order = delivery.body["order"]
    if order:
        # answer: begin your turn: charge the card, once
        await card.charge(order)
        # answer: end
    return order"""
    assert (
        taken_out(source)
        == """\
async def handle(delivery, db, card):
    order = delivery.body["order"]
    if order:
        raise NotImplementedError("your turn: charge the card, once")
    return order"""
    )


def test_a_cell_may_have_several_regions():
    source = "# answer: begin\na = 1\n# answer: end\nb = 2\n# answer: begin c\nc = 3\n# answer: end"
    assert taken_out(source).splitlines() == [
        'raise NotImplementedError("your turn: handle")',
        "b = 2",
        'raise NotImplementedError("your turn: c")',
    ]


def test_a_prompt_with_quotes_stays_what_it_is():
    namespace = {"NotImplementedError": NotImplementedError}
    made = taken_out('# answer: begin your turn: say "naïve", not \\n\npass\n# answer: end')
    with pytest.raises(NotImplementedError, match='your turn: say "naïve", not'):
        exec(made, namespace)


@pytest.mark.parametrize(
    ("source", "line", "reason"),
    [
        ("x = 1\n# answer: begin\nx = 2", 2, "not closed"),
        ("# answer: begin\nx\n# answer: begin\ny\n# answer: end", 3, "inside the one of line 1"),
        ("# answer: begin\n\n# answer: end", 1, "empty"),
        ("x = 1\n# answer: end", 2, "did not begin"),
        ("def f():\n    # answer: begin\n    x\n# answer: end", 4, "another indentation"),
        ("# answer: start\nx\n# answer: end", 1, "a marker is"),
        ("# Answer: ends\n", 1, "a marker is"),
        ("x = 1", 1, "no marked region"),
        ("if True:\nx\n# answer: begin\ny\n# answer: end", 2, "no Python"),
    ],
)
def test_a_region_that_is_not_in_order_is_refused_with_cell_and_line(source, line, reason):
    with pytest.raises(NotebookError, match=rf"cell answer-handle, line {line}: .*{reason}"):
        taken_out(source)


def test_a_region_in_a_cell_that_is_no_answer_is_refused():
    with pytest.raises(NotebookError, match="in a cell without the metadata"):
        taken_out("# answer: begin\nx = 1\n# answer: end", name=None)


def test_an_exercise_has_no_answer_no_output_and_says_its_number():
    made = as_exercise(tiny.solution(), number="70")
    sources = {cell.id: cell.source for cell in made.cells}
    assert (
        sources["answer-double"]
        == 'def double(n):\n    raise NotImplementedError("your turn: double the number")'
    )
    assert sources["answer-greeting"] == 'raise NotImplementedError("your turn: greet whoever comes")'
    assert sources["given"] == tiny.CHECK.rstrip("\n")
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in made.cells)
    assert made.metadata["broken_on_purpose"] == {"exercise": "70"}


def test_an_exercise_keeps_ids_tags_and_answer_names_and_drops_what_front_ends_leave():
    nb = tiny.solution()
    nb.cells[2].metadata |= {
        "tags": ["wide"],
        "execution": {"iopub.status.idle": "12:00"},
        "collapsed": False,
    }
    nb.metadata["widgets"] = {"state": {}}
    nb.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    made = as_exercise(nb, number="70")
    assert [cell.id for cell in made.cells] == [cell.id for cell in nb.cells]
    assert made.cells[2].metadata == {"answer": "double", "tags": ["wide"]}
    assert "widgets" not in made.metadata
    assert made.metadata["language_info"] == {"name": "python"}


def test_a_solution_without_an_answer_or_without_its_check_is_refused():
    nb = tiny.solution()
    with pytest.raises(NotebookError, match=r'no cell calls check\("71"'):
        as_exercise(nb, number="71")
    nb.cells = [cell for cell in nb.cells if "answer" not in cell.metadata]
    with pytest.raises(NotebookError, match="no answer cell"):
        as_exercise(nb, number="70")


def test_a_check_is_seen_with_and_without_its_module_and_not_in_an_answer():
    nb = tiny.solution()
    found = [number for cell in nb.cells for number in checks_in(cell)]
    nb.cells[-1].source = "import classroom\nawait x\nclassroom.check('08', a)"
    assert (found, checks_in(nb.cells[-1])) == (["70"], ["08"])
    nb.cells[-1].metadata["answer"] = "mine"
    assert checks_in(nb.cells[-1]) == []


def test_an_authored_notebook_needs_ids_that_differ(tmp_path):
    nb = tiny.solution()
    nb.cells[1].id = nb.cells[0].id
    path = tmp_path / "70_tiny.ipynb"
    path.write_text(json.dumps(nb), encoding="utf-8")
    with pytest.raises(NotebookError, match="cell ids must be there and differ; see 'story'"):
        read(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3, "nbformat": 4}', "{"])
def test_what_is_no_notebook_is_refused_by_name(tmp_path, content):
    path = tmp_path / "70_tiny.ipynb"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(NotebookError, match=r"70_tiny\.ipynb: "):
        read(path)
