"""A course of one tiny exercise, so that the grade is tested apart from exercise 08.

Idea      Its notebook carries its own `check`, which reports as the real one does. So nothing
          has to be registered, and a run costs little more than a kernel's start.
"""

import copy
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from classroom.grading.course import Course
from classroom.grading.notebook import text
from classroom.grading.splice import Pristine, pristines

NAME = "70_tiny.ipynb"

CHECK = """\
from classroom.grading import verdicts

def check(number, double, greeting):
    try:
        right = all(double(n) == 2 * n for n in range(5)) and greeting
    except NotImplementedError as unfinished:
        verdicts.report(number, "unfinished", message=str(unfinished))
        raise
    if right:
        verdicts.report(number, "passed", runs=5)
        print("+ every number is doubled, in 5 runs")
    else:
        verdicts.report(number, "failed", promise="doubles", message="1 became no 2", runs=5)
        raise AssertionError("a promise is broken")
"""

DOUBLE = """\
def double(n):
    # answer: begin your turn: double the number
    return 2 * n
    # answer: end
"""

GREETING = """\
# answer: begin your turn: greet whoever comes
greeting = "hello"
# answer: end
"""

DOUBLED = "def double(n):\n    return n + n\n"
GREETED = "greeting = 'good morning'\n"


def solution() -> nbformat.NotebookNode:
    """As it would be committed: executed."""
    shown = new_output("stream", name="stdout", text="+ every number is doubled, in 7 runs\n")
    cells = [
        new_markdown_cell("# Double it", id="story"),
        new_code_cell(CHECK, id="given", execution_count=1),
        new_code_cell(DOUBLE, id="answer-double", metadata={"answer": "double"}, execution_count=2),
        new_code_cell(GREETING, id="answer-greeting", metadata={"answer": "greeting"}, execution_count=3),
        new_code_cell('print("it says", greeting)', id="look", execution_count=4, outputs=[]),
        new_code_cell('check("70", double, greeting)', id="check", execution_count=5, outputs=[shown]),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def course(root: Path) -> Course:
    """A course in `root` with the solution alone."""
    (root / "solutions").mkdir(parents=True)
    (root / "solutions" / NAME).write_text(text(solution()), encoding="utf-8")
    return Course(root)


def pristine(root: Path) -> Pristine:
    return pristines(course(root).solutions)["70"]


def submission(*, double: str = DOUBLED, greeting: str = GREETED) -> nbformat.NotebookNode:
    """The notebook of a learner who answered so."""
    nb = copy.deepcopy(solution())
    for cell in nb.cells:
        if cell.id == "answer-double":
            cell.source = double
        if cell.id == "answer-greeting":
            cell.source = greeting
    nb.metadata["broken_on_purpose"] = {"exercise": "70"}
    return nb


def write(nb: nbformat.NotebookNode, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(nb), encoding="utf-8")
    return path
