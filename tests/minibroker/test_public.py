"""What the package says of itself."""

import ast
import inspect
import sys
from pathlib import Path

import minibroker
from minibroker import BrokerError
from minibroker.errors import error_from_code

FILES = sorted(Path(minibroker.__file__).parent.glob("*.py"))


def test_all_is_sorted_and_each_name_in_it_has_a_docstring():
    names = minibroker.__all__
    assert sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n)) == list(names)
    assert [
        n for n in names if inspect.isclass(getattr(minibroker, n)) and not getattr(minibroker, n).__doc__
    ] == []


def test_each_file_opens_with_its_idea():
    lacking = [f.name for f in FILES if not (ast.get_docstring(ast.parse(f.read_text())) or "").strip()]
    assert lacking == []


def test_the_table_of_contents_names_each_file():
    listed = {line.split()[0] for line in minibroker.__doc__.splitlines()[2:] if line.strip()}
    packages = {f.parent.name for f in FILES[0].parent.glob("*/__init__.py")}
    assert listed - packages == {f.stem for f in FILES} - {"__init__"}


def test_only_the_standard_library_is_imported():
    foreign = set()
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                foreign |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                foreign.add((node.module or "").split(".")[0])
    assert foreign <= set(sys.stdlib_module_names) | {"minibroker"}


def test_each_error_comes_back_from_its_code():
    errors = [
        value
        for value in vars(minibroker).values()
        if inspect.isclass(value) and issubclass(value, BrokerError)
    ]
    assert len({error.code for error in errors}) == len(errors)
    for error in errors:
        assert type(error_from_code(error.code, "why")) is error
        assert str(error("why")) == "why"
