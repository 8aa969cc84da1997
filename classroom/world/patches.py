"""Functions of other libraries that must behave differently, or quicker, inside of a simulation.

Idea      Each is replaced once and looks at the running loop: on a VirtualLoop it does what the
          simulated world needs; anywhere else (a live server in the same kernel, the notebook
          itself) it is the function that it was. And what FastAPI remembers is forgotten after a run.
"""

import asyncio
import functools
import sys
import time
from collections.abc import Callable
from typing import Any

from classroom.world.loop import VirtualLoop


def is_simulated() -> bool:
    return isinstance(asyncio._get_running_loop(), VirtualLoop)


def install() -> None:
    """Idempotent. anyio is patched as soon as somebody else has imported it."""
    if not hasattr(time.sleep, "__wrapped__"):
        time.sleep = _not_in_a_simulation(time.sleep)  # type: ignore[assignment]
    threads = sys.modules.get("anyio.to_thread")
    if threads is not None and not hasattr(threads.run_sync, "__wrapped__"):
        threads.run_sync = _inline_in_a_simulation(threads.run_sync)  # type: ignore[attr-defined]
    routing: Any = sys.modules.get("fastapi.routing")
    context = getattr(routing, "_extract_endpoint_context", None)  # private: an older FastAPI has none
    if context is not None and not hasattr(context, "__wrapped__"):
        routing._extract_endpoint_context = _no_file_in_a_simulation(context)
    cookies: Any = getattr(sys.modules.get("httpx"), "Cookies", None)
    if cookies is not None and not hasattr(cookies.extract_cookies, "__wrapped__"):
        cookies.extract_cookies = _if_there_are_any(cookies.extract_cookies)
    if not hasattr(asyncio.as_completed, "__wrapped__"):
        asyncio.as_completed = asyncio.tasks.as_completed = _in_order_in_a_simulation(asyncio.as_completed)


def forget_endpoints() -> None:
    """FastAPI keeps the last 4,096 endpoints that it has seen: each holds a node, and that a whole run."""
    for kept in list(vars(sys.modules.get("fastapi.dependencies.models", object)).values()):
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()


def _not_in_a_simulation(sleep: Callable[[float], None]) -> Callable[[float], None]:
    @functools.wraps(sleep)
    def refuse_to_block(seconds: float, /) -> None:
        if is_simulated():
            raise RuntimeError(
                f"time.sleep({seconds:g}) blocks the whole process, and every request in it, on the wall "
                f"clock. Write `await asyncio.sleep({seconds:g})`."
            )
        sleep(seconds)

    return refuse_to_block


def _inline_in_a_simulation(run_sync: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run_sync)
    async def run_here(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if is_simulated():
            return function(*args)  # `def` endpoints: a thread would run beside the virtual clock
        return await run_sync(function, *args, **options)

    return run_here


def _no_file_in_a_simulation(context: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(context)
    def name_alone(endpoint: Any) -> Any:
        if is_simulated():  # the file, in an error's text and so in the history, is another on each machine;
            return {"function": getattr(endpoint, "__name__", "")}  # and to find the line takes 1 ms a start
        return context(endpoint)

    return name_alone


def _if_there_are_any(extract_cookies: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(extract_cookies)
    def only_what_is_set(jar: Any, response: Any) -> None:
        if "set-cookie" in response.headers or not is_simulated():  # to look for none takes long
            extract_cookies(jar, response)

    return only_what_is_set


def _in_order_in_a_simulation(as_completed: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(as_completed)
    def begin_in_order(awaitables: Any, *, timeout: float | None = None) -> Any:
        one = asyncio.isfuture(awaitables) or asyncio.iscoroutine(awaitables)  # a slip; it is told so
        if is_simulated() and not one:  # or it would start them as they lie in memory
            awaitables = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
        return as_completed(awaitables, timeout=timeout)

    return begin_in_order
