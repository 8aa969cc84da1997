"""The shop's order as a saga, when all goes well and when one thing does not."""

from __future__ import annotations

from typing import Any

import pytest

from classroom import Crash, Drop, ErrorRate, live, simulate
from classroom.world.run import Run
from classroom.world.world import World
from tests.services.saga.order_shop import ORDER_7, open_shop, placing, story

FORWARD = [
    *("begin", "start hold", "done hold", "start pay", "done pay", "pivot ship", "commit ship"),
    *("start sell", "done sell", "start mail", "done mail", "end"),
]


def kept(scenario: Any, **options: Any) -> Run:
    run = simulate(scenario, **options)
    run.raise_error()
    return run


@pytest.mark.parametrize("world_of", [simulate, live])
def test_an_order_goes_through_simulated_and_over_real_http(world_of):
    run = world_of(placing(ORDER_7, rest=1.0))

    run.raise_error()
    assert story(run) == FORWARD
    assert run.rows("payments", "charges") == [{"order_id": 7, "amount": 1990}]
    assert [row["state"] for row in run.rows("inventory", "holds")] == ["sold"]
    assert len(run.rows("shipping", "shipments")) == len(run.rows("notifications", "messages")) == 1


def test_the_card_is_declined_so_the_hold_is_given_back():
    run = kept(placing(ORDER_7 | {"amount": 9000}))

    assert story(run) == [
        *("begin", "start hold", "done hold", "start pay", "refuse pay", "undo hold", "undone hold", "end")
    ]
    assert run.rows("inventory", "stock")[0]["available"] == 3
    assert run.rows("payments", "charges") == []


def test_the_pivot_is_refused_so_all_before_it_is_undone_newest_first():
    run = kept(placing(ORDER_7 | {"customer": "Ben"}))

    assert story(run)[-7:] == ["pivot ship", "refuse ship", *story(run)[-5:]]
    assert story(run)[-5:] == ["undo pay", "undone pay", "undo hold", "undone hold", "end"]
    assert run.rows("payments", "refunds") == [{"order_id": 7, "amount": 1990}]


def test_what_got_no_answer_is_in_doubt_and_so_is_undone():
    lost = [Drop("orders", "payments", part="reply", nth=n) for n in (1, 2, 3)]
    run = kept(placing(ORDER_7), faults=lost)

    assert story(run)[3:] == [
        *("start pay", "give_up pay", "undo pay", "undone pay", "undo hold", "undone hold", "end")
    ]
    assert len(run.rows("payments", "charges")) == len(run.rows("payments", "refunds")) == 1


def test_what_was_never_done_is_undone_by_a_tombstone_which_refuses_the_late_command():
    async def late(world: World, ada: Any) -> None:
        await world.run_for(30)
        answer = await ada.post(
            "http://payments/payments", json=ORDER_7, headers={"Idempotency-Key": "order-7/pay"}
        )
        assert answer.status_code == 410

    lost = [Drop("orders", "payments", nth=n) for n in (1, 2, 3)]
    run = kept(placing(ORDER_7, meanwhile=late), faults=lost)

    assert "undone pay" in story(run)
    assert run.rows("payments", "charges") == run.rows("payments", "refunds") == []


def test_a_compensation_that_fails_twice_is_tried_a_third_time():
    fails = [ErrorRate("orders", "inventory", nth=n, status=status) for n, status in ((2, 500), (3, 409))]
    run = kept(placing(ORDER_7 | {"amount": 9000}), faults=fails)

    assert [event["tries"] for event in run.of("saga_retry", step="hold")] == [1, 2]
    assert story(run)[-3:] == ["undo hold", "undone hold", "end"]


def test_past_the_pivot_a_step_is_asked_for_until_its_service_is_back():
    run = kept(placing(ORDER_7), faults=[Crash("notifications", at=0, down=30)])

    assert story(run) == FORWARD
    assert len(run.of("saga_retry", step="mail")) > 5


