"""What an answer never needs, found in its source before it is run.

Idea      An answer works through what it is given: a delivery, a database, a card. It needs no
          process, no frame, no module of the classroom. So imports come from a list of allowed
          ones, and what reaches round the door (eval, __globals__, frames, magics, patched
          modules) is refused with its line and the reason.
Not here  A sandbox. Python that is determined gets past any screen of source text; who grades
          hostile code runs the grade in a container that is thrown away. This keeps honest
          people honest, and what it lets through still meets verdicts.py.
Source    The `ast` module; "Restricted execution" and why it was given up: PEP 578, rationale.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from classroom.grading.notebook import parse

ALLOWED = frozenset(
    """__future__ abc aiolimiter asyncio base64 binascii bisect collections contextlib contextvars copy
    dataclasses datetime decimal enum fastapi fractions functools hashlib heapq hmac httpx itertools
    json logging math minibroker numbers operator opentelemetry purgatory pydantic random re secrets
    services simpy sqlite3 stamina statistics string textwrap time types typing typing_extensions
    unicodedata uuid warnings zlib zoneinfo""".split()
)
CALLS = frozenset(
    """open exec eval compile __import__ globals locals vars setattr delattr breakpoint exit quit get_ipython
    __builtins__ __loader__ __spec__""".split()
)
ATTRIBUTES = frozenset(
    """os _os sys _sys builtins subprocess ctypes importlib codecs modules _exit _getframe
    create_subprocess_exec create_subprocess_shell all_tasks get_stack print_stack
    tb_frame tb_next f_back f_globals f_locals f_builtins f_code
    gi_frame gi_code cr_frame cr_code cr_await ag_frame ag_code""".split()
)
DUNDERS = frozenset(  # the ones that an answer may read or call; all others reach round the door
    """__name__ __qualname__ __doc__ __init__ __post_init__ __class__ __enter__ __exit__ __aenter__ __aexit__
    __iter__ __next__ __aiter__ __anext__ __len__ __contains__ __eq__ __hash__ __str__ __repr__ __call__
    __cause__ __context__ __notes__ __await__ __members__""".split()
)
DUNDER = re.compile(r"__\w+__")
MARKER = re.compile(r"#\s*(NBVAL_\w+|PYTEST_VALIDATE\w+)\s*$")
MAGIC = re.compile(r"^\s*[%!?]|=\s*[%!]\s*\w|\?\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why an answer is refused: the answer's name, the line of its cell (from 1), the reason."""

    answer: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.answer}, line {self.line}: {self.reason}"


def screen(answers: Mapping[str, str]) -> Objection | None:
    """The first objection to the answers (source by name); None if there is none.

    Raises SyntaxError, with the answer's name as its filename, for what is no Python.
    """
    trees = {}
    for name, source in answers.items():
        for number, line in enumerate(source.splitlines(), 1):
            if MARKER.search(line):
                return Objection(name, number, "a marker for nbval: the grade decides what is compared")
        try:
            trees[name] = parse(source)
        except SyntaxError as error:
            magic = MAGIC.search(source)
            if magic:
                line_number = source.count("\n", 0, magic.end()) + 1
                return Objection(name, line_number, "a magic or a shell command: an answer is plain Python")
            error.filename = name
            raise
    imported = {name: module for tree in trees.values() for name, module in _imported(tree)}
    bound = {name for tree in trees.values() for node in ast.walk(tree) for name in _binds(node)}
    local = bound - imported.keys()
    for name, tree in trees.items():
        found = [
            (getattr(node, "lineno", 1), reason)
            for node in ast.walk(tree)
            for reason in _objections(node, imported, local)
        ]
        if found:
            return Objection(name, *min(found, key=lambda each: each[0]))
    return None


def _objections(node: ast.AST, imported: Mapping[str, str], local: set[str]) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield from _import(alias.name)
        case ast.ImportFrom(module=module, names=names, level=level):
            yield from _import("." * level + (module or ""))
            for alias in names:
                yield from _attribute(alias.name)
                if _comes_along(module or "", alias.name):
                    yield from _import(alias.name)
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
            yield from _attribute(name)
        case ast.Call(func=ast.Name(id="getattr")):
            yield "getattr with a name that is worked out at run time"
        case ast.Name(id=name) if name in CALLS or (DUNDER.fullmatch(name) and name not in DUNDERS):
            yield f"`{name}`: an answer works through what it is given"
        case ast.Constant(value=str(text)):
            for name in DUNDER.findall(text):
                if name not in DUNDERS and hasattr(_Everything, name):
                    yield f"the text {name!r} names what an answer does not reach for"
        case ast.Attribute(attr=name, ctx=ctx):
            yield from _attribute(name)
            root = _root(node)
            if root is not None and _comes_along(imported.get(root, ""), name):
                yield f"`{root}.{name}` reaches for a module by way of another"
            if not isinstance(ctx, ast.Load) and root is not None and root not in local:
                yield f"it changes `{ast.unparse(node)}`, which is not the answer's own"
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and child.id == "getattr" and child is not getattr(node, "func", None):
            yield "`getattr` under another name"
    if "check" in _binds(node):
        yield "it gives the name `check` another meaning"


class _Everything:
    """Has the dunder names by which Python's insides are reached; a dunder like __tablename__ is none."""

    __globals__ = __code__ = __closure__ = __subclasses__ = __bases__ = __mro__ = __base__ = None
    __builtins__ = __func__ = __self__ = __wrapped__ = __loader__ = __spec__ = __import__ = __traceback__ = (
        None
    )


def _import(module: str) -> Iterator[str]:
    root = module.split(".")[0]
    if root in ALLOWED and not any(part in ATTRIBUTES for part in module.split(".")):
        return
    yield (
        f"import of {module}: an answer may import httpx, minibroker, services and "
        "the everyday modules of the standard library (json, sqlite3, hashlib, asyncio, ...)"
    )


def _attribute(name: str) -> Iterator[str]:
    if name in ATTRIBUTES or (DUNDER.fullmatch(name) and name not in DUNDERS):
        yield f"`.{name}` reaches into the machinery"


def _comes_along(module: str, name: str) -> bool:
    """Is it a module that one of the standard library happens to have imported, as logging has os?"""
    name = name.lstrip("_")
    return module.split(".")[0] in sys.stdlib_module_names and name in sys.stdlib_module_names - ALLOWED


def _root(node: ast.expr) -> str | None:
    """The name that a chain such as `a.b[0].c` or `a(x).b` begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each name that an import binds, with the module that it is of."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from zip(_binds(node), (alias.name for alias in node.names), strict=True)
        elif isinstance(node, ast.ImportFrom):
            yield from ((name, node.module or "") for name in _binds(node))


def _binds(node: ast.AST) -> tuple[str, ...]:
    """The names that this one node gives a meaning to."""
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return tuple((alias.asname or alias.name).split(".")[0] for alias in names)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            return (name,)
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return (name,)
        case ast.Global(names=global_names):
            return tuple(global_names)
    return ()
