"""The publisher: a broker's subjects as a service sees them, wherever the broker is.

Idea      As a queue's client (client.py): one function, `ask(operation, arguments)`, which reaches the
          broker in this process (Broker.publisher) or over HTTP (http.http_ask).
Not here  What a binding is (publishing.py). Reading: that is a Queue's or a Topic's.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Ask = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class Publisher:
    """Publishes, and says who gets it. Errors as Queue's; over a network also those of a network."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def publish(
        self, subject: str, body: Any, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Give `body` (a JSON value) to all that is bound by a filter that fits `subject`.

        Returns where it went, a line each (publishing.deliver): what was refused is in its line, and no
        error. [] if nothing is bound.
        """
        arguments = {"subject": subject, "body": body, "key": key, "headers": dict(headers or {})}
        lines: list[dict[str, Any]] = (await self._ask("publish", arguments))["delivered"]
        return lines

    async def bind(self, filter: str, *, queue: str | None = None, topic: str | None = None) -> bool:
        """Let `queue` or `topic` get what fits `filter`; False if it did already."""
        changed: bool = (await self._ask("bind", {"filter": filter, "queue": queue, "topic": topic}))[
            "changed"
        ]
        return changed

    async def unbind(self, filter: str, *, queue: str | None = None, topic: str | None = None) -> bool:
        """Take that binding back; False if there was none."""
        answer = await self._ask("unbind", {"filter": filter, "queue": queue, "topic": topic})
        changed: bool = answer["changed"]
        return changed
