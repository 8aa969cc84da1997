"""What a checkout holds: services that say yes, no or nothing, and a queue that does later what it took."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from classroom import Crash, ErrorRate, Partition, Pause, simulate
from classroom.world.run import Run
from classroom.world.world import World
from minibroker import Broker, BrokerApp
from services.shop.checkout import LATER, Later, Refused, Service, Unavailable, deferred
from services.shop.inventory import inventory
from services.shop.shipping import shipping

ORDER_7 = {"order": 7, "customer": "Ada", "item": "lamp", "quantity": 1, "amount": 1990}


def broker(node: Any) -> BrokerApp:
    holder = Broker(clock=node.now, observer=node.record)
    holder.create_queue(LATER, visibility_timeout=10)
    return BrokerApp(holder)


def asking(name: str, *faults: Any, stock: int = 1) -> str:
    """What asking the service `name` for order 7 comes to: "done", or the error."""

    async def scenario(world: World) -> str:
        world.start("inventory", partial(inventory, stock={"lamp": stock}))
        world.start("shipping", shipping)
        service = Service(name, world.client("orders", timeout=1.0))
        try:
            await service.ask(ORDER_7)
        except (Unavailable, Refused) as error:
            return f"{type(error).__name__}: {error}"
        return "done"

    run = simulate(scenario, faults=faults)
    run.raise_error()
    return run.result


def test_a_service_that_did_its_part_says_yes():
    assert asking("inventory") == "done"


def test_what_is_sold_out_is_refused_with_the_reason():
    assert asking("inventory", stock=0).startswith("Refused: inventory answered 409: ")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Crash("shipping", at=0, down=None), "shipping: shipping is down: connection refused"),
        (Pause("shipping", at=0, lasts=9), "shipping: no answer from shipping within 1 s"),
        (ErrorRate("orders", "shipping", status=500), "shipping answered 500"),
    ],
)
def test_down_silent_or_broken_is_unavailable_since_another_try_may_help(fault: Any, why: str):
    assert asking("shipping", fault).startswith(f"Unavailable: {why}")


def putting_off(*faults: Any, name: str = "shipping") -> Run:
    async def scenario(world: World) -> None:
        world.start("broker", broker)
        world.start("shipping", shipping)
        world.start("worker", deferred)
        later = Later(world.node("orders").queue(LATER))
        await later.send(name, ORDER_7)
        await world.run_for(60)

    return simulate(scenario, faults=faults)


def test_what_is_put_off_is_done_soon():
    run = putting_off()
    run.raise_error()
    assert run.of("shipped", order=7)[0].at < 0.1


def test_what_is_put_off_is_asked_again_until_it_is_done():
    run = putting_off(Crash("shipping", at=0, down=25))
    run.raise_error()
    assert [row["order_id"] for row in run.rows("shipping", "shipments")] == [7]
    assert len(run.of("leased")) == 4


def test_a_worker_that_dies_with_a_task_in_hand_loses_nothing():
    run = putting_off(Crash("worker", after=2, down=1))
    run.raise_error()
    assert len(run.rows("shipping", "shipments")) == 1


@pytest.mark.parametrize("fault", [Crash("broker", at=0, down=None), Partition("orders", "broker")])
def test_a_queue_that_did_not_say_yes_is_unavailable(fault: Any):
    with pytest.raises(Unavailable, match="the queue 'later' did not take it"):
        putting_off(fault).raise_error()


def test_a_name_that_nobody_has_is_told_at_once():
    with pytest.raises(ValueError, match="no service 'parcels'; there are: inventory, payments, shipping"):
        putting_off(name="parcels").raise_error()
