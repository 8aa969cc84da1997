"""How the house is built: who may import whom, what lies where, and what no file may hold.

Idea      The rules of CONTRIBUTING.md that a reader would have to check by eye. Each is a
          function from a text (or a tree) to a list of breaches, so that it is shown here both
          to pass on what is committed and to fail on an example of what it forbids.
Not here  Style (ruff) and types (mypy): `make test` runs them beside this. Notebooks
          (test_notebooks.py).
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from itertools import chain
from pathlib import Path

import pytest

from tests.repository import NOTEBOOKS, PACKAGES, ROOT, committed, imports, name_of, pyproject, tops, under

# What each package may import beside itself and the standard library. pydantic is how FastAPI says
# what a body looks like, google is what generated gRPC stubs import.
MAY_IMPORT = {
    "minibroker": set(),
    "minibroker/__main__.py": {"uvicorn"},
    "minibroker/engines": {"aio_pika", "aiomqtt", "confluent_kafka"},
    "services": {
        *("minibroker", "fastapi", "pydantic", "httpx", "grpc", "google"),
        *("opentelemetry", "cryptography"),
    },
}

AT_THE_TOP = {
    *(".ci", ".github", ".gitattributes", ".gitignore"),
    *("CONTRIBUTING.md", "LICENSE", "LICENSE-PROSE", "README.md"),
    *("Makefile", "environment.yml", "pyproject.toml", "requirements.lock"),
    *NOTEBOOKS,
    *PACKAGES,
    "tests",
}

MEGABYTE = 1_000_000
NOTEBOOK_LIMIT = int(1.5 * MEGABYTE)


# ---------------------------------------------------------------- who imports whom


def imports_of(path: Path) -> set[str]:
    package = ".".join(path.relative_to(ROOT).parent.parts)
    return imports(path.read_text(encoding="utf-8"), package=package)


def foreign(modules: set[str], *, home: str, allowed: set[str]) -> set[str]:
    return tops(modules) - sys.stdlib_module_names - {home} - allowed


@pytest.mark.parametrize("package", ["minibroker", "services"])
def test_a_package_imports_only_what_it_may(package):
    breaches = {}
    for path in under(package, suffix=".py"):
        inner = next(name for name in reversed(MAY_IMPORT) if name_of(path).startswith(name))
        if stray := foreign(imports_of(path), home=package, allowed=MAY_IMPORT[inner]):
            breaches[name_of(path)] = stray
    assert not breaches


@pytest.mark.parametrize(
    ("code", "stray"),
    [
        ("import classroom", {"classroom"}),
        ("from classroom.world import simulate", {"classroom"}),
        ("def later():\n    import httpx", {"httpx"}),
        ("importlib.import_module('classroom.world')", {"classroom"}),
        ("__import__('numpy')", {"numpy"}),
        ("from . import message\nfrom .. import minibroker\nimport asyncio.events", set()),
    ],
)
def test_the_import_rule_of_minibroker_sees_every_way_to_import(code, stray):
    assert foreign(imports(code, package="minibroker.mqtt"), home="minibroker", allowed=set()) == stray


def test_no_package_imports_tests_or_a_notebook():
    outside = {"tests", *NOTEBOOKS}
    breaches = {name_of(p): tops(imports_of(p)) & outside for p in under(*PACKAGES, suffix=".py")}
    assert not {name: stray for name, stray in breaches.items() if stray}


def test_whatever_is_imported_is_declared_in_pyproject():
    """By its distribution's own name, not because something else happens to bring it."""
    runtime = {_distribution(line) for line in pyproject()["project"]["dependencies"]}
    everything = {_distribution(line) for line in every_requirement()}
    provided = importlib.metadata.packages_distributions()
    breaches = []
    for path in under(*PACKAGES, "tests", suffix=".py"):
        declared = everything if path.is_relative_to(ROOT / "tests") else runtime
        if name_of(path).startswith("minibroker/engines/"):
            continue
        for module in foreign(imports_of(path), home="tests", allowed={*PACKAGES, "google", "starlette"}):
            by = {_distribution(name) for name in provided.get(module, [])}
            if by and not by & declared:
                breaches.append(f"{name_of(path)} imports {module}, which {' or '.join(sorted(by))} provides")
    assert not breaches


def every_requirement() -> list[str]:
    project = pyproject()["project"]
    return [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]


def _distribution(requirement: str) -> str:
    """The normalised name in a requirement: "aio_pika>=9.4" -> "aio-pika"."""
    return re.sub(r"[._]", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower())


# ---------------------------------------------------------------- what lies where


def test_nothing_unexpected_lies_at_the_top_level():
    assert {path.relative_to(ROOT).parts[0] for path in committed()} - AT_THE_TOP == set()


