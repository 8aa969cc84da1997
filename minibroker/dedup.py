"""A dedup window: the same send again is the same message.

Idea      A sender that got no answer sends again, and does not know whether that makes two.
          With a `dedup_id` (its own number of the send, or the order's) the queue
          remembers for a while which message that was, and answers with it.
Corners   The window begins with the first send and is not moved by the others. It holds for the
          whole queue, whatever the group, and after the message was acked or died: what
          was done is not to be done again. It ends exactly dedup_window seconds later.
Not here  Once in the queue is not once *handled*: the lease of a handled message may expire.
          For that the handler itself must be idempotent.
Source    Amazon SQS Developer Guide, "Exactly-once processing": 5 minutes, the whole queue, also
          after a delete; SHA-256 of the body, without attributes, if that was asked for.
"""

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from minibroker.arguments import text
from minibroker.errors import InvalidArgument


def id_of_body(body: Any) -> str:
    """The SHA-256 of `body` as JSON with sorted keys, in hex."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


class DedupWindow:
    """dedup_id -> id of the message that was sent under it, for `window` seconds."""

    def __init__(self, window: float, *, by_body: bool = False) -> None:
        self._window = window
        self._by_body = by_body
        self._messages: dict[str, int] = {}
        self._ends: deque[tuple[float, str]] = deque()  # in order of time, since the window is constant

    def key(self, dedup_id: str | None, body: Any) -> str | None:
        """Under which name to remember this send; None for not at all."""
        if dedup_id is None:
            return id_of_body(body) if self._by_body else None
        if not text("dedup_id", dedup_id):
            raise InvalidArgument("dedup_id must not be empty; leave it out to send without one")
        return dedup_id

    def first(self, key: str, now: float) -> int | None:
        """The message that was sent under `key` within the window; None if there was none."""
        while self._ends and self._ends[0][0] <= now:
            del self._messages[self._ends.popleft()[1]]
        return self._messages.get(key)

    def remember(self, key: str, message_id: int, now: float) -> None:
        """`key` was sent now, for the first time, as this message."""
        self._messages[key] = message_id
        self._ends.append((now + self._window, key))

    def remembered(self) -> Iterator[tuple[str, int, float]]:
        """Each name with its message and the end of its window (seconds), the oldest first."""
        return ((key, self._messages[key], until) for until, key in self._ends)

    def restore(self, remembered: Iterable[tuple[str, int, float]]) -> None:
        """Know again what remembered() told, the oldest first; of a key that comes twice, the last."""
        kept = {key: (message_id, until) for key, message_id, until in remembered}
        self._messages = {key: message_id for key, (message_id, _) in kept.items()}
        self._ends = deque(sorted((until, key) for key, (_, until) in kept.items()))
