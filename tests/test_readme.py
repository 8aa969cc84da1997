"""What README.md prints is so: its picture, its commands, the words of a failed check, the minutes.

Not here  Its map, its links and the make targets (test_house.py); that the picture is of today's lesson
          (pictures/test_hook.py).
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
from xml.etree import ElementTree as ET

import pytest

from classroom import exercises
from classroom.__main__ import parser
from classroom.check import Verdict, judge
from tests.repository import ROOT, under

README = (ROOT / "README.md").read_text(encoding="utf-8")
WRONG = ROOT / "tests" / "answers" / "08" / "wrong_fresh_key_per_attempt.py"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def spans() -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL))


def strays(shown: str, printed: str) -> list[str]:
    """The lines of an excerpt that are not in `printed` in that order; "..." and an empty line are a cut."""
    rest, found = printed.splitlines(), []
    for line in shown.splitlines():
        if line.strip() in ("", "..."):
            continue
        if line in rest:
            rest = rest[rest.index(line) + 1 :]
        else:
            found.append(line)
    return found


# -- the picture --------------------------------------------------------------------------


def test_the_picture_comes_before_the_first_heading_and_opens_lesson_00():
    top = README.partition("\n## ")[0]
    found = re.search(r'<a href="([^"]+)"><img src="([^"]+)" width="(\d+)" alt="([^"]+)"></a>', top)
    assert found, "the picture is a link"
    assert (found[1], found[2]) == ("lessons/00_start_here.ipynb", "lessons/pictures/hook.svg")
    assert (ROOT / found[1]).exists() and (ROOT / found[2]).exists()


def test_the_pictures_words_are_its_own():
    drawing = ET.parse(ROOT / "lessons" / "pictures" / "hook.svg").getroot()
    description = next(each.text for each in drawing.iter() if each.tag.endswith("}desc"))
    alt = re.search(r'<img [^>]*alt="([^"]+)"', README)
    assert alt and description and alt[1].startswith(description)


# -- the failed check ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    spec = importlib.util.spec_from_file_location("wrong", WRONG)
    assert spec and spec.loader
    answer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(answer)
    exercise = exercises.load("08")
    return judge(exercise, {name: getattr(answer, name) for name in exercise.answers})


def test_the_failed_check_is_what_the_check_says(verdict):
    (shown,) = blocks("text")
    assert strays(shown, str(verdict)) == [], f"the check says today:\n{verdict}"


def test_the_line_that_fails_is_that_of_a_wrong_answer():
    (line,) = blocks("python")
    assert line in WRONG.read_text(encoding="utf-8")


def test_an_excerpt_may_leave_lines_out_but_not_change_or_move_one():
    printed = "one\n  two\nthree"
    assert strays("one\n...\nthree", printed) == []
    assert strays("one\ntwo", printed) == ["two"]
    assert strays("three\none", printed) == ["one"]


# -- the commands -------------------------------------------------------------------------


def test_the_first_block_is_two_commands_to_clone_and_to_begin():
    first, second = blocks("console")[0].splitlines()
    assert first.startswith("$ git clone ") and first.endswith("&& cd broken-on-purpose")
    assert second == "$ make lab"


def test_every_classroom_command_that_is_named_is_understood():
    named = [span for span in spans() if " -m classroom" in span]
    assert len(named) >= 8
    for command in named:
        parser().parse_args(shlex.split(command.replace("\\", "/"))[3:])


def test_every_other_module_that_is_named_can_be_run():
    named = {match[1] for span in spans() if (match := re.search(r"python -m (\S+)", span))}
    assert {"classroom", "jupyterlab", "tests"} <= named
    assert [name for name in named if importlib.util.find_spec(f"{name}.__main__") is None] == []


def test_the_commands_for_windows_are_those_for_the_others():
    rows = re.findall(r"^\|(?: `make \w+`)? \| `([^`]+)` \| `([^`]+)` \|$", README, re.MULTILINE)
    assert len(rows) >= 4
    for others, windows in rows:
        same = windows.replace("\\", "/").replace(".venv/Scripts/", ".venv/bin/")
        assert re.sub("^py ", "python3 ", same) == others


def test_every_message_that_it_helps_with_is_one_that_is_given():
    """With the figures put in, as the set-up does."""
    given = (ROOT / ".ci" / "setup.py").read_text(encoding="utf-8")
    needed = re.search(r"^NEEDED = \((\d+), (\d+)\)", given, re.MULTILINE)
    assert needed
    given = given.replace("{NEEDED[0]}.{NEEDED[1]}", f"{needed[1]}.{needed[2]}")
    table = README.partition("## If it fails")[2]
    quoted = re.findall(r'^\| "([^"]+)" \|', table, re.MULTILINE)
    assert len(quoted) >= 3
    assert [words for words in quoted if words not in given] == []


def test_the_variables_that_make_takes_are_those_that_the_makefile_reads():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {name for span in spans() if "make " in span for name in re.findall(r"\b([A-Z]+)=", span)}
    assert named >= {"PORT", "ARGS", "PYTHON"}
    assert [name for name in named if f"$({name})" not in makefile] == []


# -- the lessons --------------------------------------------------------------------------


@pytest.mark.parametrize("path", under("lessons", suffix=".ipynb"), ids=lambda path: path.stem)
def test_the_minutes_of_a_lesson_are_those_that_it_says_itself(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    says = re.search(r"\*\*(\d+) minutes(?: \+ (\d+))?", "".join(cells[0]["source"]))
    row = next(line for line in README.splitlines() if line.startswith(f"| {path.stem[:2]} |"))
    minutes = re.sub(r"\[(\d+)\]\([^)]+\)", r"\1", row.split(" | ")[2])
    assert says and minutes == " + ".join(filter(None, says.groups()))


def test_its_python_is_the_one_that_pyproject_asks_for():
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "Python 3.11 or newer, make and git" in README


def test_the_examples_replay_line_can_be_pasted(verdict):
    (shown,) = blocks("text")
    ast.parse(verdict.replay_line)
    assert shown.rstrip().splitlines()[-1].strip() == verdict.replay_line
