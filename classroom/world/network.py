"""The network: an exchange is a request that travels, is served, and a reply that travels back.

Idea      All that goes from node to node goes through `exchange`: HTTP, queue and log alike. A
          message on the wire belongs to nobody, so it arrives although its sender has crashed.
          Each pair of nodes has a stream of chance of its own, so that one more call between two
          nodes changes nothing between others.
          A caller can tell only four things apart: an answer; `refused` (nobody listened: it did
          not happen); `reset` (the callee died while at it); no answer within the timeout. After
          the last two nobody knows. (Maelstrom calls these definite and indefinite errors.)
Not here  HTTP itself (transport.py); which faults there are (faults.py).
"""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from classroom.world.effects import Effects, never
from classroom.world.faults import Delay, Drop, Duplicate, ErrorRate, Fault, Partition, Slow
from classroom.world.loop import VirtualLoop
from classroom.world.process import Process

LATENCY = (0.0005, 0.002)  # seconds one way, uniform: machines of one data centre
LONGEST_BODY = 2_000  # bytes of a body that the history keeps


class Refused(Exception):
    """Nobody listens there: the request was not carried out."""


class Reset(Exception):
    """The callee died while it was at it: nobody knows whether the request was carried out."""


class NoAnswerInTime(Exception):
    """The timeout passed: nobody knows whether the request was carried out."""


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str  # with the query string
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


Serve = Callable[..., Coroutine[Any, Any, Reply]]  # of a Request


class Nodes(Protocol):
    """What the network must know of the world."""

    def find(self, name: str) -> "Listener": ...


@dataclass(slots=True)
class Listener:
    """The process that is (or was) there, and its app; None for a worker, which listens to nobody."""

    process: Process
    serve: Serve | None


@dataclass(slots=True, eq=False)
class _Exchange:
    call: int
    caller: str
    callee: str
    request: Request
    answer: "asyncio.Future[Reply | Exception]"
    faults: list[Fault] = field(default_factory=list)