def test_after_a_crash_it_goes_on_where_the_log_ends():
    run = kept(placing(ORDER_7), faults=[Crash("orders", at=0.006)])

    assert story(run) == FORWARD
    assert [event["saga"] for event in run.of("saga_resumed")] == ["order-7"]
    assert run.rows("payments", "charges") == [{"order_id": 7, "amount": 1990}]


def test_a_customer_who_cancels_before_the_pivot_gets_all_back():
    async def cancel(world: World, ada: Any) -> None:
        answer = await ada.post("http://orders/orders/7/cancel")
        assert (answer.status_code, answer.json()["saga"]) == (200, "compensating")

    run = kept(placing(ORDER_7, meanwhile=cancel))

    assert story(run)[-1] == "end" and "cancel" in story(run) and "pivot ship" not in story(run)
    assert run.rows("inventory", "stock")[0]["available"] == 3
    assert len(run.rows("payments", "charges")) == len(run.rows("payments", "refunds"))


def test_a_customer_who_cancels_after_the_pivot_is_refused():
    async def cancel(world: World, ada: Any) -> None:
        await world.run_for(1)
        answer = await ada.post("http://orders/orders/7/cancel")
        assert answer.status_code == 409
        assert answer.json()["detail"] == "saga order-7 is completed: there is no way back"

    assert story(kept(placing(ORDER_7, meanwhile=cancel))) == FORWARD


def test_a_command_without_a_key_or_without_an_order_is_refused_with_its_reason():
    async def scenario(world: World) -> list[tuple[int, str]]:
        open_shop(world)
        url, key = "http://payments/payments", {"Idempotency-Key": "order-7/pay"}
        async with world.client("ada") as ada:
            answers = [
                await ada.post(url, json=ORDER_7),
                await ada.post(url, content=b"{", headers=key),
                await ada.post(url, json=[], headers=key),
                await ada.post(url, json=ORDER_7, headers=key),
                await ada.post(url, json=ORDER_7 | {"amount": 1}, headers=key),
            ]
        return [(answer.status_code, answer.json().get("detail", "")[:26]) for answer in answers]

    run = kept(scenario)
    assert run.result == [
        (400, "this request needs an Idem"),
        (422, "this body is no JSON: Expe"),
        (422, "this is no OrderV1: : Inpu"),
        (200, ""),
        (422, "key 'order-7/pay' belongs "),
    ]
    assert run.of("error") == []


def test_an_order_can_be_looked_at_and_one_that_is_not_there_is_not_found():
    async def scenario(world: World) -> list[Any]:
        open_shop(world)
        async with world.client("ada") as ada:
            placed = await ada.post("http://orders/orders", json=ORDER_7)
            await world.run_for(1)
            found = await ada.get("http://orders/orders/7")
            other = await ada.post("http://orders/orders", json=ORDER_7 | {"amount": 1})
            missing = [
                await ada.get("http://orders/orders/8"),
                await ada.post("http://orders/orders/8/cancel"),
            ]
        states = [answer.json()["state"] for answer in (placed, found)]
        return [placed.status_code, *states, other.status_code, *(answer.status_code for answer in missing)]

    assert kept(scenario).result == [202, "pending", "confirmed", 422, 404, 404]


def test_what_is_held_and_not_sold_is_told_apart_from_what_is_sold_out():
    async def scenario(world: World) -> list[tuple[int, Any]]:
        open_shop(world)
        answers = []
        async with world.client("ada") as ada:
            for step, path, order in [
                ("1/hold", "holds", ORDER_7 | {"item": "chair"}),
                ("2/hold", "holds", ORDER_7 | {"item": "chair", "order": 8}),
                ("1/sell", "holds/sell", ORDER_7 | {"item": "chair"}),
                ("2/hold", "holds", ORDER_7 | {"item": "chair", "order": 8}),
            ]:
                headers = {"Idempotency-Key": step}
                answer = await ada.post(f"http://inventory/{path}", json=order, headers=headers)
                answers.append((answer.status_code, answer.json().get("detail")))
        return answers

    assert kept(scenario).result == [
        (200, None),
        (423, "1 chair ordered, 0 left, 1 pending"),
        (200, None),
        (409, "1 chair ordered, 0 left"),
    ]
