"""What the package says of itself."""

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest

import minibroker
import minibroker.engines
import minibroker.mqtt
from minibroker import BrokerError
from minibroker.errors import error_from_code

PACKAGES = [minibroker, minibroker.engines, minibroker.mqtt]
HOME = Path(minibroker.__file__).parent
FILES = sorted(HOME.rglob("*.py"))


def parts(package: ModuleType) -> set[str]:
    """The files and the packages in it, without their endings."""
    home = Path(package.__file__).parent
    packages = {init.parent.name for init in home.glob("*/__init__.py")}
    return {file.stem for file in home.glob("*.py")} - {"__init__"} | packages


def test_no_package_is_left_out_here():
    assert {Path(package.__file__) for package in PACKAGES} == set(HOME.rglob("__init__.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_and_each_name_in_it_has_a_docstring(package):
    names = package.__all__
    assert sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n)) == list(names)
    assert [
        n for n in names if inspect.isclass(getattr(package, n)) and not getattr(package, n).__doc__
    ] == []


def test_each_file_opens_with_its_idea():
    lacking = [f.name for f in FILES if not (ast.get_docstring(ast.parse(f.read_text())) or "").strip()]
    assert lacking == []


@pytest.mark.parametrize("package", [minibroker, minibroker.mqtt])  # engines has a line an engine
def test_the_table_of_contents_names_each_file(package):
    listed = {line.split()[0] for line in package.__doc__.splitlines()[2:] if line.strip()}
    assert listed == parts(package)


def test_only_the_standard_library_is_imported():
    foreign = set()
    for file in FILES:
        if file.parent.name == "engines":
            continue  # each imports its own client library
        if file.name == "__main__.py":
            continue  # it asks for uvicorn, to serve the ASGI app
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
