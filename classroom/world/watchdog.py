"""The watchdog: breaks off a step that does not come back to the loop.

Idea      The thread that called simulate() looks now and then whether steps are still taken. If one
          computes for `patience` seconds, an exception is raised in the other thread, from outside.
          A bare `except:` catches that too, so whoever catches it is raised at again, on the next
          line of his own code, until the loop has the word.
          Computing is what counts, and imports do not: a verdict must not depend on how fast or how
          busy the machine is.
Mind      What hangs outside of Python (a lock that nobody gives back) hears of no exception. It is
          left behind, and the run ends without it. What does not even let other threads run (a
          regular expression that backtracks for ever) ends when it ends.
Source    PyThreadState_SetAsyncExc and sys.settrace in the Python manuals.
"""

import contextlib
import ctypes
import linecache
import sqlite3
import sys
import threading
import time
from types import FrameType
from typing import Any

from classroom.world.coroutines import is_library
from classroom.world.loop import EndlessLoop
from classroom.world.world import World

GLANCE = 0.25  # seconds of real time between two looks
ROUNDS = 8  # of GLANCE, until an interrupt does not wait any more for what cannot be broken off
STILL = 4  # times the patience: for a step that hangs and computes nothing, or a machine that is very busy
LONGEST = 2.0  # seconds, on top of the patience, until what cannot be broken off is left behind


class Interrupted(BaseException):
    """The person at the keyboard stopped the run."""


class BrokenOff(BaseException):
    """What is raised in the other thread; the reason is in loop.stop_with."""

    def __init__(self) -> None:
        super().__init__()  # made by Python in the thread in which it is raised
        _raise_on_next_line(sys._getframe(1))


class Watchdog:
    """Watches one run. `patience`: seconds of computing for a single step."""

    def __init__(self, world: World, patience: float) -> None:
        self.over = threading.Event()  # set by the thread at its end (a join() that is interrupted may err)
        self.gave_up = False  # the run ends without its thread
        self._world = world
        self._patience = patience
        self._free = True  # to raise
        self._lock = threading.Lock()

    # ---- for the thread that waits -----------------------------------------------------

    def watch(self, thread: threading.Thread) -> None:
        """Until the thread has ended, or is given up."""
        loop = self._world.loop
        steps, stood, computed, struck = loop.steps, 0.0, time.process_time(), 0.0
        try:
            while not self.over.wait(GLANCE):
                stood += GLANCE
                if loop.steps != steps:
                    steps, stood, computed, struck = loop.steps, 0.0, time.process_time(), 0.0
                    continue
                endless = min(stood, time.process_time() - computed) >= self._patience
                if not (endless or stood >= STILL * self._patience) or _imports(thread):
                    continue
                struck += GLANCE
                if struck > self._patience + LONGEST:
                    self.gave_up = True
                    return
                self._break_off(thread, EndlessLoop(self._too_long(thread)))
        except KeyboardInterrupt:
            loop.stop_with = Interrupted("interrupted")  # enough for all but an endless loop
            for _ in range(ROUNDS):
                if self.over.wait(GLANCE):
                    break
                self._break_off(thread, loop.stop_with)
            raise
        thread.join()

    def _too_long(self, thread: threading.Thread) -> str:
        known = self._world.loop.stop_with
        if isinstance(known, EndlessLoop):
            return str(known)
        return (
            f"one step ran for {self._patience:g} s without an await: an endless loop? While it runs, "
            f"nothing else of the system can. It {_whereabouts(thread)}."
        )

    def _break_off(self, thread: threading.Thread, reason: BaseException) -> None:
        self._world.loop.stop_with = reason
        for stored in list(self._world.stored.values()):
            with contextlib.suppress(sqlite3.Error):
                stored.connection.interrupt()  # a query can be endless too
        with self._lock:
            if self._free and thread.ident is not None:
                _raise_in(thread.ident, BrokenOff)

    # ---- for the thread that is watched --------------------------------------------------

    def hold(self) -> None:
        """From here on nothing is raised in this thread, nor is what was on its way."""
        while True:
            try:
                with self._lock:
                    self._free = False
                for _ in range(10):  # what is on its way arrives here, where Python looks for it
                    pass
                sys.settrace(None)
                return
            except BrokenOff:
                continue

    def let_go(self) -> None:
        """It may be broken off again."""
        with self._lock:
            self._free = True


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    # Never with NULL, to take one back: Python 3.11 then looks for it at every jump, for ever.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))


def _raise_on_next_line(frame: FrameType | None) -> None:
    sys.settrace(_trace)
    while frame is not None:
        if not is_library(frame.f_code.co_filename):
            frame.f_trace = _trace
        frame = frame.f_back


def _trace(frame: FrameType, event: str, _: Any) -> Any:
    if is_library(frame.f_code.co_filename):
        return None
    if event == "line":
        raise BrokenOff
    return _trace


def _imports(thread: threading.Thread) -> bool:
    """Is it importing a module (FastAPI takes a second, and many seconds on a busy machine)?"""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def _whereabouts(thread: threading.Thread) -> str:
    """The line of the learner's own code at which the thread is."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return "was in a library"
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    return f"was in {frame.f_code.co_name}(), line {frame.f_lineno}: {line}"
