"""A participant of two-phase commit: accounts from which something is taken, all or nothing, with the others.

Idea      To prepare is to write down what will be taken, and to lock the account: until the outcome is known
          nobody else may change it, and nobody may read it either, since what he would see may not be. That
          is isolation, and a saga has none of it.
Doubt     Who has voted yes and hears nothing for `patience` seconds asks the coordinator, then the others.
          Who is asked and has not voted aborts there and then, so that the one who asks may abort, too.
Not here  What it is about: two_phase_commit.py.
Source    P. Bernstein, V. Hadzilacos, N. Goodman, "Concurrency Control and Recovery in Database Systems",
          1987, chapter 7, "Cooperative termination protocol".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException

from services.node import Node
from services.saga.two_phase_commit import (
    PARTICIPANT_TRANSITIONS,
    Decision,
    Phase,
    Told,
    conclude,
)
from services.shop.tables import tables

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, amount INTEGER)",
    """CREATE TABLE IF NOT EXISTS transactions (
        tx TEXT PRIMARY KEY, phase TEXT NOT NULL, account TEXT, amount INTEGER)""",
)


def two_phase_participant(
    node: Node,
    *,
    accounts: Mapping[str, int],
    coordinator: str = "http://coordinator",
    others: Sequence[str] = (),
    timeout: float = 1.0,
    patience: float = 2.0,
    every: float = 1.0,
) -> FastAPI:
    """The service; durable are the tables `accounts` and `transactions` of its database.

    accounts: what there is on the first day: pieces of an item, cents of a customer.
    POST /transactions/{tx}/prepare {"account": name, "amount": n} votes: 200 yes, 409 no.
    POST /transactions/{tx}/commit and /abort tell the outcome. GET /transactions/{tx} tells its phase, and
    POST /transactions/{tx}/doubt too, to another participant.
    GET /accounts/{name} tells the amount: 423 while it is locked.
    others: their URLs, to be asked when the coordinator says nothing. patience, every: seconds until it asks
    for the first time, and again.
    """
    return _Participant(
        node, accounts, coordinator, others, timeout=timeout, patience=patience, every=every
    ).app()


class _Participant:
    def __init__(
        self,
        node: Node,
        accounts: Mapping[str, int],
        coordinator: str,
        others: Sequence[str],
        *,
        timeout: float,
        patience: float,
        every: float,
    ) -> None:
        self._node, self._db, self._http = node, node.database(), node.client(timeout=timeout)
        self._accounts, self._coordinator, self._others = accounts, coordinator, others
        self._patience, self._every = patience, every
        self._doubts: dict[str, asyncio.Task[None]] = {}

    def app(self) -> FastAPI:
        make_tables = tables(self._db, *SCHEMA, first={"accounts": list(self._accounts.items())})

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with make_tables(app):
                for row in await self._db.execute(
                    "SELECT tx FROM transactions WHERE phase = ?", (Phase.PREPARED,)
                ):
                    self._doubt(row["tx"])  # the lock has outlived the crash, and so does the doubt
                yield

        app = FastAPI(lifespan=lifespan)

        @app.post("/transactions/{tx}/prepare")
        async def prepare(tx: str, work: dict[str, Any]) -> dict[str, Any]:
            why_not = await self._vote(tx, work["account"], work["amount"])
            if why_not:
                raise HTTPException(409, why_not)
            self._doubt(tx)
            return {"vote": "yes"}

        @app.post("/transactions/{tx}/commit")
        async def commit(tx: str) -> dict[str, Any]:
            return {"phase": await self._hear(tx, Told.COMMIT)}

        @app.post("/transactions/{tx}/abort")
        async def abort(tx: str) -> dict[str, Any]:
            return {"phase": await self._hear(tx, Told.ABORT)}

        @app.get("/transactions/{tx}")
        async def look(tx: str) -> dict[str, Any]:
            return {"phase": await self._phase(tx)}

        @app.post("/transactions/{tx}/doubt")
        async def doubt(tx: str) -> dict[str, Any]:
            return {"phase": await self._answer_one_in_doubt(tx)}

        @app.get("/accounts/{name}")
        async def read(name: str) -> dict[str, Any]:
            if tx := await self._locked_by(name):
                raise HTTPException(
                    423, f"{name} is locked by transaction {tx}, whose outcome is not known here"
                )
            rows = await self._db.execute("SELECT amount FROM accounts WHERE name = ?", (name,))
            if not rows:
                raise HTTPException(404, f"there is no account {name}")
            return {"account": name, "amount": rows[0]["amount"]}

        return app

    async def _vote(self, tx: str, account: str, amount: int) -> str | None:
        """Vote, on the disk: None is yes, else why not."""
        async with self._db.transaction():
            phase = await self._phase(tx)
            if phase is not Phase.WORKING:
                return f"{tx} is {phase}" if phase is Phase.ABORTED else None
            rows = await self._db.execute("SELECT amount FROM accounts WHERE name = ?", (account,))
            there, lock = rows[0]["amount"] if rows else 0, await self._locked_by(account)
            why_not = f"{account} is locked by transaction {lock}" if lock else None
            if not why_not and there < amount:
                why_not = f"{amount} of {account} wanted, {there} there"
            phase = PARTICIPANT_TRANSITIONS[phase, Told.VOTE_NO if why_not else Told.VOTE_YES]
            await self._db.execute(
                "INSERT INTO transactions VALUES (?, ?, ?, ?)", (tx, phase, account, amount)
            )
        self._node.record("voted", tx=tx, vote="no" if why_not else "yes", why=why_not)
        return why_not

    async def _hear(self, tx: str, told: Told) -> Phase:
        """Do as the outcome says, and take the lock off."""
        async with self._db.transaction():
            before = await self._phase(tx)
            phase = PARTICIPANT_TRANSITIONS[before, told]
            await self._db.execute(
                "INSERT INTO transactions VALUES (?, ?, NULL, 0) "
                "ON CONFLICT (tx) DO UPDATE SET phase = excluded.phase",
                (tx, phase),
            )
            if (before, phase) == (Phase.PREPARED, Phase.COMMITTED):
                await self._db.execute(
                    "UPDATE accounts SET amount = accounts.amount - t.amount FROM transactions AS t "
                    "WHERE t.tx = ? AND t.account = accounts.name",
                    (tx,),
                )
        self._node.record(phase, tx=tx)
        return phase

    async def _phase(self, tx: str) -> Phase:
        rows = await self._db.execute("SELECT phase FROM transactions WHERE tx = ?", (tx,))
        return Phase(rows[0]["phase"]) if rows else Phase.WORKING

    async def _locked_by(self, account: str) -> str | None:
        rows = await self._db.execute(
            "SELECT tx FROM transactions WHERE account = ? AND phase = ?", (account, Phase.PREPARED)
        )
        return rows[0]["tx"] if rows else None

    async def _answer_one_in_doubt(self, tx: str) -> Phase:
        """Whoever asks will abort if this one has not voted: so it never must vote yes."""
        async with self._db.transaction():
            phase = await self._phase(tx)
            if phase is Phase.WORKING:
                phase = PARTICIPANT_TRANSITIONS[phase, Told.VOTE_NO]
                await self._db.execute("INSERT INTO transactions VALUES (?, ?, NULL, 0)", (tx, phase))
        return phase

    # -- in doubt --------------------------------------------------------------------------------------------

    def _doubt(self, tx: str) -> None:
        if tx not in self._doubts:
            self._doubts[tx] = asyncio.create_task(self._until_it_knows(tx))
            self._doubts[tx].add_done_callback(lambda _: self._doubts.pop(tx, None))

    async def _until_it_knows(self, tx: str) -> None:
        await asyncio.sleep(self._patience)
        while await self._phase(tx) is Phase.PREPARED:
            outcome = await self._outcome(tx)
            if outcome is not None:
                await self._hear(tx, Told(outcome))
                return
            self._node.record("blocked", tx=tx)
            await asyncio.sleep(self._every)

    async def _outcome(self, tx: str) -> Decision | None:
        """What the coordinator decided, or what follows from the others; None: nobody can tell."""
        answer = await self._ask(f"{self._coordinator}/transactions/{tx}/doubt")
        if answer is not None:
            return Decision(answer["decision"])
        answers = await asyncio.gather(*(self._ask(f"{who}/transactions/{tx}/doubt") for who in self._others))
        return conclude(Phase(answer["phase"]) if answer else None for answer in answers)

    async def _ask(self, url: str) -> Any:
        try:
            answer = await self._http.post(url)
        except httpx.TransportError:
            return None
        return answer.json() if answer.is_success else None
