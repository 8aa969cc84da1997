"""The same orders, choreographed: nobody coordinates, and stock and money add up all the same."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
import pytest

from classroom import Crash, Drop, Duplicate, ErrorRate, Partition, simulate, sweep
from classroom.world.run import Run
from classroom.world.simulated import Scenario
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from services.node import Node
from services.saga.choreography import TOPIC
from services.shop import order_events
from tests.services.saga.order_shop import LIMIT, ORDER_7, STOCK, insist

ORDERS = [
    ORDER_7,
    ORDER_7 | {"order": 8, "amount": LIMIT + 1},
    ORDER_7 | {"order": 9, "customer": "Ben"},
    ORDER_7 | {"order": 10, "item": "table"},
]
DANCERS = ("inventory", "payments", "shipping", "notifications", "orders")


def broker(node: Node) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_topic(TOPIC, partitions=1)
    return BrokerApp(holder)


def dancing(*orders: dict[str, Any], lasts: float = 40.0) -> Scenario:
    async def scenario(world: World) -> list[str]:
        world.start("broker", broker)
        world.start("inventory", partial(order_events.inventory_dances, stock=STOCK))
        world.start("payments", partial(order_events.payments_dance, limit=LIMIT))
        world.start("shipping", partial(order_events.shipping_dances, out_of_reach=("Ben",)))
        world.start("notifications", order_events.notifications_dance)
        world.start("orders", order_events.orders_dance)
        async with world.client("ada", timeout=1.5) as ada:
            for order in orders:
                await insist(world, ada, "http://orders/orders", order)
            await world.run_for(lasts)
            return [await state_of(world, ada, order["order"]) for order in orders]

    return scenario


async def state_of(world: World, ada: httpx.AsyncClient, order: int) -> str:
    """What Ada is told of her order, once she is told anything."""
    while True:
        try:
            answer = await ada.get(f"http://orders/orders/{order}")
            return answer.json()["state"]
        except httpx.TransportError:
            await world.run_for(0.5)


def wrong_with(run: Run) -> list[str]:
    run.raise_error()
    wrong = [f"{e.node} {e.kind}: {e['error']}" for e in run.of("error", "exit") if e.get("error")]
    ended = {row["order_id"]: row["state"] for row in run.rows("orders", "orders")}
    paid = {row["order_id"] for row in run.rows("payments", "charges")} - {
        row["order_id"] for row in run.rows("payments", "refunds")
    }
    holds = {row["order_id"]: row["state"] for row in run.rows("inventory", "holds")}
    sent = [row["order_id"] for row in run.rows("shipping", "shipments")]
    mails = [row["order_id"] for row in run.rows("notifications", "messages")]
    for order, state in ended.items():
        there = (order in paid, holds.get(order, "released"), sent.count(order), mails.count(order))
        wanted = {"confirmed": (True, "sold", 1, 1), "cancelled": (False, "released", 0, 0)}.get(state)
        if there != wanted:
            wrong.append(f"order {order} is {state}: {there}")
    left = {row["item"]: row["available"] for row in run.rows("inventory", "stock")}
    for row in run.rows("inventory", "holds"):
        left[row["item"]] += row["quantity"] if row["state"] != "released" else 0
    return wrong + ([] if left == STOCK else [f"stock was {STOCK} and is {left}"])


def test_four_orders_end_four_ways():
    run = simulate(dancing(*ORDERS, lasts=20))

    assert wrong_with(run) == []
    assert run.result == ["confirmed", "cancelled", "cancelled", "cancelled"]


def test_the_flow_can_be_read_from_the_log_and_from_nothing_else():
    run = simulate(dancing(ORDER_7, lasts=10))

    said = [event["value"]["event"] for event in run.of("appended")]
    assert said[:4] == ["placed", "held", "paid", "shipped"]
    assert sorted(said[4:]) == ["confirmed", "mailed", "sold"]


@pytest.mark.soak
@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"order {order['order']}")
def test_a_crash_at_any_effect_of_any_service_is_got_over(order, record_property):
    struck = sweep(dancing(order, lasts=15), *DANCERS, check=wrong_with)

    record_property("measured", f"{len(struck)} crashes of a choreographed order")
    assert [(effect, when, wrong) for effect, when, wrong in struck if wrong] == []


@pytest.mark.parametrize(
    "faults",
    [
        [Drop("*", "broker", rate=0.2, lasts=10)],
        [Drop("*", "broker", part="reply", rate=0.2, lasts=10)],
        [Duplicate("*", "broker", rate=0.5)],
        [ErrorRate("*", "broker", rate=0.3, lasts=10)],
        [Partition("payments", "broker", at=0.01, lasts=8)],
        [Crash(name, at=at, down=1.0) for at, name in enumerate(DANCERS)],
    ],
    ids=["lost", "replies lost", "twice", "out of order", "cut off", "each dies"],
)
def test_whatever_befalls_them_every_order_ends_and_all_adds_up(faults):
    assert wrong_with(simulate(dancing(*ORDERS, lasts=40), seed=1, faults=faults)) == []
