"""Idempotency keys: one effect and one answer a key, whatever crashes, is lost or comes twice."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from classroom import Crash, Drop, Duplicate, simulate
from services.resilience import (
    IdempotencyError,
    IdempotencyKeys,
    KeyInProgress,
    KeyMissing,
    KeyReused,
    fingerprint,
    key_of,
)
from services.shop.card import Card, card_network

LAMP = {"order": 7, "amount": 2000}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


def in_world(main, *, seed=0):
    """Run ``async def main(node)`` in a world, with a node of its own and its database."""

    async def scenario(world):
        return await main(world.node("payments"))

    run = simulate(scenario, seed=seed)
    run.raise_error()
    return run


# ---------------------------------------------------------------- keys and fingerprints


@pytest.mark.parametrize(("header", "key"), [("order-7", "order-7"), ('"order-7"', "order-7"), (" a ", "a")])
def test_a_key_may_be_bare_or_quoted(header, key):
    assert key_of(header) == key


@pytest.mark.parametrize("header", [None, "", '""', "  ", "x" * 256])
def test_no_key_is_a_bad_request(header):
    with pytest.raises(KeyMissing) as caught:
        key_of(header)
    assert caught.value.status == 400


def test_the_fingerprint_is_the_sha256_of_the_canonical_json():
    expected = "2a9f1e21626ddbb95af6ed3e34044d5d6dac5c7d9d5f86a5116bdf74704ddb7d"  # by sha256sum
    assert fingerprint({"order": 7, "amount": 2000}) == expected


def test_half_a_character_which_json_may_escape_has_a_fingerprint_too():
    assert fingerprint(json.loads(r'"\ud83d"')) != fingerprint(json.loads(r'"\ud83e"'))


@given(st.dictionaries(st.text(), JSON, min_size=2, max_size=4))
def test_the_order_of_a_requests_keys_does_not_matter(request):
    assert fingerprint(dict(reversed(request.items()))) == fingerprint(request)


@given(JSON, JSON)
def test_two_requests_have_one_fingerprint_only_if_they_are_equal(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (repr_of(one) == repr_of(other))


def repr_of(value):
    """A value as text that tells 1 from True and from 1.0, with dicts in the order of their keys."""
    if isinstance(value, dict):
        return repr(("dict", sorted((key, repr_of(inner)) for key, inner in value.items())))
    return repr([repr_of(inner) for inner in value]) if isinstance(value, list) else repr(value)


# ---------------------------------------------------------------- an effect in this database


async def book(db, amount):
    await db.execute("CREATE TABLE IF NOT EXISTS bookings (id INTEGER PRIMARY KEY, amount INTEGER)")
    [row] = await db.execute("INSERT INTO bookings (amount) VALUES (?) RETURNING id", (amount,))
    return {"booking": row["id"]}


def test_the_second_try_gets_the_first_ones_answer_and_books_nothing():
    async def main(node):
        keys, db = IdempotencyKeys(node.database(), clock=node.now), node.database()
        return [await keys.in_transaction("a", LAMP, lambda: book(db, 2000)) for _ in range(3)]

    run = in_world(main)
    assert [(answer.value, answer.repeated) for answer in run.result] == [
        ({"booking": 1}, False),
        ({"booking": 1}, True),
        ({"booking": 1}, True),
    ]
    assert len(run.rows("payments", "bookings")) == 1


def test_tries_at_one_instant_book_once_and_get_one_answer():
    async def main(node):
        keys, db = IdempotencyKeys(node.database(), clock=node.now), node.database()
        return await asyncio.gather(*(keys.in_transaction("a", LAMP, lambda: book(db, 1)) for _ in range(5)))

    run = in_world(main)
    assert {answer.value["booking"] for answer in run.result} == {1}
    assert [answer.repeated for answer in run.result].count(False) == 1


@pytest.mark.parametrize("how", ["in_transaction", "around"])
def test_a_key_with_another_request_is_refused_and_nothing_is_done(how):
    async def main(node):
        keys, done = IdempotencyKeys(node.database(), clock=node.now), []

        async def effect():
            done.append(1)

        await getattr(keys, how)("a", LAMP, effect)
        with pytest.raises(KeyReused, match="'a' belongs to another request") as caught:
            await getattr(keys, how)("a", {**LAMP, "amount": 1}, effect)
        return caught.value.status, len(done)

    assert in_world(main).result == (422, 1)


def test_an_effect_that_fails_leaves_nothing_behind_and_may_be_tried_again():
    async def main(node):
        keys, db = IdempotencyKeys(node.database(), clock=node.now), node.database()

        async def fails():
            await book(db, 2000)
            raise RuntimeError("after the insert")

        with pytest.raises(RuntimeError):
            await keys.in_transaction("a", LAMP, fails)
        return await keys.in_transaction("a", LAMP, lambda: book(db, 2000))

    run = in_world(main)
    assert not run.result.repeated
    assert len(run.rows("payments", "bookings")) == 1


# ---------------------------------------------------------------- an effect somewhere else


def test_a_try_beside_one_that_is_in_progress_is_told_to_come_back():
    async def main(node):
        keys = IdempotencyKeys(node.database(), clock=node.now, lease=30)

        async def slow():
            await asyncio.sleep(5)
            return "done"

        first = asyncio.create_task(keys.around("a", LAMP, slow))
        await asyncio.sleep(1)
        with pytest.raises(KeyInProgress, match=r"the next may begin in 29\.\d+ s") as caught:
            await keys.around("a", LAMP, slow)
        await first
        again = await keys.around("a", LAMP, slow)
        return caught.value.status, again.value, again.repeated

    assert in_world(main).result == (409, "done", True)


def test_after_an_error_the_next_try_may_begin_at_once_but_only_with_the_same_request():
    async def main(node):
        keys = IdempotencyKeys(node.database(), clock=node.now)

        async def fails():
            raise httpx.ReadTimeout("no answer")

        async def works():
            return 1

        with pytest.raises(httpx.ReadTimeout):
            await keys.around("a", LAMP, fails)
        with pytest.raises(KeyReused):
            await keys.around("a", {}, works)
        return (await keys.around("a", LAMP, works)).repeated

    assert in_world(main).result is False


def test_a_try_that_wakes_up_after_its_lease_does_not_set_its_successor_back():
    async def main(node):
        keys = IdempotencyKeys(node.database(), clock=node.now, lease=3)

        async def late_failure():
            await asyncio.sleep(5)
            raise httpx.ReadTimeout("no answer")

        async def works():
            await asyncio.sleep(2.5)
            return 1

        first = asyncio.create_task(keys.around("a", LAMP, late_failure))
        await asyncio.sleep(4)
        second = asyncio.create_task(keys.around("a", LAMP, works))
        with pytest.raises(httpx.ReadTimeout):
            await first
        with pytest.raises(KeyInProgress):  # the second one still works on it
            await keys.around("a", LAMP, works)
        return (await second).value

    assert in_world(main).result == 1


def test_old_keys_are_forgotten_and_young_ones_are_not():
    async def main(node):
        keys = IdempotencyKeys(node.database(), clock=node.now)

        async def effect():
            return node.now()

        await keys.around("old", LAMP, effect)
        await asyncio.sleep(100)
        await keys.around("young", LAMP, effect)
        await keys.forget(older_than=50)
        return [(await keys.around(key, LAMP, effect)).repeated for key in ("old", "young")]

    assert in_world(main).result == [False, True]


# ---------------------------------------------------------------- the same, attacked


def payments(how):
    """A service that books (in its database) or charges (at the card network), under the client's key."""

    def factory(node):
        app, db = FastAPI(), node.database()
        keys = IdempotencyKeys(db, clock=node.now, lease=4.0)
        card = Card(node.client(timeout=1.0))

        @app.post("/payments")
        async def pay(request: Request):
            body = await request.json()
            try:
                key = key_of(request.headers.get("idempotency-key"))
                answer = await how(db, keys, card, key, body)
            except IdempotencyError as error:
                return JSONResponse({"error": str(error)}, error.status)
            return answer

        return app

    return factory


