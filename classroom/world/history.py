"""The history: everything that happened in a run, in one list.

Idea      A call, a reply, a lease, a commit, a crash: each is one Event. Every picture,
          table, check and grade is computed from this list (and from what is durable
          at the end), so that no two of them can disagree.
Not here  Who writes it (network.py, storage.py, simulated.py, live.py and, through
          node.record, the services themselves); who reads it (checks.py, pictures/).

| kind | node | data |
|---|---|---|
| start, crash, exit | the node | incarnation; crash: down; exit: error |
| pause, resume | the node | pause: lasts |
| partition, heal | "world" | a, b, one_way |
| fault, fault_over | the node, or "world" | fault (its repr) |
| error | the node | error (what escaped a handler or a task) |
| request | the caller | call, to, method, path, body |
| arrive | the callee | call, caller, method, path, copy (2 = a duplicate) |
| reply | the callee | call, to, status, body |
| answer | the caller | call, callee, status |
| lost | the sender of what was lost | call, to, part (request or reply), why (drop or partition) |
| refused | the caller | call, to: nobody listens, so it did not happen |
| reset | the caller | call, to: the callee died while at it, so nobody knows |
| timeout | the caller | call, to, after (seconds) |
| cancelled | the caller | call, to: its wait was cancelled, by a deadline around the call, say |
| commit | the node | database, statements |
| sent, leased, acked, nacked, extended, expired, dead, redriven, stale | the broker | queue, message, ... |
| handling, handled | the worker | queue, message, receive_count; handled: outcome |
| any other | the node | what the service gave to node.record |
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    number: its place in the history, from 0.
    at:     seconds since the run began, rounded to the microsecond.
    node:   to whom it happened: a service, a client, or "world".
    data:   plain JSON values; ``event["order"]`` reads one, ``event.get("order")`` too.
    """

    number: int
    at: float
    node: str
    kind: str
    data: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.data.get(key, default)

    def __str__(self) -> str:
        what = " ".join(f"{key}={value}" for key, value in self.data.items() if value is not None)
        return f"{self.at:10.3f} s  {self.node:<12} {self.kind:<10} {what}"


GAVE_UP = ("timeout", "cancelled")  # kinds: the caller stopped waiting, so nobody knows
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # where an object lies in memory differs from run to run
AS_IT_IS = frozenset((int, bool, type(None)))


def plain(value: Any) -> Any:
    """`value` as JSON values only, so that a history can be stored, compared and hashed."""
    kind = type(value)
    if kind in AS_IT_IS:  # first what is most frequent: each event passes here
        return value
    if isinstance(value, str):
        return ADDRESS.sub("", value) if " at 0x" in value else value
    if kind is dict:
        return {str(key): item if type(item) in AS_IT_IS else plain(item) for key, item in value.items()}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return f"<{type(value).__name__}>"  # never repr(): an address in memory differs from run to run


def digest(history: Iterable[Event]) -> str:
    """16 hex digits that are equal for equal histories, on every machine.

    SHA-256 over the events alone: an upgrade of a library does not change it
    as long as the services still do the same things at the same times.
    """
    lines = ([event.at, event.node, event.kind, event.data] for event in history)
    text = json.dumps(list(lines), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
