"""The repository as the tests see it: what is committed, what code imports, what pyproject.toml says.

Idea      A rule about files is asked of what git tracks, or would track, and not of whatever
          a learner or a tool left lying about.
"""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("minibroker", "services", "classroom")
NOTEBOOKS = ("lessons", "solutions", "exercises")


@cache
def committed() -> tuple[Path, ...]:
    """Every file that is committed or would be: what git tracks, and what it neither tracks nor ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("structure: no git clone, so what is committed cannot be told", allow_module_level=True)
    return tuple(sorted(ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()))


def under(*folders: str, suffix: str) -> list[Path]:
    """The committed files with that suffix in these top-level folders."""
    return [p for p in committed() if p.suffix == suffix and p.relative_to(ROOT).parts[0] in folders]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def imports(code: str, *, package: str = "") -> set[str]:
    """Every module that `code` imports, dotted, also by name: importlib.import_module("x"), __import__("x").

    package: the dotted package that the code stands in, for `from . import x`.
    """
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            stem = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*stem, *filter(None, [node.module])])
            found |= {module} if module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            by_name = ast.unparse(node.func).rpartition(".")[2] in ("import_module", "__import__")
            found |= {str(node.args[0].value)} if by_name else set()
    return found


def tops(modules: Iterable[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}
