"""Coroutines seen from outside: at which line of whose code they wait, and how they are closed.

Idea      A task that waits is a chain of coroutines, each awaiting the next. The innermost line of
          the learner's own code in it tells what it waits for. At the end of a run what is left of
          the chains is closed, so that nothing of it runs later, in some other thread, when garbage
          is collected.
Not here  When that is (loop.py).
"""

import asyncio
import contextlib
import ctypes
import inspect
import linecache
import os
import sysconfig
from collections.abc import Coroutine, Iterator
from pathlib import Path
from types import CoroutineType
from typing import Any

import minibroker

LIBRARIES = (
    sysconfig.get_path("stdlib"),
    "<frozen ",
    os.sep + "site-packages" + os.sep,
    str(Path(__file__).parent),
    str(Path(minibroker.__file__).parent),
)


def is_library(filename: str) -> bool:
    """Is it code of ours, of Python or of somebody else, and not the learner's?"""
    return any(part in filename for part in LIBRARIES)


def where(task: asyncio.Task[Any]) -> str:
    """The innermost line of the learner's own code in which a task waits."""
    best = f"waits in {getattr(task.get_coro(), '__qualname__', task.get_coro())}"
    for awaited in _awaited(task.get_coro()):
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
        if frame is not None and not is_library(frame.f_code.co_filename):
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno or 0).strip()
            best = f"waits in {frame.f_code.co_name}(), line {frame.f_lineno}: {line}"
    return best


def close(task: asyncio.Task[Any]) -> None:
    """End an unfinished task for good, whatever it does about it, and without a word on stderr."""
    if task.done():
        return
    awaited = list(_awaited(task.get_coro()))
    for coroutine in awaited:
        with contextlib.suppress(BaseException):  # whatever their `finally` raises
            _close_what_never_began(coroutine)
    for coroutine in awaited:
        if isinstance(coroutine, CoroutineType):
            _close_for_good(coroutine)


def _close_for_good(coroutine: Coroutine[Any, Any, Any]) -> None:
    for _ in range(10):  # once more for each `await` in a `finally`
        with contextlib.suppress(BaseException):
            coroutine.close()
        if inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED:
            return
    # It catches all and waits again. Collected, it would be asked once more, in whatever thread that is,
    # and without a loop to wait in it would go round for ever. So it is never collected.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


def _awaited(coroutine: Any) -> Iterator[Any]:
    """The coroutine, the one that it awaits, and so on to the innermost."""
    while coroutine is not None:
        yield coroutine
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "ag_await", None)


def _close_what_never_began(coroutine: Any) -> None:
    """Coroutines in the hands of this one: Python would warn of each."""
    frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "ag_frame", None)
    for value in list(frame.f_locals.values()) if frame is not None else ():
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(each, CoroutineType) and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
                _close_what_never_began(each)
                each.close()
