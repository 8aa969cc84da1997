"""A restarted process has forgotten everything: the same must hold for a learner's globals.

Idea      The functions of a notebook live in the kernel and keep their globals through every
          simulated crash: a `seen = set()` beside the handler would survive what no real process
          survives. So each incarnation gets copies of the functions, with globals as they were
          when the check began.
Not here  What a class keeps on itself, and what an imported module holds.
"""

import copy
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

CONTAINERS = (list, dict, set, bytearray, deque, Counter, OrderedDict, defaultdict)


class Memory:
    """What the answers remember, as it was at the beginning."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._functions = dict(functions)
        self._globals: dict[str, Any] = {}
        self._home: dict[str, Any] = {}
        for function in self._functions.values():
            if isinstance(function, types.FunctionType):
                self._home = function.__globals__
                self._gather(function)
        self._at_first = {name: self._copied(value) for name, value in self._globals.items()}

    def fresh(self) -> dict[str, Callable[..., Any]]:
        """The functions as a process has them that has just been started."""
        namespace: dict[str, Any] = {"__builtins__": self._home.get("__builtins__", __builtins__)}
        namespace["__name__"] = self._home.get("__name__", "__main__")
        for name, value in self._at_first.items():
            namespace[name] = (
                self._rebuilt(value, namespace) if self._is_theirs(value) else self._copied(value)
            )
        return {
            name: self._rebuilt(function, namespace) if isinstance(function, types.FunctionType) else function
            for name, function in self._functions.items()
        }

    def _gather(self, function: types.FunctionType) -> None:
        for name in _names(function.__code__):
            if name in self._home and name not in self._globals:
                self._globals[name] = value = self._home[name]
                if self._is_theirs(value):
                    self._gather(value)

    def _is_theirs(self, value: Any) -> bool:
        return isinstance(value, types.FunctionType) and value.__globals__ is self._home

    def _copied(self, value: Any) -> Any:
        written_here = not isinstance(value, type) and type(value).__module__ == self._home.get("__name__")
        return copy.deepcopy(value) if isinstance(value, CONTAINERS) or written_here else value

    def _rebuilt(self, function: types.FunctionType, namespace: dict[str, Any]) -> types.FunctionType:
        cells = tuple(types.CellType(self._copied(_contents(cell))) for cell in function.__closure__ or ())
        defaults = tuple(self._copied(value) for value in function.__defaults__ or ()) or None
        twin = types.FunctionType(function.__code__, namespace, function.__name__, defaults, cells or None)
        twin.__kwdefaults__ = {
            key: self._copied(value) for key, value in (function.__kwdefaults__ or {}).items()
        }
        twin.__dict__.update({key: self._copied(value) for key, value in function.__dict__.items()})
        twin.__qualname__ = function.__qualname__
        return twin


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that was never given a value
        return None
