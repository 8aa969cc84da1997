"""Two-phase commit, small, and made to be broken: all do it, or nobody does, as long as nobody dies.

Idea      First the coordinator asks each participant to prepare: to promise, on its disk, that it can commit
          whatever happens. If all vote yes, it writes the decision and tells it to all. Between its vote and
          the decision a participant is in doubt, and holds its locks: it may not commit, since another one
          may have voted no, and may not abort, since the coordinator may have decided to commit.
Blocked   is whoever is in doubt while the coordinator is down. He may ask the others (conclude(), below): one
          who knows the outcome, or has not voted, ends the doubt. If each one who can be reached has voted
          yes and none knows the outcome, nobody can tell, and all wait: that is the price of the locks.
Abort     is presumed: the coordinator writes commits alone. Asked for what it does not know, it says abort,
          and writes that first.
Not here  The participant (two_phase_participant.py). A coordinator that is replicated, so that its death
          blocks nobody: Paxos Commit, and what Spanner does. Nested and read-only participants.
Source    J. Gray, "Notes on Data Base Operating Systems", 1978; C. Mohan, B. Lindsay, R. Obermarck,
          "Transaction Management in the R* Distributed Database Management System", 1986, for presumed abort;
          J. Gray and L. Lamport, "Consensus on Transaction Commit", 2006.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import httpx
from fastapi import FastAPI

from services.node import Node
from services.saga.states import Moves


class Decision(StrEnum):
    """What the coordinator decides: once, for all."""

    COMMIT = "commit"
    ABORT = "abort"


class Phase(StrEnum):
    """Where a participant is with one transaction."""

    WORKING = "working"  # has not voted: free to abort
    PREPARED = "prepared"  # has voted yes: in doubt, and locked
    COMMITTED = "committed"
    ABORTED = "aborted"


class Told(StrEnum):
    """What happens to a participant."""

    VOTE_YES = "vote_yes"
    VOTE_NO = "vote_no"
    COMMIT = "commit"
    ABORT = "abort"


# Every move that a participant can make. There is no way out of PREPARED but to be told.
PARTICIPANT_TRANSITIONS: Moves[Phase, Told] = Moves(
    {
        (Phase.WORKING, Told.VOTE_YES): Phase.PREPARED,
        (Phase.WORKING, Told.VOTE_NO): Phase.ABORTED,
        (Phase.WORKING, Told.ABORT): Phase.ABORTED,
        (Phase.PREPARED, Told.COMMIT): Phase.COMMITTED,
        (Phase.PREPARED, Told.ABORT): Phase.ABORTED,
        (Phase.COMMITTED, Told.COMMIT): Phase.COMMITTED,
        (Phase.ABORTED, Told.ABORT): Phase.ABORTED,
    }
)


def conclude(others: Iterable[Phase | None]) -> Decision | None:
    """What one who is in doubt may conclude from the others' phases, None for who cannot be reached.

    Returns None where nobody can tell: undecidable, until somebody comes back who knows.
    """
    known = set(others)
    if Phase.COMMITTED in known:
        return Decision.COMMIT
    if Phase.ABORTED in known or Phase.WORKING in known:
        return Decision.ABORT  # who has not voted will vote no from now on: see two_phase_participant.py
    return None


SCHEMA = """CREATE TABLE IF NOT EXISTS decisions (
    tx TEXT PRIMARY KEY, decision TEXT NOT NULL, participants TEXT NOT NULL, told INTEGER NOT NULL)"""


def two_phase_coordinator(node: Node, *, timeout: float = 1.0, rest: float = 0.5) -> FastAPI:
    """The service; durable is the table `decisions` of its database.

    POST /transactions/{tx} {"http://inventory": work, ...} asks each for its vote, decides, tells all, and
    answers {"decision": ...}; work is what that participant is to do.
    GET /transactions/{tx} tells the decision, null before there is one. POST /transactions/{tx}/doubt is for
    participants: it tells the decision too, and if there is none, that is abort from now on.
    timeout: seconds for a vote; none counts as no. rest: seconds until one who was not told is told again.
    """
    return _Coordinator(node, timeout=timeout, rest=rest).app()


class _Coordinator:
    def __init__(self, node: Node, *, timeout: float, rest: float) -> None:
        self._node, self._db, self._rest = node, node.database(), rest
        self._http = node.client(timeout=timeout)
        self._telling: set[asyncio.Task[None]] = set()

    def app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            await self._db.execute(SCHEMA)
            for row in await self._db.execute("SELECT * FROM decisions WHERE NOT told"):
                self._tell_in_background(
                    row["tx"], Decision(row["decision"]), json.loads(row["participants"])
                )
            yield

        app = FastAPI(lifespan=lifespan)

        @app.post("/transactions/{tx}")
        async def run(tx: str, work: dict[str, Any]) -> dict[str, Any]:
            votes = await asyncio.gather(*(self._ask(who, tx, what) for who, what in work.items()))
            wanted = Decision.COMMIT if all(votes) else Decision.ABORT
            decision = await self._decide(tx, wanted, list(work))
            await asyncio.wait({self._tell_in_background(tx, decision, list(work))})
            return {"tx": tx, "decision": decision}

        @app.post("/transactions/{tx}/doubt")
        async def doubt(tx: str) -> dict[str, Any]:
            return {"tx": tx, "decision": await self._decide(tx, Decision.ABORT, [])}

        @app.get("/transactions/{tx}")
        async def look(tx: str) -> dict[str, Any]:
            rows = await self._db.execute("SELECT decision FROM decisions WHERE tx = ?", (tx,))
            return {"tx": tx, "decision": rows[0]["decision"] if rows else None}

        return app

    async def _ask(self, who: str, tx: str, work: Any) -> bool:
        """Its vote. No answer is no, for us; over there it may be prepared, and will have to be told."""
        try:
            answer = await self._http.post(f"{who}/transactions/{tx}/prepare", json=work)
        except httpx.TransportError:
            return False
        return answer.is_success

    async def _decide(self, tx: str, wanted: Decision, participants: list[str]) -> Decision:
        """Write the decision, unless there is one; from here on it stands."""
        async with self._db.transaction():
            await self._db.execute(
                "INSERT INTO decisions VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (tx, wanted, json.dumps(participants), not participants),
            )
            [row] = await self._db.execute("SELECT decision FROM decisions WHERE tx = ?", (tx,))
        self._node.record("decided", tx=tx, decision=row["decision"])
        return Decision(row["decision"])

    def _tell_in_background(self, tx: str, decision: Decision, participants: list[str]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._tell(tx, decision, participants))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return task

    async def _tell(self, tx: str, decision: Decision, participants: list[str]) -> None:
        """Tell all, each until he says that he knows."""
        left = list(participants)
        while left:
            heard = await asyncio.gather(*(self._told(who, tx, decision) for who in left))
            left = [who for who, ok in zip(left, heard, strict=True) if not ok]
            if left:
                await asyncio.sleep(self._rest)
        await self._db.execute("UPDATE decisions SET told = 1 WHERE tx = ?", (tx,))

    async def _told(self, who: str, tx: str, decision: Decision) -> bool:
        try:
            answer = await self._http.post(f"{who}/transactions/{tx}/{decision}")
        except httpx.TransportError:
            return False
        return answer.is_success