def test_environment_yml_installs_this_package_and_lists_nothing_else():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    listed = [line.strip().removeprefix("- ") for line in text.splitlines() if line.strip().startswith("- ")]
    channel, python, *rest = listed
    assert (channel, rest) == ("conda-forge", ["pip", "pip:", "-c requirements.lock", "-e ."])
    oldest = re.fullmatch(r">=(3\.\d+)", pyproject()["project"]["requires-python"])
    version = re.fullmatch(r"python=(3\.\d+)", python)
    assert oldest and version and _number(version[1]) >= _number(oldest[1])


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_the_lock_pins_every_dependency_that_pyproject_lists():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {_distribution(line) for line in lock.splitlines() if "==" in line}
    assert {_distribution(line) for line in every_requirement()} - pinned == set(), "run `make lock`"


def test_pyproject_packages_are_the_three_packages():
    build = pyproject()["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["packages"] == sorted(PACKAGES)


def test_the_set_up_speaks_to_pythons_that_are_too_old():
    """An old Python must get as far as the sentence that says so: no syntax newer than 3.6."""
    ast.parse((ROOT / ".ci/setup.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    assert foreign(imports_of(ROOT / ".ci/setup.py"), home="", allowed=set()) == set()


# ---------------------------------------------------------------- what no file may hold

# Put together here, or this file would hold them.
REGISTRIES = [
    ".".join(words)
    for words in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("registry", "yarnpkg"),
        ("repo", "anaconda", "com"),
        ("deb", "debian", "org"),
    )
]
FOLDERS = "|".join(("home", "root", "Users", "work", "tmp", "private", "var/folders"))
MACHINE_PATH = re.compile(rf"(?<![\w.:/}})~-])/(?:{FOLDERS})/[\w.-]|\b[A-Z]:\\+Users\b")


def leaks(text: str) -> list[str]:
    """Registry hosts and absolute paths of somebody's machine in `text`."""
    hosts = [host for host in REGISTRIES if host in text]
    return hosts + [text[max(0, m.start() - 20) : m.end() + 20] for m in MACHINE_PATH.finditer(text)]


def test_no_committed_file_names_a_package_registry_or_a_path_of_a_machine():
    breaches = {}
    for path in committed():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if found := leaks(text):
            breaches[name_of(path)] = found[:3]
    assert not breaches


@pytest.mark.parametrize(
    ("text", "leaking"),
    [
        (f"index = https://{REGISTRIES[0]}/simple", True),
        ('File "' + "/home" + '/ada/course/a.py"', True),
        ("see " + "/tmp" + "/x.log", True),
        ("C:" + "\\Users\\ada", True),
        ("GET http://orders/home" + "/page", False),
        ("a relative path, lessons/08.ipynb, and /charges/{order_id}", False),
    ],
)
def test_a_leak_is_seen_and_a_route_is_not_one(text, leaking):
    assert bool(leaks(text)) == leaking


# ---------------------------------------------------------------- README


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def lesson_rows() -> dict[str, tuple[str, str]]:
    """number -> (the lesson's column, the last column) of the map in README.md."""
    rows = (line.strip("| ").split(" | ") for line in readme().splitlines() if re.match(r"\| \d\d \|", line))
    return {row[0]: (row[1], row[-1]) for row in rows}


def test_the_readme_maps_twenty_lessons():
    assert list(lesson_rows()) == [f"{n:02}" for n in range(20)]


def test_the_readme_links_each_lesson_that_is_here_and_no_other():
    here = {path.stem[:2]: name_of(path) for path in under("lessons", suffix=".ipynb")}
    for number, (lesson, state) in lesson_rows().items():
        link = re.search(r"\((lessons/[^)]+)\)", lesson)
        assert (link and link[1]) == here.get(number), f"lesson {number} in README.md"
        assert ("to come" in state) == (number not in here), f"lesson {number} in README.md"


def test_every_file_that_the_readme_and_contributing_link_to_exists():
    for name in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8"))
        assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_that_the_documents_name_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    text = readme() + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake (\w+)", " ".join(re.findall(r"`[^`]*`|^\$ .*$", text, re.MULTILINE))))
    assert named - targets == set()
    assert {"setup", "lab", "test", "soak", "bench"} <= targets


def test_the_build_machine_runs_the_readmes_own_test_command():
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().splitlines()[-1] == "make test"
    assert "| `make test` |" in readme()


@pytest.mark.parametrize("name", ["README.md", ".github/workflows/test.yml"])
def test_a_workflow_that_has_not_run_says_so(name):
    text = (ROOT / name).read_text(encoding="utf-8").lower()
    assert "not yet run" in text.replace("*", "")
