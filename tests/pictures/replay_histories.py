"""Histories built by hand, so that the pictures' tests need no world: what `simulate` would have written."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from classroom.world.faults import Crash, Drop, Duplicate, Partition, Pause
from classroom.world.history import Event, digest

HOP = 0.001  # seconds one way
LEASE = 30.0  # seconds


@dataclass(frozen=True)
class HandMadeRun:
    """As much of a Run as a picture reads."""

    history: tuple[Event, ...]
    faults: tuple[Any, ...] = ()
    seed: int = 7
    duration: float = 0.0
    databases: dict[str, Any] = field(default_factory=dict)
    scenario: str = "scenario"

    @cached_property
    def digest(self) -> str:
        return digest(self.history)


class Tape:
    """Collects events in any order; `run` sorts them by time and numbers them."""

    def __init__(self) -> None:
        self._events: list[tuple[float, str, str, dict[str, Any]]] = []
        self._calls = 0
        self._messages = 0

    def add(self, at: float, node: str, kind: str, **data: Any) -> None:
        self._events.append((round(at, 6), node, kind, data))

    def run(self, *faults: Any, seed: int = 7) -> HandMadeRun:
        ordered = sorted(self._events, key=lambda event: event[0])
        history = tuple(Event(number, *event) for number, event in enumerate(ordered))
        return HandMadeRun(history, faults, seed, ordered[-1][0] if ordered else 0.0)

    def ask(
        self, at: float, caller: str, callee: str, path: str, body: Any = None, method: str = "POST"
    ) -> int:
        self._calls += 1
        self.add(at, caller, "request", call=self._calls, to=callee, method=method, path=path, body=body)
        return self._calls

    def reach(self, at: float, call: int, caller: str, callee: str, path: str, copy: int = 1) -> None:
        self.add(at, callee, "arrive", call=call, caller=caller, method="POST", path=path, copy=copy)

    def reply(self, at: float, call: int, caller: str, callee: str, body: Any, status: int = 200) -> float:
        self.add(at, callee, "reply", call=call, to=caller, status=status, body=body)
        self.add(at + HOP, caller, "answer", call=call, callee=callee, status=status)
        return at + HOP

    def send(self, at: float, sender: str, queue: str, body: Any) -> str:
        path = f"/queues/{queue}/send"
        call = self.ask(at, sender, "broker", path, {"body": body})
        self._messages += 1
        message = f"{queue}-{self._messages}"
        self.reach(at + HOP, call, sender, "broker", path)
        self.add(at + HOP, "broker", "sent", queue=queue, message=message, body=body, delay=0.0)
        self.reply(at + HOP, call, sender, "broker", {"message": message})
        return message

    def receive(
        self,
        at: float,
        worker: str,
        queue: str,
        message: str | None = None,
        body: Any = None,
        count: int = 1,
        *,
        wait: float = 0.0,
    ) -> float:
        path = f"/queues/{queue}/receive"
        call = self.ask(at, worker, "broker", path, {"max_messages": 1, "wait": wait})
        self.reach(at + HOP, call, worker, "broker", path)
        found: list[Any] = []
        if message is not None:
            lease = {"message": message, "receipt": f"{message}/{count}", "receive_count": count}
            until = round(at + HOP + wait + LEASE, 6)
            self.add(at + HOP + wait, "broker", "leased", queue=queue, until=until, consumer=worker, **lease)
            found = [{**lease, "body": body}]
        return self.reply(at + HOP + wait, call, worker, "broker", {"leases": found})

    def settle(
        self, at: float, worker: str, queue: str, message: str, count: int, kind: str = "acked", **data: Any
    ) -> float:
        path = f"/queues/{queue}/ack" if kind in ("acked", "stale") else f"/queues/{queue}/nack"
        receipt = f"{message}/{count}"
        call = self.ask(at, worker, "broker", path, {"receipt": receipt})
        self.reach(at + HOP, call, worker, "broker", path)
        if kind == "stale":
            data["operation"] = "ack"
        self.add(at + HOP, "broker", kind, queue=queue, message=message, receipt=receipt, **data)
        status = 409 if kind == "stale" else 200
        return self.reply(
            at + HOP, call, worker, "broker", {"error": "stale receipt"} if kind == "stale" else {}, status
        )

    def charge(self, at: float, worker: str, order: int, amount: int) -> float:
        path = f"/charges/{order}"
        call = self.ask(at, worker, "card", path, {"amount": amount})
        self.reach(at + HOP, call, worker, "card", path)
        self.add(at + HOP, "card", "charge", order=order, amount=amount, key=None, repeated=False)
        return self.reply(at + HOP, call, worker, "card", {"charged": amount})


def lesson_08() -> HandMadeRun:
    """Worker-1 pauses for 40 s with order 7; order 13 is poison; worker-2 crashes once."""
    tape = Tape()
    for name in ("broker", "card", "worker-1", "worker-2"):
        tape.add(0, name, "start", incarnation=1)
    messages = {}
    for order in (5, 6, 7, 8, 13):
        amount: Any = "twelve" if order == 13 else 10 * order
        messages[order] = tape.send(0.1 + order / 50, "ada", "charges", {"order": order, "amount": amount})

    def work(at: float, worker: str, order: int, count: int = 1, took: float = 0.08) -> float:
        body = {"order": order, "amount": 10 * order}
        at = tape.receive(at, worker, "charges", messages[order], body, count)
        tape.add(at, worker, "handling", queue="charges", message=messages[order], receive_count=count)
        at = tape.charge(at, worker, order, 10 * order)
        tape.add(
            at + took, worker, "commit", database="ledger", statements=["INSERT INTO charges VALUES (?, ?)"]
        )
        at = tape.settle(at + took, worker, "charges", messages[order], count)
        tape.add(
            at, worker, "handled", queue="charges", message=messages[order], receive_count=count, outcome="ok"
        )
        return at

    tape.receive(0.02, "worker-1", "charges")
    tape.receive(0.05, "worker-2", "charges")
    work(0.40, "worker-1", 5)
    work(0.43, "worker-2", 6)
    body = {"order": 7, "amount": 70}
    at = tape.receive(1.0, "worker-1", "charges", messages[7], body)
    tape.add(at, "worker-1", "handling", queue="charges", message=messages[7], receive_count=1)
    tape.add(at, "world", "fault", fault="Pause('worker-1', after=9, lasts=40)")
    tape.add(at, "worker-1", "pause", lasts=40.0)
    work(1.2, "worker-2", 8)

    def poison(at: float, count: int) -> float:
        at = tape.receive(at, "worker-2", "charges", messages[13], {"order": 13, "amount": "twelve"}, count)
        tape.add(at, "worker-2", "handling", queue="charges", message=messages[13], receive_count=count)
        why = "ValueError: amount 'twelve'"
        tape.add(
            at + 0.01,
            "worker-2",
            "handled",
            queue="charges",
            message=messages[13],
            receive_count=count,
            outcome=why,
        )
        return tape.settle(
            at + 0.01, "worker-2", "charges", messages[13], count, "nacked", delay=0.0, reason=why
        )

    poison(1.5, 1)
    poison(2.5, 2)
    end = poison(3.5, 3)
    tape.add(end - HOP, "broker", "dead", queue="charges", message=messages[13], reason="max_receive_count",
             to="charges-dead", receive_count=3)  # fmt: skip
    for second in (8, 16, 24):
        tape.receive(second, "worker-2", "charges", wait=3.0)
    tape.add(12, "worker-2", "crash", incarnation=1, down=2.0)
    tape.add(14, "worker-2", "start", incarnation=2)
    expired = 1.001 + 30
    tape.add(expired, "broker", "expired", queue="charges", message=messages[7], receipt=f"{messages[7]}/1",
             receive_count=1, consumer="worker-1")  # fmt: skip
    work(expired + 0.2, "worker-2", 7, 2)
    resumed = at + 40
    tape.add(resumed, "worker-1", "resume")
    at = tape.charge(resumed, "worker-1", 7, 70)
    tape.add(
        at + 0.08, "worker-1", "commit", database="ledger", statements=["INSERT INTO charges VALUES (?, ?)"]
    )
    at = tape.settle(at + 0.08, "worker-1", "charges", messages[7], 1, "stale")
    tape.add(
        at,
        "worker-1",
        "handled",
        queue="charges",
        message=messages[7],
        receive_count=1,
        outcome="StaleReceipt",
    )
    return tape.run(Pause("worker-1", after=9, lasts=40), Crash("worker-2", at=12, down=2))


def lossy_shop() -> HandMadeRun:
    """Ada orders; orders asks payments; a lost reply, a duplicate, a partition, a crash, no broker."""
    tape = Tape()
    for name in ("orders", "payments", "inventory"):
        tape.add(0, name, "start", incarnation=1)

    def checkout(at: float, order: int, fate: str = "") -> None:
        path, pay = "/orders", f"/charges/{order}"
        outer = tape.ask(at, "ada", "orders", path, {"order": order, "item": "lamp"})
        tape.reach(at + 0.001, outer, "ada", "orders", path)
        tape.add(at + 0.001, "orders", "commit", database="orders", statements=["INSERT INTO orders ..."])
        inner = tape.ask(at + 0.002, "orders", "payments", pay, {"amount": 30})
        if fate == "partition":
            tape.add(at + 0.002, "orders", "lost", call=inner, to="payments", part="request", why="partition")
        else:
            for copy in (1, 2) if fate == "twice" else (1,):
                tape.reach(at + 0.003 * copy, inner, "orders", "payments", pay, copy)
                tape.add(at + 0.003 * copy, "payments", "charge", order=order, amount=30)
                tape.add(
                    at + 0.003 * copy,
                    "payments",
                    "commit",
                    database="payments",
                    statements=["INSERT INTO charges"],
                )
        if fate == "refused":
            tape.add(at + 0.004, "orders", "refused", call=inner, to="payments")
        if fate == "reply":
            tape.add(at + 0.004, "payments", "reply", call=inner, to="orders", status=200, body={"ok": True})
            tape.add(at + 0.004, "payments", "lost", call=inner, to="orders", part="reply", why="drop")
        if fate in ("reply", "partition"):
            tape.add(at + 1.002, "orders", "timeout", call=inner, to="payments", after=1.0)
            tape.reply(at + 1.003, outer, "ada", "orders", {"error": "no answer from payments"}, 504)
        else:
            tape.reply(at + 0.007, inner, "orders", "payments", {"ok": True})
            tape.reply(at + 0.009, outer, "ada", "orders", {"order": order, "status": "paid"})

    checkout(0.1, 1)
    checkout(1.0, 2, "reply")
    checkout(3.0, 3, "twice")
    tape.add(4.5, "world", "partition", a="orders", b="payments", one_way=False)
    checkout(5.0, 4, "partition")
    tape.add(9.5, "world", "heal", a="orders", b="payments", one_way=False)
    tape.add(10.0, "payments", "crash", incarnation=1, down=3.0)
    tape.add(13.0, "payments", "start", incarnation=2)
    checkout(14.0, 5)
    lost, twice = Drop("orders", "payments", part="reply", nth=2), Duplicate("orders", "payments", nth=3)
    cut, crash = Partition("orders", "payments", at=4.5, lasts=5), Crash("payments", at=10, down=3)
    return tape.run(lost, twice, cut, crash)


def long_run(orders: int = 280) -> HandMadeRun:
    """About 18 events an order; worker-1 crashes at every ninetieth order, which is delivered twice."""
    tape = Tape()
    for name in ("broker", "card", "worker-1", "worker-2"):
        tape.add(0, name, "start", incarnation=1)
    for order in range(1, orders + 1):
        worker = f"worker-{1 + order % 2}"
        body = {"order": order, "amount": order}
        start = order * 0.5
        message = tape.send(start, "ada", "charges", body)
        at = tape.receive(start + 0.1, worker, "charges", message, body)
        tape.add(at, worker, "handling", queue="charges", message=message, receive_count=1)
        at = tape.charge(at, worker, order, order)
        if order % 90 == 0:
            tape.add(at, worker, "crash", incarnation=1, down=1.0)
            tape.add(at + 1, worker, "start", incarnation=2)
            tape.add(at + 30, "broker", "expired", queue="charges", message=message, receipt=f"{message}/1",
                     receive_count=1, consumer=worker)  # fmt: skip
            at = tape.receive(at + 30, worker, "charges", message, body, 2)
            at = tape.charge(at, worker, order, order)
        tape.settle(at + 0.05, worker, "charges", message, 1 + (order % 90 == 0))
        tape.add(
            at + 0.06, worker, "handled", queue="charges", message=message, receive_count=1, outcome="ok"
        )
    return tape.run(seed=3)


def hostile() -> HandMadeRun:
    """Names and bodies that try to break out of HTML, SVG, JSON and script."""
    nasty = "</script><script>alert(1)</script>\"'&<!--]]>\u2028`${x}"
    tape = Tape()
    tape.add(0, "<b>&\"'", "start", incarnation=1)
    call = tape.ask(0.1, nasty, "<b>&\"'", f"/x?{nasty}", {"order": nasty, nasty: nasty})
    tape.reach(0.101, call, nasty, "<b>&\"'", "/x")
    tape.add(0.101, "<b>&\"'", "</style>", order=nasty)
    tape.add(0.101, "<b>&\"'", "commit", database=nasty, statements=[nasty])
    tape.reply(0.102, call, nasty, "<b>&\"'", nasty)
    return tape.run()
