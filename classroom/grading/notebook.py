"""The notebook format of an exercise: answer cells, marked regions, and how they are taken out.

Idea      One source per exercise, its solution. An answer cell has a stable id and the metadata
          {"answer": "<name>"}; between the lines `# answer: begin your turn: ...` and
          `# answer: end` stands the answer. In the exercise the same place holds
          `raise NotImplementedError("your turn: ...")`, at the same indentation.
Not here  Files and folders (generate.py), submissions (splice.py).
Source    The manner of nbgrader's `### BEGIN SOLUTION` regions (Jupyter et al., 2019).
"""

import ast
import copy
import json
import re
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4.rwbase import rejoin_lines

KEY = "broken_on_purpose"  # notebook metadata: {"broken_on_purpose": {"exercise": "08"}}
MARK = re.compile(r"(?P<indent>[ \t]*)#\s*answer\s*:\s*(?P<rest>.*)", re.IGNORECASE)
KEEP = {"answer", "tags", "slideshow"}  # cell metadata that the author wrote; the rest is a front end's
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NotebookError(ValueError):
    """An authored notebook breaks the format; the text names the cell and the line."""


def read(path: Path) -> NotebookNode:
    """An authored notebook, held against the format. Raises NotebookError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(raw, dict) or raw.get("nbformat") != 4 or not isinstance(raw.get("cells"), list):
            raise ValueError("it is no notebook of format 4")
        nb = rejoin_lines(nbformat.from_dict(raw))  # sources come as lists of lines
    except (OSError, ValueError) as error:
        raise NotebookError(f"{path.name}: {str(error).splitlines()[0]}") from error
    ids = [cell.get("id", "") for cell in nb.cells]
    for cell_id in ids:
        if not ID.fullmatch(cell_id) or ids.count(cell_id) > 1:
            raise NotebookError(f"{path.name}: cell ids must be there and differ; see {cell_id!r}")
    try:
        nbformat.validate(nb)
    except nbformat.ValidationError as error:
        raise NotebookError(f"{path.name}: {str(error).splitlines()[0]}") from error
    return nb


def answer_cells(nb: NotebookNode) -> dict[str, NotebookNode]:
    """The answer cells by name, in order. Raises NotebookError if two have one name."""
    cells: dict[str, NotebookNode] = {}
    for cell in nb.cells:
        name = cell.metadata.get("answer")
        if name is None:
            continue
        if cell.cell_type != "code" or name in cells:
            raise NotebookError(f"cell {cell.id}: answer {name!r} needs exactly one code cell")
        cells[name] = cell
    return cells


def checks_in(cell: Any) -> list[str]:
    """The exercises that a cell checks: "08" for each `check("08", ...)` in its source."""
    if cell.cell_type != "code" or "answer" in cell.metadata:
        return []
    try:
        tree = parse(cell.source)
    except SyntaxError:  # a given cell may hold a magic
        return []
    return [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", None)) == "check"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def parse(source: str) -> ast.Module:
    """The tree of a cell, in which `await` may stand at the top level. Raises SyntaxError."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = compile(source, "<answer>", "exec", flags=flags, dont_inherit=True)
        except (ValueError, MemoryError, RecursionError, OverflowError) as error:  # NUL bytes, deep nesting
            raise SyntaxError(f"cannot be parsed: {error or type(error).__name__}") from error
    assert isinstance(tree, ast.Module)
    return tree


def without_answers(source: str, *, cell: str, name: str | None) -> str:
    """The source with each marked region replaced by its `raise NotImplementedError`.

    cell: the cell's id, for the errors. name: of the answer; None if it is no answer cell.
    Raises NotebookError for a region that is stray, nested, empty or not closed, for an answer
    cell without one, and for a marker that is neither begin nor end.
    """
    lines: list[str] = []
    begin: tuple[int, str] | None = None  # line and indentation of the region that is open
    filled, regions = False, 0

    def refuse(line: int, reason: str) -> NotebookError:
        return NotebookError(f"cell {cell}, line {line}: {reason}")

    for number, line in enumerate(source.splitlines(), 1):
        mark = MARK.fullmatch(line)
        if mark is None:
            if begin is None:
                lines.append(line)
            filled = filled or bool(line.strip())
            continue
        indent, (word, _, prompt) = mark["indent"], mark["rest"].strip().partition(" ")
        if name is None:
            raise refuse(number, 'an answer region in a cell without the metadata {"answer": "<name>"}')
        if word == "begin":
            if begin is not None:
                raise refuse(number, f"a region begins inside the one of line {begin[0]}")
            begin, filled, regions = (number, indent), False, regions + 1
            prompt = prompt.strip() or name
            if not prompt.startswith("your turn"):
                prompt = f"your turn: {prompt}"
            lines.append(f"{indent}raise NotImplementedError({json.dumps(prompt, ensure_ascii=False)})")
        elif word == "end" and not prompt:
            if begin is None:
                raise refuse(number, "a region ends that did not begin")
            if not filled:
                raise refuse(begin[0], "the region is empty: the solution's answer belongs in it")
            if indent != begin[1]:
                raise refuse(number, f"the region of line {begin[0]} begins at another indentation")
            begin = None
        else:
            raise refuse(number, f"a marker is `# answer: begin your turn: ...` or `# answer: end`: {line!r}")
    if begin is not None:
        raise refuse(begin[0], "the region is not closed by `# answer: end`")
    if name is not None and regions == 0:
        raise refuse(1, f"answer {name!r} has no marked region")
    taken_out = "\n".join(lines)
    if name is not None:
        try:
            parse(taken_out)
        except SyntaxError as error:
            raise refuse(error.lineno or 1, f"without answers it is no Python: {error.msg}") from error
    return taken_out


def cleared(nb: NotebookNode) -> NotebookNode:
    """A copy without outputs, counts, widget state and what front ends leave behind."""
    nb = copy.deepcopy(nb)
    for cell in nb.cells:
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k in KEEP})
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    nb.metadata.pop("widgets", None)
    nb.metadata.pop("signature", None)
    if "language_info" in nb.metadata:  # holds the Python that ran it last
        nb.metadata.language_info = NotebookNode({"name": nb.metadata.language_info.get("name", "python")})
    return nb


def as_exercise(solution: NotebookNode, *, number: str) -> NotebookNode:
    """The exercise of a solution: outputs cleared, answers taken out. Raises NotebookError."""
    if not answer_cells(solution):
        raise NotebookError('no answer cell: one needs the metadata {"answer": "<name>"}')
    if number not in [n for cell in solution.cells for n in checks_in(cell)]:
        raise NotebookError(f'no cell calls check("{number}", ...)')
    nb = cleared(solution)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.source = without_answers(cell.source, cell=cell.id, name=cell.metadata.get("answer"))
    nb.metadata[KEY] = {"exercise": number}
    return nb


def text(nb: NotebookNode) -> str:
    """The notebook as its file holds it, the same on every machine."""
    written: str = nbformat.writes(nb, version=nbformat.NO_CONVERT)
    return written if written.endswith("\n") else written + "\n"
