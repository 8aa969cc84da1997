"""One incarnation of a node, and to which of them the running code belongs.

Idea      Every handle of asyncio holds a contextvars context. The world runs each process in a
          context of its own that names the process, so the loop knows for each step whose it is.
          kill -9 is then simple: the steps of a dead process are never run again. No `finally`,
          no clean-up, as on the day it happens. A paused process has its steps held back.
Not here  The loop that looks at this (loop.py); crash and restart (simulated.py).
"""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any


class Process:
    """name: the node; incarnation: 1, then one more for each restart."""

    __slots__ = ("alive", "context", "held", "incarnation", "name", "paused")

    def __init__(self, name: str, incarnation: int = 1) -> None:
        self.name = name
        self.incarnation = incarnation
        self.alive = True
        self.paused = False
        self.held: list[asyncio.Handle] = []  # steps that wait for the end of a pause
        self.context = contextvars.Context()  # empty: nothing leaks from a caller into a callee
        self.context.run(running.set, self)

    def fresh_context(self) -> contextvars.Context:
        """A context that knows its process and nothing else: one for each request served."""
        return self.context.copy()

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call `function` as if inside of this process."""
        return self.fresh_context().run(function, *args)

    def __repr__(self) -> str:
        return f"<{self.name} #{self.incarnation}>"


running: contextvars.ContextVar[Process | None] = contextvars.ContextVar("running", default=None)
