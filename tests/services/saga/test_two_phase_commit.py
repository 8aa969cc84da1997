"""Two-phase commit: all or nobody, and what becomes of those in doubt when the coordinator dies."""

from __future__ import annotations

from functools import partial
from itertools import product
from random import Random
from typing import Any

import httpx
import pytest

from classroom import Crash, Delay, Drop, Duplicate, Partition, simulate, sweep
from classroom.adversary import effects_that_matter
from classroom.world.faults import Fault
from classroom.world.run import Run
from classroom.world.simulated import Scenario
from classroom.world.world import World
from services.saga.states import IllegalMove
from services.saga.two_phase_commit import (
    PARTICIPANT_TRANSITIONS,
    Decision,
    Phase,
    Told,
    conclude,
    two_phase_coordinator,
)
from services.saga.two_phase_participant import two_phase_participant

WORK = {
    "http://inventory": {"account": "lamp", "amount": 1},
    "http://payments": {"account": "Ada", "amount": 1990},
}


def open_shop(world: World, *, ada_has: int = 5000, **options: Any) -> None:
    for name, other, accounts in (
        ("inventory", "http://payments", {"lamp": 3}),
        ("payments", "http://inventory", {"Ada": ada_has}),
    ):
        world.start(name, partial(two_phase_participant, accounts=accounts, others=[other], **options))
    world.start("coordinator", two_phase_coordinator)


def buying(*, lasts: float = 20.0, **options: Any) -> Scenario:
    """Ada buys a lamp. The result: what she was told, and what a reader of the stock was told."""

    async def scenario(world: World) -> dict[str, Any]:
        open_shop(world, **options)
        seen: dict[str, Any] = {"decision": None}
        async with world.client("ada", timeout=2.0) as ada:
            try:
                answer = await ada.post("http://coordinator/transactions/t1", json=WORK)
                seen["decision"] = answer.json()["decision"]
            except Exception as error:
                seen["error"] = type(error).__name__
            await world.run_for(lasts)
            seen["stock"] = (await look(world, ada)).status_code
        return seen

    return scenario


async def look(world: World, ada: httpx.AsyncClient) -> httpx.Response:
    """What a reader of the stock is told, once he is told anything."""
    while True:
        try:
            return await ada.get("http://inventory/accounts/lamp")
        except httpx.TransportError:
            await world.run_for(0.5)


def amounts(run: Run) -> tuple[int, int]:
    return run.rows("inventory", "accounts")[0]["amount"], run.rows("payments", "accounts")[0]["amount"]


def phases(run: Run) -> dict[str, str]:
    return {
        name: row["phase"]
        for name in ("inventory", "payments")
        for row in run.rows(name, "transactions")
        if row["tx"] == "t1"
    }


def coordinator_dies_after_the_votes(**more: Any) -> tuple[Crash, ...]:
    """It has heard both votes, and written nothing yet."""
    quiet = simulate(buying(**more))
    [decides] = [e for e in quiet.effects if e.node == "coordinator" and "INSERT INTO decisions" in e.what]
    return (Crash("coordinator", before=decides.number, down=10.0),)


def all_or_nobody(run: Run) -> list[str]:
    """The last word of a run in which everybody came back."""
    run.raise_error()
    wrong = [f"{e.node}: {e.get('error')}" for e in run.of("error")]
    if amounts(run) not in ((3, 5000), (2, 3010)):
        wrong.append(f"half of it happened: {amounts(run)}")
    if locked := [name for name, phase in phases(run).items() if phase == Phase.PREPARED]:
        wrong.append(f"still in doubt: {locked}")
    told = run.result["decision"]
    if told and amounts(run) != ((2, 3010) if told == "commit" else (3, 5000)):
        wrong.append(f"Ada was told {told}, and there is {amounts(run)}")
    return wrong


# ---------------------------------------------------------------- it works


def test_both_vote_yes_and_both_commit():
    run = simulate(buying())

    run.raise_error()
    assert run.result == {"decision": "commit", "stock": 200}
    assert amounts(run) == (2, 3010)


def test_one_no_is_a_no_for_all():
    run = simulate(buying(ada_has=100))

    assert run.result["decision"] == "abort"
    assert amounts(run) == (3, 100)
    assert phases(run) == {"inventory": "aborted", "payments": "aborted"}


def test_a_crash_before_or_after_any_effect_of_anybody_leaves_all_or_nothing():
    struck = sweep(buying(), "coordinator", "inventory", "payments", check=all_or_nobody)

    assert len(struck) > 40
    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []


