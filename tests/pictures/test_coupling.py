"""The pictures of coupling: availability, blocked time, deployments, uptime."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from functools import cache, partial
from typing import Any

import pytest

from classroom import Crash, Pause, Slow, simulate
from classroom.pictures import Picture, availability_curve, blocked_time, deployments, uptime
from services.shop.inventory import inventory
from services.shop.orders import orders
from services.shop.payments import payments
from services.shop.shipping import shipping
from tests.pictures.boxes import collisions, outside

CHAIN = ("ada", "orders", "payments", "inventory", "shipping")
STEPS = {(): "", ("orders",): "payments refuses it", ("orders", "payments"): ""}


async def evening(world: Any) -> list[tuple[float, bool]]:
    """Ada places an order each second for five seconds."""
    world.start("shipping", shipping)
    world.start("inventory", partial(inventory, then="http://shipping/shipments"))
    world.start("payments", partial(payments, then="http://inventory/reservations"))
    world.start("orders", partial(orders, then="http://payments/charges"))
    answers = []
    async with world.client("ada") as ada:
        for order in range(1, 6):
            began = world.now()
            body = {"order": order, "customer": "Ada", "item": "lamp", "amount": 1990}
            answer = await ada.post("http://orders/orders", json=body)
            answers.append((round(began, 3), answer.is_success))
            await world.run_for(max(0.0, order * 1.2 - world.now()))
    return answers


@cache
def run_of(*faults: Any) -> Any:
    run = simulate(evening, faults=faults)
    run.raise_error()
    return run


@cache
def pictures() -> dict[str, Picture]:
    years = {n: [0.999**n - 0.0005, 0.999**n, 0.999**n + 0.0005] for n in range(1, 17)}
    shared = {n: [0.999] * 12 for n in range(1, 17)}
    slow = run_of(Slow("shipping", by=0.5))
    blink = run_of(Crash("inventory", at=1.5, down=2))
    return {
        "curve": availability_curve({"measured": years, "all on one host": shared}, each=0.999),
        "no prediction": availability_curve({"measured": years}, each=0.999, prediction=None),
        "a wild prediction": availability_curve({"measured": years}, each=0.999, prediction=4000),
        "slow": blocked_time(slow, *CHAIN),
        "down": blocked_time(run_of(Crash("inventory", at=0, down=None)), *CHAIN),
        "hangs": blocked_time(run_of(Pause("shipping", at=0, lasts=60)), *CHAIN),
        "well": blocked_time(run_of(), *CHAIN),
        "deployments": deployments(("orders", "payments"), STEPS),
        "uptime": uptime(blink, *CHAIN[1:], orders=blink.result),
    }


@pytest.mark.parametrize("name", pictures())
def test_no_letters_stand_on_others_or_leave_the_paper(name: str) -> None:
    picture = pictures()[name]
    ElementTree.fromstring(picture.svg)
    assert collisions(picture.svg) == []
    assert outside(picture.svg) == []
    assert picture.alt.startswith(picture.title)
    assert picture.text


# ---------------------------------------------------------------- availability


def test_the_title_lays_what_was_measured_beside_the_product() -> None:
    assert pictures()["curve"].title == (
        "16 services, each up 99.9%: the shop is open 98.41%; the product says 98.41%"
    )


def test_the_text_has_a_row_for_each_length_with_a_bad_year_and_a_good_one() -> None:
    rows = pictures()["no prediction"].text.splitlines()
    assert rows[4].split(maxsplit=2) == ["4", "99.601%", "99.601% (99.551% to 99.651%)"]
    assert rows[-1] == "no prediction made"


def test_a_prediction_in_minutes_a_month_is_part_of_the_picture() -> None:
    assert "your prediction: 4000 min" in pictures()["a wild prediction"].text


def test_nothing_measured_is_no_curve() -> None:
    with pytest.raises(ValueError, match="one length of the chain"):
        availability_curve({}, each=0.999)


# ---------------------------------------------------------------- blocked time


def test_the_title_says_who_works_and_who_only_waits() -> None:
    assert pictures()["slow"].title == (
        "Ada waits 0.51 s: shipping works 0.5 s of it; orders, payments and inventory only wait"
    )


def test_each_of_the_chain_waits_no_longer_than_the_one_above_it() -> None:
    rows = pictures()["slow"].text.splitlines()
    assert [row.split(":")[0] for row in rows] == list(CHAIN)
    assert rows[-1].endswith("; answers") and "waits" not in rows[-1]


def test_who_is_down_has_no_bar_and_who_comes_after_it_is_not_asked() -> None:
    picture = pictures()["down"]
    assert picture.title == "Ada waits 7 ms and reads 503"
    assert picture.text.splitlines()[2:] == [
        "payments: from 2 ms to 5 ms, of which it waits 3 ms; inventory is down",
        "inventory: is down",
        "shipping: is not asked",
    ]


def test_the_first_in_the_chain_gives_up_first_and_the_others_wait_on_for_nobody() -> None:
    picture = pictures()["hangs"]
    assert picture.title == "Ada waits 1 s and reads 504"
    rows = picture.text.splitlines()
    assert [row.partition("; ")[2] for row in rows[1:4]] == [
        "gives up on payments",
        "gives up on inventory",
        "gives up on shipping",
    ]
    assert rows[4] == "shipping: gives no sign of life"


def test_a_call_that_never_was_is_no_picture() -> None:
    with pytest.raises(ValueError, match="ben never asked orders"):
        blocked_time(run_of(), "ben", "orders")


# ---------------------------------------------------------------- deployments


def test_the_title_counts_the_deployments_until_the_shop_sells_again() -> None:
    picture = pictures()["deployments"]
    assert picture.title == "2 deployments until the shop sells again; after 1 of them it does not"
    assert picture.text.splitlines() == [
        "new: none: the shop sells",
        "new: orders: payments refuses it",
        "new: orders, payments: the shop sells",
    ]


def test_a_shop_that_never_sells_again_is_told() -> None:
    assert deployments(("orders",), {("orders",): "no"}).title == "The shop does not sell again"


def test_no_step_is_no_picture() -> None:
    with pytest.raises(ValueError, match="one step or more"):
        deployments(("orders",), {})


# ---------------------------------------------------------------- uptime


def test_the_text_says_when_each_was_down_and_which_orders_were_lost() -> None:
    picture = pictures()["uptime"]
    assert picture.title == "1 order of 5 not sold"
    assert picture.text.splitlines() == [
        "orders: never down",
        "payments: never down",
        "inventory: down from 1.5 s to 3.5 s",
        "shipping: never down",
        "2 orders from 0 to 1.2 s: sold",
        "1 order from 2.4 to 2.4 s: not sold",
        "2 orders from 3.6 to 4.8 s: sold",
    ]


def test_a_service_that_stays_down_is_down_until_the_end() -> None:
    run = run_of(Crash("inventory", at=0, down=None))
    told = uptime(run, "inventory", orders=run.result).text.splitlines()[0]
    assert told == f"inventory: down from 0 s to {run.duration:g} s"


def test_no_order_is_no_picture() -> None:
    with pytest.raises(ValueError, match="one order or more"):
        uptime(run_of(), "orders", orders=[])
