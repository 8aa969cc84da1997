"""What the package says of itself."""

import ast
import inspect
from pathlib import Path

from services import saga

FILES = sorted(Path(saga.__file__).parent.glob("*.py"))


def test_all_is_sorted_and_each_name_that_can_be_called_has_a_docstring():
    names = saga.__all__
    assert sorted(names, key=lambda n: (not n.isupper(), not n[0].isupper(), n)) == list(names)
    described = [n for n in names if inspect.isclass(v := getattr(saga, n)) or inspect.isfunction(v)]
    assert [n for n in described if not getattr(saga, n).__doc__] == []


def test_each_file_opens_with_its_idea_and_what_is_not_here():
    for file in FILES:
        header = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        assert file.name == "__init__.py" or ("Idea" in header and "Not here" in header), file.name


def test_the_table_of_contents_names_each_file():
    listed = {line.split()[0] for line in saga.__doc__.splitlines()[1:] if "  " in line.strip()}
    assert listed == {f.stem for f in FILES} - {"__init__"}
