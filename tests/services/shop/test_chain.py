"""The shop as one chain of blocking calls: it sells, and whatever breaks anywhere is everybody's failure."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from classroom import Crash, Drop, ErrorRate, Slow, live, simulate, sweep
from classroom.world.run import Run
from classroom.world.world import World
from services.messaging.worker import work
from services.shop.card import card_network
from services.shop.contracts import Contract, OrderV1, OrderV2
from services.shop.inventory import inventory
from services.shop.notifications import notifications
from services.shop.orders import orders
from services.shop.payments import payments
from services.shop.shipping import shipping

CHAIN = {
    "orders": (orders, "http://payments/charges"),
    "payments": (payments, "http://inventory/reservations"),
    "inventory": (inventory, "http://shipping/shipments"),
    "shipping": (shipping, "http://notifications/messages"),
    "notifications": (notifications, None),
}
ORDER_7 = {"order": 7, "customer": "Ada", "item": "lamp", "quantity": 1, "amount": 1990}


def open_shop(world: World, **options: dict[str, Any]) -> None:
    for name, (service, then) in CHAIN.items():
        world.start(name, partial(service, then=then, **options.get(name, {})))


def buying(*bodies: dict[str, Any], patience: float = 5.0, **options: dict[str, Any]) -> Any:
    """Ada places these orders, one after the other. The result: (status, answer) for each."""

    async def scenario(world: World) -> list[tuple[int, Any]]:
        open_shop(world, **options)
        answers = []
        async with world.client("ada", timeout=patience) as ada:
            for body in bodies:
                answer = await ada.post("http://orders/orders", json=body)
                answers.append((answer.status_code, answer.json()))
                await world.run_for(1.5 if world.faults else 0)
        return answers

    return scenario


def kept(scenario: Any, **options: Any) -> Run:
    run = simulate(scenario, **options)
    run.raise_error()
    return run


def done(run: Run) -> dict[str, list[dict[str, Any]]]:
    """What each service did, as its durable rows."""
    tables = {
        "orders": "orders",
        "payments": "charges",
        "inventory": "reservations",
        "shipping": "shipments",
        "notifications": "messages",
    }
    return {service: run.rows(service, table) for service, table in tables.items()}


ALL_DONE = {
    "orders": [
        {
            "order_id": 7,
            "customer": "Ada",
            "item": "lamp",
            "quantity": 1,
            "amount": 1990,
            "state": "confirmed",
        }
    ],
    "payments": [{"order_id": 7, "amount": 1990}],
    "inventory": [{"order_id": 7, "item": "lamp", "quantity": 1}],
    "shipping": [{"order_id": 7, "customer": "Ada", "item": "lamp", "quantity": 1}],
    "notifications": [{"order_id": 7, "text": "Dear Ada, your order 7 is on its way."}],
}


# ---------------------------------------------------------------- it sells


@pytest.mark.parametrize("world_of", [simulate, live])
def test_the_shop_sells_simulated_and_over_real_http(world_of):
    run = world_of(buying(ORDER_7))

    run.raise_error()
    assert run.result == [(200, {"order": 7, "state": "confirmed"})]
    assert done(run) == ALL_DONE
    assert run.rows("inventory", "stock")[0] == {"item": "lamp", "available": 99}


def test_each_caller_is_blocked_for_as_long_as_all_behind_it():
    run = kept(buying(ORDER_7), faults=[Slow("notifications", by=0.5)])

    names = ["ada", *CHAIN]
    blocked = []
    for caller, callee in pairwise(names):
        [asked] = run.of("request", node=caller, to=callee)
        [answered] = run.of("answer", node=caller, callee=callee)
        blocked.append(answered.at - asked.at)
    assert blocked == sorted(blocked, reverse=True)
    assert blocked[-1] > 0.5


def test_what_was_ordered_can_be_looked_at():
    async def scenario(world: World) -> list[Any]:
        open_shop(world)
        async with world.client("ada") as ada:
            await ada.post("http://orders/orders", json=ORDER_7)
            found = await ada.get("http://orders/orders/7")
            missing = await ada.get("http://orders/orders/8")
            return [found.json(), missing.status_code, missing.json()["detail"]]

    assert kept(scenario).result == [ALL_DONE["orders"][0], 404, "there is no order 8"]


def test_prices_are_whole_cents():
    answers = kept(buying(ORDER_7 | {"amount": 19.9}, ORDER_7 | {"amount": "1990"}, ORDER_7)).result

    assert [status for status, _ in answers] == [422, 422, 200]
    assert answers[0][1]["detail"].startswith("this is no OrderV1: amount: ")


# ---------------------------------------------------------------- it breaks


@pytest.mark.parametrize("victim", [name for name in CHAIN if name != "orders"])
def test_one_service_down_anywhere_is_an_order_lost(victim):
    run = kept(buying(ORDER_7), faults=[Crash(victim, at=0, down=None)])

    [(status, answer)] = run.result
    before = list(CHAIN)[1 : list(CHAIN).index(victim)]
    assert (status, answer["detail"]) == (503, "".join(f"{name}: " for name in before) + f"{victim} is down")
    assert run.rows("orders", "orders")[0]["state"] == "pending"


def test_no_answer_in_time_is_told_apart_from_nobody_there():
    run = kept(buying(ORDER_7), faults=[Drop("orders", "payments", part="reply", nth=1)])

    assert run.result == [(504, {"detail": "payments gave no answer in time: it may have done it"})]
    assert run.rows("payments", "charges") == ALL_DONE["payments"]  # and it had


def test_half_an_answer_is_told_apart_too():
    run = kept(buying(ORDER_7), faults=[Crash("payments", after=3, down=1)])

    assert run.result == [(502, {"detail": "payments broke off: it may have done it"})]


def test_an_error_of_somebody_who_is_not_ours_is_passed_on_by_its_status():
    run = kept(buying(ORDER_7), faults=[ErrorRate("orders", "payments", status=500)])

    assert run.result == [(500, {"detail": "payments: status 500"})]


def test_what_is_sold_out_is_refused_and_changes_nothing_in_the_stock():
    run = kept(buying(ORDER_7 | {"quantity": 3}, inventory={"stock": {"lamp": 2}}))

    assert run.result == [(409, {"detail": "payments: inventory: 3 lamp ordered, 2 left"})]
    assert run.rows("inventory", "reservations") == []
    assert run.rows("payments", "charges") == ALL_DONE["payments"]  # the money is gone: that is lesson 13's


# ---------------------------------------------------------------- once


def test_the_same_order_again_is_answered_again_and_done_once():
    run = kept(buying(ORDER_7, ORDER_7))

    assert run.result == [(200, {"order": 7, "state": "confirmed"})] * 2
    assert done(run) == ALL_DONE


def test_another_order_under_the_same_number_is_refused():
    run = kept(buying(ORDER_7, ORDER_7 | {"amount": 1}))

    assert [status for status, _ in run.result] == [200, 422]
    assert done(run) == ALL_DONE


def test_placed_again_after_a_crash_before_or_after_any_effect_an_order_is_whole_and_done_once():
    async def scenario(world: World) -> None:
        open_shop(world)
        async with world.client("ada", timeout=6.0) as ada:
            for _ in range(5):
                try:
                    if (await ada.post("http://orders/orders", json=ORDER_7)).is_success:
                        return
                except Exception as error:
                    world.record("no answer", error=str(error))
                await world.run_for(1.5)

    struck = sweep(scenario, *CHAIN, check=lambda run: [] if done(run) == ALL_DONE else [done(run)])

    assert len(struck) > 40
    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []


def test_with_a_card_network_no_crash_charges_the_card_twice():
    async def scenario(world: World) -> None:
        world.start("card", card_network)
        world.start("payments", partial(payments, with_card=True))
        async with world.client("ada", timeout=6.0) as ada:
            for _ in range(5):
                try:
                    if (await ada.post("http://payments/charges", json=ORDER_7)).is_success:
                        return
                except Exception as error:
                    world.record("no answer", error=str(error))
                await world.run_for(1.5)

    def check(run: Run) -> list[Any]:
        once = [{"key": "order-7", "order_id": 7, "amount": 1990}]
        wanted = (once, ALL_DONE["payments"])
        found = (run.rows("card", "charges"), run.rows("payments", "charges"))
        return [] if found == wanted else [found]

    struck = sweep(scenario, "payments", "card", check=check)

    assert len(struck) > 10
    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []


def test_a_card_network_out_of_order_is_no_payment():
    async def scenario(world: World) -> Any:
        world.start("card", card_network)
        world.start("payments", partial(payments, with_card=True))
        async with world.client("ada") as ada:
            answer = await ada.post("http://payments/charges", json=ORDER_7)
            return answer.status_code, answer.json()["detail"]

    run = kept(scenario, faults=[ErrorRate("payments", "card")])

    assert run.result == (503, "card network: the card network answered 503")
    assert run.rows("payments", "charges") == []


# ---------------------------------------------------------------- contracts

ORDER_7_V2 = {key: value for key, value in ORDER_7.items() if key != "amount"} | {"amount_cents": 1990}


def deployed(*names: str) -> dict[str, dict[str, Any]]:
    return {name: {"contract": OrderV2} for name in names}


@pytest.mark.parametrize("renamed", range(len(CHAIN)))
def test_a_renamed_field_breaks_the_chain_until_all_five_are_deployed_anew(renamed):
    so_far = list(CHAIN)[: renamed + 1]

    [(status, answer)] = kept(buying(ORDER_7_V2, **deployed(*so_far))).result

    if len(so_far) == len(CHAIN):
        assert status == 200
    else:
        assert status == 422
        assert answer["detail"].endswith("this is no OrderV1: amount: Field required")


def test_a_new_field_breaks_nobody_and_is_passed_on_by_those_who_do_not_know_it():
    run = kept(buying(ORDER_7 | {"gift_note": "for Ben"}))

    assert run.result[0][0] == 200
    [last] = run.of("request", to="notifications")
    assert last["body"]["gift_note"] == "for Ben"


def test_who_reads_only_what_it_needs_need_not_be_deployed_when_another_field_is_renamed():
    class WhatIsShipped(Contract):
        order: int
        customer: str
        item: str
        quantity: int

    others = deployed("orders", "payments", "inventory", "notifications")
    run = kept(buying(ORDER_7_V2, **others, shipping={"contract": WhatIsShipped}))

    assert run.result[0][0] == 200
    assert done(run) == ALL_DONE


def test_both_versions_are_the_same_order_in_code():
    assert OrderV1.read(ORDER_7).amount == OrderV2.read(ORDER_7_V2).amount == 1990
    assert OrderV2.read(ORDER_7_V2).wire() == ORDER_7_V2


# ---------------------------------------------------------------- not to wait


def test_what_need_not_be_waited_for_can_come_by_queue_to_the_same_service():
    from minibroker import Broker, BrokerApp

    def broker(node):
        holder = Broker(clock=node.now, observer=node.record)
        holder.create_queue("shipments")
        return BrokerApp(holder)

    async def to_shipping(node):
        http = node.client(timeout=1.0)

        async def handle(delivery):
            (await http.post("http://shipping/shipments", json=delivery.body)).raise_for_status()
            await delivery.ack()

        await work(node, node.queue("shipments"), handle)

    async def scenario(world: World) -> None:
        world.start("broker", broker)
        world.start("shipping", shipping)
        world.start("worker-1", to_shipping)
        await world.node("orders").queue("shipments").send(ORDER_7)
        await world.run_for(60)

    run = kept(scenario, faults=[Crash("shipping", at=0, down=20)])

    assert run.rows("shipping", "shipments") == ALL_DONE["shipping"]