async def in_transaction(db, keys, card, key, body):
    return (await keys.in_transaction(key, body, lambda: book(db, body["amount"]))).value


async def around(db, keys, card, key, body):
    async def charge():
        await card.charge(body["order"], body["amount"], key=key)
        return {"charged": body["amount"]}

    return (await keys.around(key, body, charge)).value


async def remembers_afterwards(db, keys, card, key, body):
    """Wrong: between the effect and the memory of it there is a moment to die in."""
    await db.execute("CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, answer TEXT)")
    known = await db.execute("SELECT answer FROM seen WHERE key = ?", (key,))
    if known:
        return {"booking": int(known[0]["answer"])}
    await db.execute("CREATE TABLE IF NOT EXISTS bookings (id INTEGER PRIMARY KEY, amount INTEGER)")
    answer = await book(db, body["amount"])
    await db.execute("INSERT INTO seen VALUES (?, ?)", (key, answer["booking"]))
    return answer


def checkout(how):
    """Ada pays for two orders and asks again, with the same key, until she is answered."""

    async def scenario(world):
        world.start("card", card_network)
        world.start("payments", payments(how))
        answers = {}
        async with world.client("ada", timeout=2.0) as ada:
            for order in (7, 8):
                for _ in range(30):
                    try:
                        answer = await ada.post(
                            "http://payments/payments",
                            json={"order": order, "amount": 1000 * order},
                            headers={"Idempotency-Key": f"order-{order}"},
                        )
                        answer.raise_for_status()
                    except httpx.HTTPError:
                        await world.run_for(0.7)
                        continue
                    answers.setdefault(order, []).append(answer.json())
                    if len(answers[order]) == 2:  # once more, for the replay
                        break
        return answers

    return scenario