TROUBLES: dict[str, list[Fault]] = {
    "requests are lost": [Drop("*", "*", rate=0.3, lasts=8)],
    "replies are lost": [Drop("*", "*", part="reply", rate=0.3, lasts=8)],
    "requests come twice": [Duplicate("*", "*", rate=0.5)],
    "requests are late": [Delay("coordinator", "*", by=3.0, rate=0.4, lasts=8)],
    "one is cut off": [Partition("coordinator", "payments", at=0.001, lasts=6)],
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_befalls_the_network_it_is_all_or_nothing(trouble, seed):
    assert all_or_nobody(simulate(buying(lasts=40), seed=seed, faults=TROUBLES[trouble])) == []


# ---------------------------------------------------------------- it breaks


def test_while_the_coordinator_is_down_after_the_votes_both_are_blocked_and_locked():
    crash = coordinator_dies_after_the_votes()
    run = simulate(buying(lasts=5), faults=crash)

    assert phases(run) == {"inventory": "prepared", "payments": "prepared"}
    assert {event.node for event in run.of("blocked")} == {"inventory", "payments"}
    assert run.result["stock"] == 423  # nobody may even look


def test_when_the_coordinator_is_back_the_doubt_ends():
    run = simulate(buying(lasts=20), faults=coordinator_dies_after_the_votes())

    assert run.result["stock"] == 200
    assert phases(run) == {"inventory": "aborted", "payments": "aborted"}


def test_the_lock_and_the_doubt_outlive_a_crash_of_the_one_in_doubt():
    run = simulate(buying(lasts=5), faults=[*coordinator_dies_after_the_votes(), Crash("inventory", at=1.0)])

    assert phases(run)["inventory"] == "prepared"
    assert run.result["stock"] == 423


def test_another_buyer_is_refused_by_a_lock_whose_owner_cannot_let_go():
    async def scenario(world: World) -> Any:
        await buying(lasts=0)(world)
        work = {"account": "lamp", "amount": 1}
        async with world.client("ben") as ben:
            answer = await ben.post("http://inventory/transactions/t2/prepare", json=work)
        return answer.status_code, answer.json()["detail"]

    run = simulate(scenario, faults=coordinator_dies_after_the_votes(lasts=0))

    assert run.result == (409, "lamp is locked by transaction t1")


def test_one_who_knows_the_outcome_ends_the_doubt_of_the_others():
    quiet = simulate(buying())
    told = next(e for e in quiet.effects if e.node == "payments" and "/t1/commit" in e.what)
    run = simulate(
        buying(lasts=8),
        faults=[
            Drop("coordinator", "inventory", nth=2),
            Crash("coordinator", at=told.at + 0.01, down=None),
        ],
    )

    assert phases(run) == {"inventory": "committed", "payments": "committed"}
    assert amounts(run) == (2, 3010)


def test_one_who_has_not_voted_ends_it_too_and_never_votes_yes():
    run = simulate(
        buying(lasts=8),
        faults=[Drop("coordinator", "payments", nth=1), Crash("coordinator", at=0.5, down=None)],
    )

    assert phases(run) == {"inventory": "aborted", "payments": "aborted"}


# ---------------------------------------------------------------- who may conclude what


def test_it_is_undecidable_only_if_each_one_who_can_be_reached_has_voted_yes():
    for others in product([*Phase, None], repeat=2):
        undecidable = set(others) <= {Phase.PREPARED, None}
        assert (conclude(others) is None) == undecidable


def test_who_has_voted_yes_has_no_way_out_but_to_be_told():
    assert PARTICIPANT_TRANSITIONS.allowed(Phase.PREPARED) == (Told.COMMIT, Told.ABORT)
    with pytest.raises(IllegalMove, match="after aborted there can be no commit; allowed: abort"):
        PARTICIPANT_TRANSITIONS[Phase.ABORTED, Told.COMMIT]
    assert conclude([Phase.COMMITTED, Phase.PREPARED]) is Decision.COMMIT


@pytest.mark.soak
@pytest.mark.parametrize("trouble", TROUBLES)
def test_two_crashes_anywhere_leave_all_or_nothing(trouble, record_property):
    wrong = []
    for seed in range(40):
        calm = simulate(buying(lasts=40), seed=seed, faults=TROUBLES[trouble])
        points = [
            Crash(effect.node, **{when: effect.number})
            for effect in effects_that_matter(calm)
            if effect.node != "ada"
            for when in ("before", "after")
        ]
        for pair in (Random(f"{seed}/{n}").sample(points, 2) for n in range(3)):
            run = simulate(buying(lasts=40), seed=seed, faults=[*TROUBLES[trouble], *pair])
            wrong += [f"seed {seed}, {pair}: {text}" for text in all_or_nobody(run)]

    record_property("measured", f"two-phase commit, {trouble}: 120 runs with two crashes each")
    assert wrong == []