class Network:
    """Carries exchanges, and loses, delays and doubles them as the faults say."""

    def __init__(
        self,
        loop: VirtualLoop,
        nodes: Nodes,
        effects: Effects,
        *,
        faults: tuple[Fault, ...],
        rng: Callable[[str], Random],
        record: Callable[..., None],
    ) -> None:
        self._loop = loop
        self._nodes = nodes
        self._effects = effects
        self._link_faults = [
            fault for fault in faults if isinstance(fault, Drop | Duplicate | Delay | ErrorRate)
        ]
        self._slow = [fault for fault in faults if isinstance(fault, Slow)]
        self._rng = rng
        self._record = record  # record(node, kind, **data)
        self._streams: dict[str, Random] = {}
        self._calls = 0
        self._nth: Counter[tuple[str, str]] = Counter()
        self._partitions: list[Partition] = []
        self._serving: dict[Process, list[_Exchange]] = {}

    # ---- the caller's side -----------------------------------------------------------

    async def exchange(
        self, caller: Process, callee: str, request: Request, *, timeout: float | None
    ) -> Reply:
        """Send, wait, receive. timeout: seconds for the whole of it; None waits for ever.

        Raises Refused, Reset or NoAnswerInTime.
        """
        self._nodes.find(callee)  # a misspelt name is an error at once
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout is in seconds, more than 0, or None to wait for ever; got {timeout!r}")
        short = f"{request.method} {callee}{request.path}"
        effect = await self._effects.before(caller, f"send {short}")
        exchange = self._open(caller.name, callee, request)
        call, to = exchange.call, callee
        self._send_request(exchange)
        await self._effects.after(caller, effect)
        try:
            async with asyncio.timeout(timeout):
                answer = await exchange.answer
        except TimeoutError:
            self._record(caller.name, "timeout", call=call, to=to, after=timeout)
            raise NoAnswerInTime(f"no answer from {callee} within {timeout:g} s ({short})") from None
        except asyncio.CancelledError:
            self._record(caller.name, "cancelled", call=call, to=to)
            raise
        if isinstance(answer, Exception):
            self._record(caller.name, "refused" if isinstance(answer, Refused) else "reset", call=call, to=to)
            raise answer
        effect = await self._effects.before(caller, f"receive the answer to {short}")
        self._record(caller.name, "answer", call=call, callee=callee, status=answer.status)
        await self._effects.after(caller, effect)
        return answer

    def _open(self, caller: str, callee: str, request: Request) -> _Exchange:
        self._calls += 1
        self._nth[caller, callee] += 1
        exchange = _Exchange(self._calls, caller, callee, request, self._loop.create_future())
        for fault in self._link_faults:
            chance = 0.0
            if fault.rate < 1:  # a stream for each pair, or one call more between two would shift all others
                chance = self._stream(f"fault/{caller}>{callee}/{fault!r}").random()
            if fault.strikes(
                caller, callee, now=self._loop.time(), nth=self._nth[caller, callee], chance=chance
            ):
                exchange.faults.append(fault)
        self._record(
            caller, "request", call=exchange.call, to=callee, method=request.method, path=request.path,
            body=readable(request.body),
        )  # fmt: skip
        return exchange

    def _send_request(self, exchange: _Exchange) -> None:
        if why := self._is_lost(exchange, "request"):
            self._record(
                exchange.caller, "lost", call=exchange.call, to=exchange.callee, part="request", why=why
            )
            return
        copies = 2 if any(isinstance(fault, Duplicate) for fault in exchange.faults) else 1
        for copy in range(1, copies + 1):
            self._loop.later(self._travel(exchange, "request"), self._arrive, exchange, copy)

    # ---- the callee's side -----------------------------------------------------------

    def _arrive(self, exchange: _Exchange, copy: int) -> None:
        listener = self._nodes.find(exchange.callee)
        process = listener.process
        if not process.alive or listener.serve is None:
            reason = "is down" if listener.serve else "is a worker and listens to nobody"
            refusal = Refused(f"{exchange.callee} {reason}: connection refused")
            self._loop.later(self._latency(exchange.callee, exchange.caller), _answer, exchange, refusal)
            return
        self._serving.setdefault(process, []).append(exchange)
        self._loop.create_task(
            self._serve(process, listener.serve, exchange, copy), context=process.fresh_context()
        )

    async def _serve(self, process: Process, serve: Serve, exchange: _Exchange, copy: int) -> None:
        request = exchange.request
        short = f"{request.method} {request.path} from {exchange.caller}"
        await asyncio.sleep(0)  # a process that is paused takes it from its socket only afterwards
        effect = await self._effects.before(process, f"receive {short}")
        self._record(
            process.name, "arrive", call=exchange.call, caller=exchange.caller, method=request.method,
            path=request.path, copy=copy,
        )  # fmt: skip
        await self._effects.after(process, effect)
        for slow in self._slow:
            if slow.node == process.name and slow.at <= self._loop.time() < slow.at + slow.lasts:
                await asyncio.sleep(slow.by)
        failing = next((fault.status for fault in exchange.faults if isinstance(fault, ErrorRate)), None)
        if failing is None:
            reply = await serve(request)
        else:
            reply = Reply(failing, ((b"content-type", b"application/json"),), b'{"error": "injected"}')
        if not process.alive:
            await never()
        effect = await self._effects.before(process, f"answer {short}")
        self._record(
            process.name,
            "reply",
            call=exchange.call,
            to=exchange.caller,
            status=reply.status,
            body=readable(reply.body),
        )
        self._send_reply(exchange, reply)
        self._serving[process].remove(exchange)
        await self._effects.after(process, effect)

    def _send_reply(self, exchange: _Exchange, reply: Reply) -> None:
        if why := self._is_lost(exchange, "reply"):
            self._record(
                exchange.callee, "lost", call=exchange.call, to=exchange.caller, part="reply", why=why
            )
        else:
            self._loop.later(self._travel(exchange, "reply"), _answer, exchange, reply)

    # ---- the world's side ------------------------------------------------------------

    def died(self, process: Process) -> None:
        """Its open connections break: those who wait for it are told."""
        for exchange in self._serving.pop(process, ()):
            error = Reset(f"{exchange.callee} died while it served {exchange.request.path}: connection reset")
            if not self._is_cut(exchange.callee, exchange.caller):
                self._loop.later(self._latency(exchange.callee, exchange.caller), _answer, exchange, error)

    def cut(self, partition: Partition) -> None:
        self._partitions.append(partition)

    def heal(self, partition: Partition) -> None:
        self._partitions.remove(partition)

    # ---- chance ----------------------------------------------------------------------

    def _stream(self, label: str) -> Random:
        if label not in self._streams:
            self._streams[label] = self._rng(label)
        return self._streams[label]

    def _latency(self, sender: str, receiver: str) -> float:
        return self._stream(f"link/{sender}>{receiver}").uniform(*LATENCY)

    def _ends(self, exchange: _Exchange, part: str) -> tuple[str, str]:
        if part == "request":
            return exchange.caller, exchange.callee
        return exchange.callee, exchange.caller

    def _travel(self, exchange: _Exchange, part: str) -> float:
        latency = self._latency(*self._ends(exchange, part))
        if not exchange.faults:  # as nearly always
            return latency
        delays = (fault.by for fault in exchange.faults if isinstance(fault, Delay) and fault.part == part)
        return latency + sum(delays)

    def _is_lost(self, exchange: _Exchange, part: str) -> str | None:
        if self._partitions and self._is_cut(*self._ends(exchange, part)):
            return "partition"
        if not exchange.faults:
            return None
        dropped = any(isinstance(fault, Drop) and fault.part == part for fault in exchange.faults)
        return "drop" if dropped else None

    def _is_cut(self, sender: str, receiver: str) -> bool:
        return any(
            (cut.a, cut.b) == (sender, receiver) or (not cut.one_way and (cut.b, cut.a) == (sender, receiver))
            for cut in self._partitions
        )


def _answer(exchange: _Exchange, answer: Reply | Exception) -> None:
    if not exchange.answer.done():
        exchange.answer.set_result(answer)


def readable(body: bytes) -> Any:
    """A body for the history: its JSON value, or in words what it is; None when empty."""
    if not body:
        return None
    if len(body) > LONGEST_BODY:
        return f"<{len(body)} bytes>"
    try:
        value = json.loads(body)
    except ValueError:
        return f"<{len(body)} bytes>"
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)