def attacked(how):
    """A run for each crash of payments, before and after each of its effects, alone and with lost replies."""
    quiet = simulate(checkout(how), seed=3)
    quiet.raise_error()
    yield quiet
    numbers = [effect.number for effect in quiet.effects if effect.node == "payments"]
    assert len(numbers) > 10
    noise = [Drop("ada", "payments", part="reply", nth=2), Duplicate("ada", "payments", nth=3)]
    for number in numbers:
        for fault in (Crash("payments", before=number, down=1.0), Crash("payments", after=number, down=1.0)):
            yield simulate(checkout(how), seed=3, faults=[fault])
            yield simulate(checkout(how), seed=3, faults=[fault, *noise])


def amounts(run, database, table):
    return sorted(row["amount"] for row in run.rows(database, table))


def test_a_crash_anywhere_books_each_order_once_and_repeats_its_answer():
    for run in attacked(in_transaction):
        run.raise_error()
        assert amounts(run, "payments", "bookings") == [7000, 8000], run
        assert all(first == second for first, second in run.result.values()), run
        assert set(run.result) == {7, 8}, run


def test_a_crash_anywhere_charges_each_card_once_and_repeats_its_answer():
    for run in attacked(around):
        run.raise_error()
        assert amounts(run, "card", "charges") == [7000, 8000], run
        assert run.result == {7: [{"charged": 7000}] * 2, 8: [{"charged": 8000}] * 2}, run


def test_the_same_attack_finds_a_key_that_is_remembered_only_afterwards():
    runs = attacked(remembers_afterwards)
    assert amounts(next(runs), "payments", "bookings") == [7000, 8000]  # all is well without a fault
    by_a_crash_alone = (run for run in runs if len(run.faults) == 1)
    assert any(amounts(run, "payments", "bookings") != [7000, 8000] for run in by_a_crash_alone)


# ---------------------------------------------------------------- against a naive model


class Tried(Exception):
    """An effect that failed on purpose."""


class KeysAgainstModel(RuleBasedStateMachine):
    """A script of tries is collected, then run in one world, beside a dict that says what must come of it."""

    def __init__(self):
        super().__init__()
        self.script = []

    @rule(
        how=st.sampled_from(["in_transaction", "around"]),
        key=st.sampled_from("ab"),
        amount=st.sampled_from([1, 2]),
        fails=st.booleans(),
    )
    def a_try(self, how, key, amount, fails):
        self.script.append((how, key, amount, fails))

    @rule()
    def a_restart(self):
        self.script.append(None)

    def teardown(self):
        async def main(node):
            known, ran = {}, 0  # key -> (amount, answer, or None as long as none succeeded)
            keys = IdempotencyKeys(node.database(), clock=node.now)
            for step in self.script:
                if step is None:
                    keys = IdempotencyKeys(node.database(), clock=node.now)
                    continue
                how, key, amount, fails = step
                before = ran

                async def effect(fails=fails):
                    nonlocal ran
                    ran += 1
                    if fails:
                        raise Tried
                    return ran

                try:
                    answer = await getattr(keys, how)(key, {"amount": amount}, effect)
                except KeyReused:
                    assert known[key][0] != amount and ran == before
                except Tried:
                    assert fails and known.get(key, (amount, None)) == (amount, None)
                    if how == "around":
                        known[key] = (amount, None)
                else:
                    was = known.get(key, (amount, None))
                    assert was[0] == amount
                    assert answer.repeated == (was[1] is not None) == (ran == before)
                    assert answer.value == (ran if was[1] is None else was[1])
                    known[key] = (amount, answer.value)

        in_world(main)


TestKeysAgainstModel = KeysAgainstModel.TestCase
TestKeysAgainstModel.settings = settings(stateful_step_count=25)
