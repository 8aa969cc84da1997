"""What an answer never needs is refused with its line; what it may need is not."""

import re
from pathlib import Path

import pytest

from classroom.grading.screen import screen

ANSWERS = sorted(Path(__file__).parents[1].joinpath("answers").glob("[0-9][0-9]/*.py"))

RIGHT = """\
from __future__ import annotations
import asyncio, contextlib, decimal, hashlib, json, logging, random, re, sqlite3, time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
import httpx
from minibroker.client import Delivery
from services.messaging.worker import work
log = logging.getLogger(__name__)
seen: set[int] = set()
"""

FINE = [
    "def f(card): card.limit = 3  # of what was given to it",
    "handle.calls = 0\nasync def handle(delivery): handle.calls += 1",
    "x = re.compile('a').match('b'); y = {}.get('exec'); z = delivery.queue.select",
    "kind = type(x).__name__ or x.__class__.__qualname__",
    "timeout = getattr(failure, 'after', None)",
    "class Error(Exception):\n    def __init__(self, s):\n        super().__init__(s)\n        self.text = s",
    "@dataclass(slots=True)\nclass Box:\n    n: int = 0\n    def __post_init__(self): self.n += 1",
    "table = '__orders__'  # a name that means nothing to Python",
    "await asyncio.sleep(1)",
    "for row in rows: row['amount'] = 1; prices[row['order']] = 2",
    "with contextlib.suppress(sqlite3.IntegrityError): pass",
    "def f(a, /, *b, c, **d): return lambda e: (a, b, c, d, e)",
    "match x:\n    case {'order': order, **rest}: pass",
    "try: pass\nexcept* ValueError as group: group.handled = True",
    "s = 'a sentence with % and ! and a question mark?'",
    "url = f'http://card/charges/{order!r}'",
]


@pytest.mark.parametrize("source", FINE)
def test_what_an_answer_may_need_is_let_through(source):
    assert screen({"handle": RIGHT + source}) is None


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_no_answer_that_the_course_knows_is_refused(path):
    """Wrong ones must fail for what they break, not for how they look.

    What the exercise itself hands over (a Result, say) stands in its first cell, and not in the answer's.
    """
    given = re.compile(r"^from classroom\.exercises\..*\n", re.MULTILINE)
    assert screen({path.stem: given.sub("", path.read_text(encoding="utf-8"))}) is None


REFUSED = [
    ("import os", "import of os"),
    ("import os.path as p", "import of os.path"),
    ("from os import _exit", "import of os"),
    ("import json, sys", "import of sys"),
    ("from subprocess import run", "import of subprocess"),
    ("import ctypes", "import of ctypes"),
    ("import inspect", "import of inspect"),
    ("import gc", "import of gc"),
    ("import importlib.util", "import of importlib.util"),
    ("import builtins", "import of builtins"),
    ("import IPython", "import of IPython"),
    ("import nbval.plugin", "import of nbval.plugin"),
    ("import signal", "import of signal"),
    ("import threading", "import of threading"),
    ("import multiprocessing", "import of multiprocessing"),
    ("import pathlib", "import of pathlib"),
    ("import classroom", "import of classroom"),
    ("from classroom.exercises import e08_dead_letters", "import of classroom.exercises"),
    ("from . import thing", "import of ."),
    ("from logging import os", "`.os`"),
    ("from logging import io", "import of io"),
    ("import logging as l; l.io.open", "`l.io` reaches for a module"),
    ("import asyncio; asyncio.sys", "`.sys`"),
    ("import asyncio; asyncio.create_subprocess_exec('ls')", "create_subprocess_exec"),
    ("text = open('../solutions/08.ipynb').read()", "`open`"),
    ("exec('x = 1')", "`exec`"),
    ("eval('1')", "`eval`"),
    ("compile('1', '', 'eval')", "`compile`"),
    ("__import__('os')", "`__import__`"),
    ("globals()['check'] = print", "`globals`"),
    ("f = vars", "`vars`"),
    ("setattr(card, 'charge', None)", "`setattr`"),
    ("getattr(card, '__glob' + 'als__')", "getattr with a name that is worked out"),
    ("getattr(card, '__globals__')", "__globals__"),
    ("g = getattr", "`getattr`"),
    ("handle.__globals__", "`.__globals__`"),
    ("handle.__code__ = other.__code__", "`.__code__`"),
    ("().__class__.__base__.__subclasses__()", "`.__subclasses__`"),
    ("'{0.__globals__}'.format(check)", "'__globals__'"),
    ("__builtins__['open']", "`__builtins__`"),
    ("error.__traceback__.tb_frame.f_back", "`.f_back`"),
    ("task.get_stack()", "`.get_stack`"),
    ("coroutine.cr_frame", "`.cr_frame`"),
    ("get_ipython().run_cell('x')", "`get_ipython`"),
    ("exit()", "`exit`"),
    ("import httpx\nhttpx.AsyncClient.post = None", "changes `httpx.AsyncClient.post`"),
    ("Delivery.ack = fake", "changes `Delivery.ack`"),
    ("del Delivery.ack", "changes `Delivery.ack`"),
    ("for Delivery.ack in (1,): pass", "changes `Delivery.ack`"),
    ("type(card).charge = fake", "changes `type(card).charge`"),
    ("from minibroker.client import Queue\nQueue.x.y[0].z += 1", "changes `Queue.x.y[0].z`"),
    ("def check(*answers): print('PASS')", "the name `check`"),
    ("from services.shop import card as check", "the name `check`"),
    ("check = print", "the name `check`"),
    ("# NBVAL_SKIP\nx = 1", "a marker for nbval"),
    ("x = 1\n  #  NBVAL_RAISES_EXCEPTION", "a marker for nbval"),
    ("%time x = 1", "a magic"),
    ("x = !ls", "a magic"),
    ("!cat solutions/08*", "a magic"),
    ("%%capture\nx = 1", "a magic"),
    ("handle??", "a magic"),
]


@pytest.mark.parametrize(("source", "reason"), REFUSED, ids=[source for source, _ in REFUSED])
def test_what_an_answer_never_needs_is_refused_with_its_reason(source, reason):
    objection = screen({"record_charge": "x = 1", "handle": source})
    assert objection is not None
    assert objection.answer == "handle"
    assert reason in objection.reason


def test_an_objection_names_answer_and_line():
    objection = screen({"handle": "import json\n\n\nasync def handle(d):\n    import os\n"})
    assert str(objection).startswith("handle, line 5: import of os: an answer may import httpx")


@pytest.mark.parametrize("source", ["def f(:\n  pass", "x = (", "\0", "x = 1\n y = 2", "(" * 500])
def test_what_is_no_python_is_a_syntax_error_of_its_answer(source):
    with pytest.raises(SyntaxError) as caught:
        screen({"handle": source})
    assert caught.value.filename == "handle"


def test_a_name_of_one_answer_may_be_used_in_another():
    assert screen({"a": "class Ledger: pass", "b": "Ledger.table = 'charges'"}) is None
