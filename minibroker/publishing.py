"""Publishing to a subject: what is bound by a filter that fits gets it, each its own copy.

Idea      A binding is a plain fact, (filter, "queue" or "topic", name): from now on what is published to a
          subject that fits goes there. The publisher learns where its message went, line by line,
          since one full queue must not keep it from the others, nor be passed over in silence.
MQTT      Where the broker listens to MQTT, its clients publish to the same subjects: what they say goes
          to the bound queues and logs, too, and what is published here goes to their subscriptions.
Not here  Finding what fits (router.py), filters (topic_filter.py), HTTP's routes (http.py).
Source    RabbitMQ's exchanges and bindings, with MQTT's filters.
"""

from collections.abc import Callable, Iterator
from typing import Any

from minibroker.errors import BrokerError, InvalidArgument
from minibroker.router import Router

Target = tuple[str, str]  # ("queue" or "topic", name)
Fact = list[Any]
KINDS = ("queue", "topic")
SUBJECT = "subject"  # the header that says to whom reads from many subjects which one it was


class Bindings:
    """Which queues and topics are bound by which filters. `write(fact)` is a journal's, if there is one."""

    def __init__(self, write: Callable[[Fact], None] | None = None) -> None:
        self._router: Router[Target] = Router()
        self._write = write

    def __len__(self) -> int:
        return len(self._router)

    def bind(self, filter: str, target: Target) -> bool:
        """Bind it; False if it was bound so before. InvalidArgument if no subject can fit the filter."""
        changed = self._router.bind(filter, target)
        if changed and self._write is not None:
            self._write(["bind", filter, *target])
        return changed

    def unbind(self, filter: str, target: Target) -> bool:
        """Take the binding back; False if there was none."""
        changed = self._router.unbind(filter, target)
        if changed and self._write is not None:
            self._write(["unbind", filter, *target])
        return changed

    def forget(self, target: Target) -> None:
        """Take back all bindings of what goes away."""
        for filter, bound in self._router.bindings():
            if bound == target:
                self.unbind(filter, target)

    def match(self, subject: str) -> tuple[Target, ...]:
        """What gets a message to `subject`, the first bound first."""
        return self._router.match(subject)

    def to_json(self) -> list[dict[str, str]]:
        """All of them in order: [{"filter": "orders/#", "queue": "audit"}, ...]."""
        return [{"filter": filter, kind: name} for filter, (kind, name) in self._router.bindings()]

    # -- a journal ----------------------------------------------------------------------------------------

    def facts(self) -> Iterator[Fact]:
        """What a journal must know to make them anew."""
        for filter, target in self._router.bindings():
            yield ["bind", filter, *target]

    def restore(self, kind: str, filter: str, *target: str) -> None:
        """Take back what a journal was told: "bind" or "unbind"."""
        act = self._router.bind if kind == "bind" else self._router.unbind
        act(filter, (target[0], target[1]))


def target_of(queue: Any, topic: Any) -> Target:
    """The one of the two that is named."""
    if (queue is None) == (topic is None):
        raise InvalidArgument("a binding has one end: name a queue or a topic")
    return ("topic", topic) if queue is None else ("queue", queue)


def deliver(
    targets: tuple[Target, ...],
    send: Callable[[str], int],
    append: Callable[[str], tuple[int, int]],
) -> list[dict[str, Any]]:
    """Give a message to each: `send(queue)` returns its id there, `append(topic)` (partition, offset).

    One line a target: {"queue": name, "id": 7}, {"topic": name, "partition": 0, "offset": 3}, or, where it
    was refused, {"queue": name, "error": code, "message": sentence}.
    """
    lines = []
    for kind, name in targets:
        line: dict[str, Any] = {kind: name}
        try:
            if kind == "queue":
                line["id"] = send(name)
            else:
                line["partition"], line["offset"] = append(name)
        except BrokerError as error:
            line |= {"error": error.code, "message": str(error)}
        lines.append(line)
    return lines
