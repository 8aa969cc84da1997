"""Recovery: the facts of a journal, sorted by what they speak of.

Idea      Reading a journal fills a table for each queue; when all is read, the tables become queues. So
          nothing is done twice, no clock runs, and nobody is told.
Damage    A fact about something that only a damaged frame spoke of is left out, and counted.
Not here  What the facts of queues and topics mean (queue_facts.py, log_facts.py); frames (journal.py).
"""

from collections.abc import Callable, Iterable
from typing import Any

from minibroker.errors import InvalidArgument
from minibroker.journal import Fact, Found
from minibroker.queue_facts import QueueTable


class Tables:
    """All that a journal knows of queues. What it knows of topics and groups is handed on to `log` at once:
    they are the sum of their facts already, and so are the bindings.
    """

    def __init__(self, log: Callable[[Fact], None], bindings: Callable[..., None]) -> None:
        self.last_id = 0  # no message may get this id or a smaller one
        self.queues: dict[str, QueueTable] = {}
        self._log = log
        self._kinds: dict[str, Callable[..., None]] = {
            "ids": self._ids,
            "queue": self._queue,
            "removed": self._removed,
            "in": self._came_in,
            "leased": lambda queue, *of: self.queues[queue].leased(*of),
            "stands": lambda queue, *of: self.queues[queue].stands(*of),
            "out": lambda queue, *of: self.queues[queue].went_out(*of),
            "was": lambda queue, *of: self.queues[queue].was(*of),
            "bind": lambda *of: bindings("bind", *of),
            "unbind": lambda *of: bindings("unbind", *of),
            "remember": lambda queue, *of: self.queues[queue].remember(*of),
        }

    def take(self, facts: Iterable[Fact], found: Found) -> None:
        """Sort them in. `found` counts those that need something which is not there."""
        kinds, log = self._kinds, self._log
        for fact in facts:
            try:
                if fact[0] in kinds:
                    kinds[fact[0]](*fact[1:])
                else:
                    log(fact)
            except (LookupError, InvalidArgument):
                found.unknown += 1

    def _ids(self, last: int) -> None:
        self.last_id = max(self.last_id, last)

    def _queue(self, name: str, settings: dict[str, Any]) -> None:
        self.queues.setdefault(name, QueueTable(settings))

    def _removed(self, name: str) -> None:
        del self.queues[name]

    def _came_in(self, queue: str, message: list[Any], *rest: Any) -> None:
        self.last_id = max(self.last_id, message[0])
        self.queues[queue].came_in(message, *rest)
