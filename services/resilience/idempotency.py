"""Idempotency keys, on the server's side: the same request again gets the same answer, and no second effect.

Idea      The client makes a key for each thing that it wants done, and sends it with every try. The
          server keeps, under that key, which request it was (a hash) and what it answered.
          If the effect is rows of this service's own database, key, effect and answer are *one*
          transaction: in_transaction(). There is no moment at which one is there without the others.
          If the effect is somebody else's, no transaction holds both. Then around() writes "in
          progress" first and the answer afterwards, and the effect needs a key of its own, over
          there: after a crash in between it is asked for again.
Not here  The client, which must keep its key over its own crashes. Tables of an inbox (messaging/).
Mind      Stored only afterwards, a crash forgets the effect; stored only before, it forgets the work.
Source    IETF draft "The Idempotency-Key HTTP Header Field": 400 for no key, 409 for one in progress, 422
          for one that comes back with another request. Stripe (API v1) keeps keys 24 h at least and
          replays a 500, too. Brandur Leach, "Implementing Stripe-like Idempotency Keys in Postgres".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.node import Database, Row

Effect = Callable[[], Awaitable[Any]]  # returns the answer, a JSON value

TABLE = (
    "CREATE TABLE IF NOT EXISTS idempotency_keys "
    "(key TEXT PRIMARY KEY, request TEXT NOT NULL, state TEXT NOT NULL, since REAL NOT NULL, answer TEXT)"
)


class KeyState(StrEnum):
    """How far the work under a key has come."""

    IN_PROGRESS = "in_progress"  # somebody works on it, or died over it
    FAILED = "failed"  # a try ended with an error: the next one may begin
    COMPLETE = "complete"  # the answer is stored


class IdempotencyError(Exception):
    """The request was not carried out. status: what to answer in HTTP."""

    status = 400


class KeyMissing(IdempotencyError):
    """No key, or none that can be one."""


class KeyInProgress(IdempotencyError):
    """Another try with this key is at work: come back for its answer."""

    status = 409


class KeyReused(IdempotencyError):
    """The key belongs to another request."""

    status = 422


@dataclass(frozen=True, slots=True)
class Answer:
    """value: what the effect returned, as JSON gives it back. repeated: it was stored, by an earlier try."""

    value: Any
    repeated: bool


def key_of(header: str | None) -> str:
    """The key in an Idempotency-Key header: quoted, as the draft has it, or bare, as most send it."""
    key = (header or "").strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= 255:
        raise KeyMissing(
            f"this request needs an Idempotency-Key of 1 to 255 characters; got {len(key)}. Make one for "
            f"each thing that you want done, and send the same one with every try."
        )
    return key


def fingerprint(request: Any) -> str:
    """SHA-256 of a request, a JSON value, as 64 hex digits. The order of its keys does not matter."""
    canonical = json.dumps(
        request, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


class IdempotencyKeys:
    """The keys of one service, in the table idempotency_keys of its database.

    clock: seconds; must go on over a restart (node.now).
    lease: seconds after which a try that is in progress counts as dead (around() only). Longer than an
           effect ever takes, timeouts included.
    """

    def __init__(self, db: Database, *, clock: Callable[[], float], lease: float = 30.0) -> None:
        if not lease > 0:
            raise ValueError(f"lease is in seconds, more than 0; got {lease!r}")
        self._db = db
        self._clock = clock
        self._lease = lease
        self._has_table = False

    async def in_transaction(self, key: str, request: Any, effect: Effect) -> Answer:
        """Run `effect` once for `key`, in one transaction with the key: for an effect in this database alone.

        If it raises, all is undone, the key too: another try is a first one. KeyReused.
        """
        await self._make_table()
        async with self._db.transaction():
            row = await self._row(key, request)
            if row is not None and row["state"] == KeyState.COMPLETE:
                return _stored(row)
            answer = json.dumps(await effect(), allow_nan=False)
            await self._write(key, request, KeyState.COMPLETE, answer)
        return Answer(json.loads(answer), repeated=False)

    async def around(self, key: str, request: Any, effect: Effect) -> Answer:
        """Run `effect` for `key`, for an effect somewhere else; again only after a crash, or if it raised.

        It may so happen twice: send this key on with it, or one made from it, so that it counts once there.
        KeyInProgress, KeyReused.
        """
        await self._make_table()
        async with self._db.transaction():
            row = await self._row(key, request)
            if row is not None and row["state"] == KeyState.COMPLETE:
                return _stored(row)
            if row is not None and row["state"] == KeyState.IN_PROGRESS:
                age = self._clock() - row["since"]
                if age < self._lease:
                    raise KeyInProgress(
                        f"key {key!r} has been in progress for {age:.3f} s. Come back for its answer; if it "
                        f"died, the next may begin in {self._lease - age:.3f} s (lease={self._lease:g})."
                    )
            since = await self._write(key, request, KeyState.IN_PROGRESS)
        try:
            answer = json.dumps(await effect(), allow_nan=False)
        except Exception:
            # What was done over there is not known: the next try asks again, under the same key. If our lease
            # was over and somebody else works on it by now, the row is theirs.
            await self._db.execute(
                "UPDATE idempotency_keys SET state = ? WHERE key = ? AND state = ? AND since = ?",
                (KeyState.FAILED, key, KeyState.IN_PROGRESS, since),
            )
            raise
        await self._write(key, request, KeyState.COMPLETE, answer)
        return Answer(json.loads(answer), repeated=False)

    async def forget(self, *, older_than: float) -> None:
        """Let go of keys that were written `older_than` seconds ago: longer than any client tries again."""
        await self._make_table()
        await self._db.execute("DELETE FROM idempotency_keys WHERE since <= ?", (self._clock() - older_than,))

    async def _make_table(self) -> None:
        if not self._has_table:
            await self._db.execute(TABLE)
            self._has_table = True

    async def _row(self, key: str, request: Any) -> Row | None:
        rows = await self._db.execute("SELECT * FROM idempotency_keys WHERE key = ?", (key,))
        if rows and rows[0]["request"] != fingerprint(request):
            raise KeyReused(f"key {key!r} belongs to another request: make a new key for a new thing")
        return rows[0] if rows else None

    async def _write(self, key: str, request: Any, state: KeyState, answer: str | None = None) -> float:
        now = self._clock()
        await self._db.execute(
            "INSERT OR REPLACE INTO idempotency_keys VALUES (?, ?, ?, ?, ?)",
            (key, fingerprint(request), state, now, answer),
        )
        return now


def _stored(row: Row) -> Answer:
    return Answer(json.loads(row["answer"]), repeated=True)
