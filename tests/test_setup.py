"""The set-up does nothing twice, and says what a machine lacks.

Not here  Installing: `make setup` in a fresh clone, which the build machine does each time.
"""

from __future__ import annotations

import builtins
import importlib.util
import sys
from types import ModuleType

import pytest

from tests.repository import ROOT


@pytest.fixture
def setup(tmp_path, monkeypatch) -> ModuleType:
    """.ci/setup.py at work in an empty clone, with every command that it runs noted in `setup.ran`."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / ".ci" / "setup.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "pyproject.toml").write_text("[project]")
    venv = tmp_path / ".venv"
    python = venv / "bin" / "python"
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setattr(script, "EXTRAS", "dev")  # whatever the build machine asks for
    for name, value in {"ROOT": tmp_path, "VENV": venv, "PYTHON": python}.items():
        monkeypatch.setattr(script, name, value)
    monkeypatch.setattr(script, "STAMP", venv / "installed")
    monkeypatch.setattr(script, "LOCK", tmp_path / "requirements.lock")
    ran = []

    def run(*command: object) -> bool:
        ran.append(" ".join(str(word) for word in command))
        if "-m venv" in ran[-1]:
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
            version = ".".join(map(str, sys.version_info[:3]))
            (venv / "pyvenv.cfg").write_text(f"home = somewhere\nversion = {version}\n")
        return True

    monkeypatch.setattr(script, "run", run)
    script.ran = ran  # type: ignore[attr-defined]
    return script


def test_the_first_time_makes_the_environment_and_installs_by_uv(setup):
    setup.main()
    made, fetched, installed = setup.ran
    assert "-m venv" in made
    assert fetched.endswith("uv")
    assert "-m uv pip install" in installed and "--editable .[dev]" in installed


def test_the_second_time_does_nothing(setup):
    setup.main()
    setup.ran.clear()
    setup.main()
    assert setup.ran == []


def test_a_changed_list_of_dependencies_is_installed_without_making_the_environment_anew(setup):
    setup.main()
    setup.ran.clear()
    setup.LOCK.write_text("httpx==0.28.1")
    setup.main()
    assert not any("-m venv" in command for command in setup.ran)
    assert setup.ran[-1].endswith("--constraint requirements.lock")


def test_an_environment_from_another_folder_is_made_anew(setup):
    setup.main()
    setup.STAMP.write_text("0" * 64 + " another/folder")
    assert setup.unfit() == "was made in another/folder"


def test_an_environment_of_another_version_is_made_anew_only_if_python_is_named(setup, monkeypatch):
    setup.main()
    monkeypatch.setattr(setup.sys, "version_info", (3, 99, 0))
    assert setup.unfit() is None
    monkeypatch.setenv("PYTHON", "python3.99")
    assert "has Python 3" in setup.unfit()


def test_an_install_that_broke_off_is_done_again(setup, monkeypatch):
    setup.main()
    setup.LOCK.write_text("httpx==0.28.1")
    monkeypatch.setattr(setup, "run", lambda *command: "import pip" in command)
    with pytest.raises(SystemExit, match="could not be installed"):
        setup.main()
    assert not setup.STAMP.exists()


def test_plain_pip_does_it_where_uv_cannot(setup, monkeypatch):
    tried = []
    monkeypatch.setattr(setup, "run", lambda *c: tried.append(c) or "uv" not in c)
    setup.install()
    assert tried[-1][1:3] == ("-m", "pip") and "--editable" in tried[-1]


def test_a_python_that_is_too_old_is_told_so_with_its_version(setup, monkeypatch):
    monkeypatch.setattr(setup.sys, "version_info", (3, 10, 13))
    monkeypatch.setattr(setup.shutil, "which", lambda name: name if name == "python3.12" else None)
    with pytest.raises(SystemExit, match=r"3\.10\.13[^$]*PYTHON=python3\.12 make setup"):
        setup.check_interpreter()


def test_a_debian_without_python3_venv_is_told_what_to_install(setup, monkeypatch):
    def refuse(name, *rest):
        if name == "ensurepip":
            raise ModuleNotFoundError("No module named 'ensurepip'", name=name)
        return original(name, *rest)

    original = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        setup.check_interpreter()
