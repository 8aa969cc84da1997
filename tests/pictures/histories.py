"""Histories made by hand, as the world writes them: exercise 08 in small."""

from typing import Any

from classroom.world.history import Event


class Diary:
    """Writes events one after the other; `at` is the clock, in seconds."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.at = 0.0
        self._calls = 0

    def write(self, node: str, kind: str, later: float = 0.001, /, **data: Any) -> Event:
        self.at = round(self.at + later, 6)
        event = Event(len(self.events), self.at, node, kind, data)
        self.events.append(event)
        return event

    def ask(self, caller: str, callee: str, path: str, body: Any = None, method: str = "POST") -> int:
        self._calls += 1
        call = self._calls
        self.write(caller, "request", call=call, to=callee, method=method, path=path, body=body)
        return call

    def arrive(self, call: int, caller: str, callee: str, path: str, copy: int = 1) -> None:
        self.write(callee, "arrive", call=call, caller=caller, method="POST", path=path, copy=copy)

    def reply(self, call: int, callee: str, caller: str, status: int = 200, body: Any = None) -> None:
        self.write(callee, "reply", call=call, to=caller, status=status, body=body)
        self.write(caller, "answer", call=call, callee=callee, status=status)

    # -- the queue

    def send(self, order: Any, message: int) -> None:
        path = "/queues/charges/send"
        body = {"order": order, "amount": 1990}
        call = self.ask("orders", "broker", path, {"body": body})
        self.arrive(call, "orders", "broker", path)
        self.write("broker", "sent", queue="charges", message=message, body=body, delay=0.0)
        self.reply(call, "broker", "orders")

    def poll_in_vain(self, worker: str) -> None:
        path = "/queues/charges/receive"
        call = self.ask(worker, "broker", path, {"max_messages": 1})
        self.arrive(call, worker, "broker", path)
        self.reply(call, "broker", worker, body={"leases": []})

    def receive(self, worker: str, message: int, count: int = 1) -> None:
        path = "/queues/charges/receive"
        call = self.ask(worker, "broker", path, {"max_messages": 1})
        self.arrive(call, worker, "broker", path)
        self.write("broker", "leased", queue="charges", message=message, receipt=f"{message}.{count}",
                   receive_count=count, until=round(self.at + 30, 6), consumer=worker)  # fmt: skip
        self.reply(call, "broker", worker)
        self.write(worker, "handling", queue="charges", message=message, receive_count=count)

    def charge(self, worker: str, order: Any, repeated: bool = False, answered: bool = True) -> int:
        call = self.ask(worker, "card", "/charges", {"order": order, "amount": 1990})
        self.arrive(call, worker, "card", "/charges")
        self.write("card", "commit", database="card", statements=["INSERT INTO charges VALUES (?, ?)"])
        self.write("card", "charge", order=order, amount=1990, key=None, repeated=repeated)
        if answered:
            self.reply(call, "card", worker)
        return call

    def ack(self, worker: str, message: int, count: int = 1, stale: bool = False) -> None:
        path, receipt = "/queues/charges/ack", f"{message}.{count}"
        call = self.ask(worker, "broker", path, {"receipt": receipt})
        self.arrive(call, worker, "broker", path)
        if stale:
            self.write("broker", "stale", queue="charges", message=message, receipt=receipt, operation="ack")
        else:
            self.write("broker", "acked", queue="charges", message=message, receipt=receipt)
        self.reply(call, "broker", worker, 409 if stale else 200)
        outcome = "StaleReceipt: too late" if stale else "ok"
        self.write(worker, "handled", queue="charges", message=message, receive_count=count, outcome=outcome)

    def expire(self, message: int, count: int, at: float) -> None:
        self.at = at
        self.write("broker", "expired", 0.0, queue="charges", message=message, receipt=f"{message}.{count}",
                   receive_count=count, consumer="worker-1")  # fmt: skip


def paused_past_the_lease(order: Any = 7) -> tuple[Event, ...]:
    """worker-1 pauses 40 s with the order in hand; worker-2 gets it after 30 s, and charges again."""
    diary = Diary()
    for name in ("broker", "card", "worker-1", "worker-2"):
        diary.write(name, "start", 0.0, incarnation=1)
    diary.poll_in_vain("worker-2")
    diary.send(order, 1)
    diary.receive("worker-1", 1)
    leased = diary.at
    diary.charge("worker-1", order)
    diary.write("worker-1", "pause", lasts=40.0)
    paused = diary.at
    diary.expire(1, 1, round(leased + 30, 3))
    diary.receive("worker-2", 1, 2)
    diary.charge("worker-2", order)
    diary.ack("worker-2", 1, 2)
    diary.at = round(paused + 40, 6)
    diary.write("worker-1", "resume", 0.0)
    diary.ack("worker-1", 1, 1, stale=True)
    return tuple(diary.events)


def died_before_the_ack(order: Any = 1) -> tuple[Event, ...]:
    """worker-1 charges, dies before it acks, starts again, and charges again."""
    diary = Diary()
    diary.send(order, 1)
    diary.receive("worker-1", 1)
    diary.charge("worker-1", order)
    diary.write("worker-1", "crash", incarnation=1, down=2.0)
    diary.write("worker-1", "start", 2.0, incarnation=2)
    diary.expire(1, 1, 30.0)
    diary.receive("worker-1", 1, 2)
    diary.charge("worker-1", order)
    diary.ack("worker-1", 1, 2)
    return tuple(diary.events)


def lost_reply() -> tuple[Event, ...]:
    """The card charges and its reply is lost; the network is cut; then a request finds nobody."""
    diary = Diary()
    diary.send(1, 1)
    diary.receive("worker-1", 1)
    call = diary.charge("worker-1", 1, answered=False)
    diary.write("card", "reply", call=call, to="worker-1", status=200, body=None)
    diary.write("card", "lost", 0.0, call=call, to="worker-1", part="reply", why="drop")
    diary.write("worker-1", "timeout", 5.0, call=call, to="card", after=5.0)
    diary.write("world", "partition", a="worker-1", b="broker", one_way=False)
    call = diary.ask("worker-1", "card", "/charges", {"order": 1})
    diary.write("worker-1", "refused", call=call, to="card")
    return tuple(diary.events)


def poison() -> tuple[Event, ...]:
    """Order 13 is delivered three times, fails each time, and is buried."""
    diary = Diary()
    diary.send(13, 1)
    for count in (1, 2, 3):
        diary.receive("worker-1", 1, count)
        diary.write(
            "worker-1",
            "handled",
            queue="charges",
            message=1,
            receive_count=count,
            outcome="ValueError: 19,90",
        )
        diary.expire(1, count, 30.0 * count)
    facts = {"queue": "charges", "message": 1, "to": "charges-dead"}
    diary.write("broker", "dead", 0.0, **facts, reason="max_receive_count", receive_count=3)
    return tuple(diary.events)


def went_well(orders: int) -> tuple[Event, ...]:
    diary = Diary()
    for order in range(1, orders + 1):
        diary.send(order, order)
        diary.receive("worker-1", order)
        diary.charge("worker-1", order)
        diary.ack("worker-1", order)
    return tuple(diary.events)
